"""Jobs, made of what the sweep file asks for and of what the ledger holds."""

from __future__ import annotations

from cvae_core.config import TrialConfig
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.early_stopping import decision_epochs_of
from orchestration.engine.jobs import EvaluateJob, SharedMapJob, TrainJob
from orchestration.ledger.checkpoints import newest, newest_first
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import names_in
from orchestration.plan.evaluation_tasks import Task
from orchestration.plan.shared_map_tasks import SharedTask
from orchestration.spec.sweep import SweepSpec


class JobMaker:
    """Makes the jobs of one sweep.

    Args:
        spec: of the sweep.
        ledger: with all trials that are planned beforehand: their settings decide what the trials
            are called.
    """

    def __init__(self, spec: SweepSpec, ledger: Ledger) -> None:
        self._spec = spec
        self._ledger = ledger
        self._names = names_in(ledger)

    def train(self, key: str) -> TrainJob:
        """The next attempt at a trial."""
        trial, spec = self._ledger.trials[key], self._spec
        return TrainJob(
            key=key,
            config=trial.config,
            attempt=len(trial.attempts) + 1,
            checkpoints=[ref.model_dump(mode="json") for ref in newest_first(trial.checkpoints)],
            probe_every=spec.evaluation.probe_every,
            fd_every=spec.evaluation.fd_every,
            fd_settings=spec.evaluation.wanted((FD.name,))[FD.name],
            decision_epochs=decision_epochs_of(spec, self._ledger, trial),
            decision_metric=spec.scheduler.metric if spec.scheduler else "",
            every_epochs=spec.checkpoints.every_epochs,
            min_interval_s=spec.checkpoints.min_interval_s,
        )

    def evaluate(self, task: Task) -> EvaluateJob:
        """One part of one trial's evaluation."""
        trial = self._ledger.trials[task.key]
        checkpoint = task.checkpoint or newest(trial.checkpoints)
        curves = PARTS[task.part].curves
        return EvaluateJob(
            key=task.key,
            config=trial.config,
            attempt=len(trial.attempts),
            checkpoint=None if checkpoint is None else checkpoint.model_dump(mode="json"),
            part=task.part,
            entry=task.entry,
            settings=task.settings,
            label=self._label(trial),
            epochs=[epoch.model_dump(mode="json") for epoch in trial.epochs] if curves else [],
        )

    def shared_map(self, task: SharedTask) -> SharedMapJob:
        """One map of trials together."""
        trials = [
            {
                "key": trial.key,
                "label": self._label(trial),
                "config": trial.config,
                "checkpoint": newest_first(trial.checkpoints)[0].model_dump(mode="json"),
            }
            for trial in task.trials
        ]
        return SharedMapJob(task.part, task.entry, task.settings, trials)

    def _label(self, trial: Trial) -> str:
        return self._names.name(TrialConfig.from_settings(trial.config))
