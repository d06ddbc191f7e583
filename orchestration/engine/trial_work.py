"""A trial in training, but for its steps: where it begins, what judges it, what is reported."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import AbsentError, CheckpointError, EvaluationError, TooLargeError
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.models import Model
from cvae_core.training.begin import AnyTraining
from cvae_core.training.checkpoint import Checkpoint, sha256
from cvae_core.training.training import Judge, When
from orchestration import store
from orchestration.engine.checkpoint_reading import read_reference
from orchestration.engine.evaluator import Evaluator
from orchestration.engine.jobs import TrainJob
from orchestration.engine.reports import EpochReport
from orchestration.engine.worker_failures import memory_here
from orchestration.ledger.checkpoints import is_asked_for
from orchestration.ledger.names import NO_SCHEDULER
from orchestration.ledger.paths import CHECKPOINT_NOW, checkpoint_path, lies_there
from orchestration.plan.memory import too_large
from orchestration.spec.evaluation import part_settings


class TrialWork:
    """What a worker does for a trial besides training it.

    Args:
        job: about the trial.
        data: its images.
        folder: of the sweep.
        evaluator: of the worker, which keeps what judges need.
        about: the worker, as reports name it.
    """

    def __init__(
        self,
        job: TrainJob,
        data: Dataset,
        folder: Path,
        evaluator: Evaluator,
        about: dict[str, Any],
    ) -> None:
        self.job = job
        self.config = TrialConfig.from_settings(job.config)
        self.data = data
        self._folder = folder
        self._shared = evaluator
        self._about = about
        self._from_epoch = 0
        self._notes: list[str] = []
        self._saved_at = time.monotonic()

    def start(self, *, gpu: bool) -> Checkpoint | None:
        """The checkpoint to go on from; None: there is none that is good.

        Raises:
            TooLargeError: the memory here can never hold the trial.
        """
        never = too_large(self.config, self.data.image_shape, memory_here(gpu=gpu))
        if never is not None:
            raise TooLargeError(never)
        start = self._newest_good()
        self._from_epoch = 0 if start is None else start.epoch
        return start

    def judges(self) -> list[Judge]:
        """What looks at the model meanwhile."""
        return [*self._probe(), *self._fd()]

    def report(self, training: AnyTraining, record: dict[str, Any] | None) -> EpochReport:
        """What is reported after an epoch; of one that had none left there is no record."""
        job = self.job
        if record is not None:
            self._note_undecided(record)
        due = (
            training.finished
            or is_asked_for(training.epoch, job.every_epochs)
            # Where a trial is stopped, its newest checkpoint is of that epoch.
            or training.epoch in job.decision_epochs
            or time.monotonic() - self._saved_at >= job.min_interval_s
            or lies_there(self._folder / CHECKPOINT_NOW)
        )
        return EpochReport(
            final=training.finished,
            from_epoch=self._from_epoch,
            epoch=record,
            checkpoint=self._save(training) if record is not None and due else None,
            worker=self._about,
            notes=self._notes,
        )

    def _note(self, note: str) -> None:
        """Have a line stand with the trial, once."""
        if note not in self._notes:
            self._notes.append(note)

    def _note_undecided(self, record: dict[str, Any]) -> None:
        due = record["epoch"] in self.job.decision_epochs
        if due and self.job.decision_metric not in record["metrics"]:
            self._note(f"{NO_SCHEDULER}: {self.job.decision_metric} is not measured")

    def _probe(self) -> list[Judge]:
        when = When(self.job.probe_every, _decided_by(self.job, "val/probe_accuracy"))
        if not when.every and not when.at:
            return []
        from cvae_core.evaluation.probes.validation import validation_judge

        try:
            return [(when, validation_judge(self.config, self.data, self._note))]
        except AbsentError as error:
            self._note(f"no val/probe_accuracy: {error}")
            return []

    def _fd(self) -> list[Judge]:
        when = When(self.job.fd_every, _decided_by(self.job, "val/fd_"))
        if not when.every and not when.at:
            return []
        from cvae_core.evaluation.distances.fd import validation_judge

        settings = part_settings(FD.name, self.job.fd_settings)
        try:
            shared = self._shared
            given = (self.config, self.data, settings, shared.cache, shared.kept)
            judge, keep = validation_judge(*given)
            if not shared.keep(keep):  # another worker's was there first, by which all are judged
                judge, _ = validation_judge(*given)
        except AbsentError as error:
            self._note(f"no val/fd: {error}")
            return []

        def measured(model: Model) -> dict[str, float]:
            try:
                return judge(model)
            except EvaluationError as error:  # the training is none the worse
                self._note(f"no val/fd: {error}")
                return {}

        return [(when, measured)]

    def _newest_good(self) -> Checkpoint | None:
        for ref in self.job.checkpoints:
            try:
                return read_reference(self._folder, ref, self.config)
            except CheckpointError as error:
                self._note(f"checkpoint of epoch {ref['epoch']} was not used: {error}")
        return None

    def _save(self, training: AnyTraining) -> dict[str, Any]:
        content = training.checkpoint().to_bytes()
        path = checkpoint_path(self.job.key, self.job.attempt, training.epoch)
        store.write_bytes(self._folder / path, content)
        self._saved_at = time.monotonic()
        return {
            "epoch": training.epoch,
            "path": path,
            "sha256": sha256(content),
            "bytes": len(content),
        }


def _decided_by(job: TrainJob, metrics: str) -> list[int]:
    """Epochs after which a scheduler wants to know one of these metrics, named by their start."""
    return job.decision_epochs if job.decision_metric.startswith(metrics) else []
