"""Evaluations of a whole sweep: one map of all its trials, after each has been evaluated alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.evaluation.maps.declaration import UMAP
from cvae_core.evaluation.parts import baseline_lacks
from orchestration.ledger.checkpoints import newest_first
from orchestration.ledger.documents import Evaluated, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import MAP
from orchestration.plan.evaluation_tasks import Wish, is_open, tasks_of
from orchestration.spec.evaluation import Evaluation, same_settings


@dataclass(frozen=True)
class SharedTask:
    """One map of the trials of one data set."""

    entry: str
    """Its name among the sweep's evaluations."""
    settings: dict[str, Any]
    """Of the map, and a hash of the checkpoints that it shows."""
    trials: list[Trial]
    part: str = UMAP.name
    """Whose settings they are."""


def shared_tasks(
    ledger: Ledger, evaluation: Evaluation, wish: Wish | None = None, *, missing: bool = False
) -> list[SharedTask]:
    """The maps of a sweep that are to be made now; none while a trial is still to be trained.

    Args:
        ledger: what was done.
        evaluation: of the sweep file.
        wish: evaluations to be added; None: the sweep itself.
        missing: also those that have failed, or could not be had.
    """
    wish = wish or Wish()
    settings = evaluation.wanted(wish.only).get(UMAP.name, {})
    planned = ledger.planned()
    waiting = any(trial.is_open for trial in planned)
    waiting |= any(study.end is None for study in ledger.planned_studies())
    if not settings.get("shared") or wish.trials or wish.every_checkpoint or waiting:
        return []
    groups: dict[str, list[Trial]] = {}
    for trial in planned:
        config = TrialConfig.from_settings(trial.config)
        # Baselines have maps of their own: pixels would stretch all others to their dimensions.
        if trial.state == "finished" and trial.checkpoints and config.model not in BASELINES:
            data = config.data
            group = data.dataset
            if settings["split"] == "validation":  # whose images depend on how it was split
                group += f"-{data.validation_fraction:g}-{data.split_seed}"
            groups.setdefault(group, []).append(trial)
    tasks = []
    for dataset, trials in groups.items():
        shown = "".join(newest_first(trial.checkpoints)[0].sha256 for trial in trials)
        digest = hashlib.sha256(shown.encode()).hexdigest()
        entry = MAP if len(groups) == 1 else f"{MAP}_{dataset}"
        task = SharedTask(entry, {**settings, "checkpoints": digest}, trials)
        done = ledger.sweep.evaluations.get(entry, Evaluated())
        again = missing and done.state in ("failed", "absent")
        same = same_settings(UMAP.name, done.settings, task.settings)
        if len(trials) > 1 and (done.state == "pending" or again or not same):
            tasks.append(task)
    return tasks


def missing(ledger: Ledger, evaluation: Evaluation, wish: Wish) -> list[tuple[str, str]]:
    """All that a wish asks for and that is not there, what has failed or was absent included.

    Returns:
        Keys (empty: all trials together) and names among the evaluations.
    """
    found = [("", task.entry) for task in shared_tasks(ledger, evaluation, wish, missing=True)]
    for trial in ledger.planned():
        for task in tasks_of(trial, evaluation, wish):
            if (
                not is_open(task, trial)
                and baseline_lacks(trial.config["model"], task.part) is not None
            ):
                continue  # what a baseline has not is not asked for twice
            done = trial.evaluations.get(task.entry, Evaluated())
            if is_open(task, trial, adding=True) or done.state in ("failed", "absent"):
                found.append((trial.key, task.entry))
    return found
