"""Which parts of which trials' evaluations are still to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvae_core.evaluation.parts import PARTS
from orchestration.commands import sweep_command
from orchestration.errors import UserError
from orchestration.ledger.checkpoints import without_spares
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import entry_at
from orchestration.spec.evaluation import ADDITIONS, Evaluation, same_settings


@dataclass(frozen=True)
class Wish:
    """What ``evaluate`` is asked to add."""

    only: tuple[str, ...] = ()
    """Parts; empty: those of the sweep file."""
    trials: tuple[str, ...] = ()
    """Keys; empty: every trial that was trained to its end."""
    every_checkpoint: bool = False
    """On validation, for every checkpoint that is kept."""


@dataclass(frozen=True)
class Task:
    """One part of one trial's evaluation, of its last checkpoint or of an earlier one."""

    key: str
    part: str
    settings: dict[str, Any]
    checkpoint: CheckpointRef | None = None
    """None: the one that the trial ends with."""

    @property
    def entry(self) -> str:
        """Its name among the trial's evaluations."""
        return self.part if self.checkpoint is None else entry_at(self.part, self.checkpoint.epoch)


def tasks_of(trial: Trial, evaluation: Evaluation, wish: Wish | None = None) -> list[Task]:
    """All that a trained trial's evaluation consists of, done or not, in its order.

    Of a trial that was stopped early it is what ``evaluate --trial`` has asked for.
    """
    if not trial.is_trained:
        return []
    adding, wish = wish is not None, wish or Wish()
    if wish.trials and trial.key not in wish.trials:
        return []
    wanted = evaluation.wanted(wish.only)
    if not wish.only:
        # What was asked for by name, and could not be had then, is still wanted; without a wish
        # only what waits, because it was cut off or the trial is trained again for it.
        over = ("finished",) if adding else ("finished", "failed", "absent")
        tried = {entry for entry, done in trial.evaluations.items() if done.state not in over}
        wanted |= evaluation.wanted(tuple(tried & set(PARTS))) if tried & set(PARTS) else {}
    if wish.every_checkpoint:
        tasks = [
            Task(trial.key, part, settings | {"split": "validation"}, ref)
            for ref in sorted(without_spares(trial.checkpoints), key=lambda ref: ref.epoch)
            for part, settings in wanted.items()
        ]
    else:
        tasks = [Task(trial.key, part, settings) for part, settings in wanted.items()]
    if trial.state == "stopped" and trial.key not in wish.trials:
        # It was stopped to save time: of its own accord nothing is measured, but what was
        # asked for once is kept up.
        begun = {e for e, done in trial.evaluations.items() if adding or done.state == "pending"}
        return [task for task in tasks if task.entry in begun]
    return tasks


def is_open(task: Task, trial: Trial, *, adding: bool = False) -> bool:
    """Whether a task was not done yet, or was done with other settings.

    Args:
        task: of the trial.
        trial: with what was done.
        adding: also where metrics have joined the part since.
    """
    done = trial.evaluations.get(task.entry)
    if done is None or done.state == "pending":
        return True
    if adding and done.settings.get(ADDITIONS, 0) < task.settings.get(ADDITIONS, 0):
        return True
    # Where a file lies changes no result, but may be why there is none yet.
    results = done.state == "finished"
    return not same_settings(task.part, done.settings, task.settings, results=results)


def open_tasks(trial: Trial, evaluation: Evaluation, wish: Wish | None = None) -> list[Task]:
    """Those of a trial's tasks that are to be done."""
    adding = wish is not None
    return [t for t in tasks_of(trial, evaluation, wish) if is_open(t, trial, adding=adding)]


def check_wish(wish: Wish, ledger: Ledger) -> None:
    """Refuse a wish for trials that are not there or have nothing to be evaluated.

    Raises:
        UserError: it names the trial.
    """
    name = ledger.sweep.name
    for key in wish.trials:
        trial = ledger.trials.get(key)
        if trial is None or key not in ledger.planned_keys():
            status = sweep_command("status", ledger.folder)
            raise UserError(f"there is no trial {key!r} in {name}; see {status}")
        if not trial.is_trained:
            raise UserError(
                f"trial {key} of {name} is {trial.state}: only trained trials can be evaluated"
            )
