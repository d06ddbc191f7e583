"""What a sweep is at, seen from outside: from its documents and its unfinished writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from .place import Place

ENDED = ("finished", "stopped", "failed", "interrupted")


@dataclass(frozen=True)
class Training:
    """A trial that trains."""

    key: str
    attempt: int
    epoch: int
    """The epoch under way."""
    worker: int
    """Process id; 0: its first epoch has not been reported."""


@dataclass(frozen=True)
class Moment:
    """All that is under way."""

    training: list[Training]
    evaluating: bool
    """A finished trial has not been evaluated yet, which comes before other trials."""
    epochs: int
    """That are on record, of all trials."""


def look(place: Place, since: float) -> Moment:
    """What the ledger says is under way.

    Args:
        place: of the sweep.
        since: when the present driver began its work; older attempts are not its own.
    """
    documents = place.documents()
    training = []
    for trial in documents:
        attempt = trial["attempts"][-1] if trial["attempts"] else None
        if trial["state"] != "running" or attempt is None or attempt["began"] < since:
            continue
        worker = attempt["worker"].get("pid", 0)
        if worker == 0 or _lives(worker):
            done = trial["epochs"][-1]["epoch"] if trial["epochs"] else 0
            training.append(Training(trial["key"], attempt["number"], done + 1, worker))
    parts = max((len(trial["evaluations"]) for trial in documents), default=0)
    evaluating = any(
        trial["state"] == "finished" and len(trial["evaluations"]) < parts for trial in documents
    )
    return Moment(training, evaluating, sum(len(trial["epochs"]) for trial in documents))


def was_training(place: Place, moment: Moment) -> bool:
    """Whether one of the trials was still in training after the kill: its attempt has no end."""
    trials = {trial["key"]: trial for trial in place.documents()}
    for training in moment.training:
        attempts: list[dict[str, Any]] = trials.get(training.key, {}).get("attempts", [])
        outcomes = [a["outcome"] for a in attempts if a["number"] == training.attempt]
        if outcomes and outcomes[-1] not in ENDED:
            return True
    return False


def open_writes(sweep: Path) -> list[Path]:
    """Files that are being written now."""
    return [sweep / path for path in _parts(sweep, depth=4)]


def written_by_worker(sweep: Path, part: Path) -> bool:
    return part.relative_to(sweep).parts[0] in ("checkpoints", "artifacts")


def what_is_written(sweep: Path, part: Path) -> str:
    """Kind of a write, for the histogram."""
    kinds = {"checkpoints": "checkpoint write", "artifacts": "artifact write"}
    return kinds.get(part.relative_to(sweep).parts[0], "document write")


def _parts(folder: Path, depth: int) -> Iterator[str]:
    # This is called every half millisecond, so pathlib is too slow.
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".part"):
                    yield entry.path
                elif depth > 1 and entry.is_dir(follow_symlinks=False):
                    yield from _parts(Path(entry.path), depth - 1)
    except FileNotFoundError:
        return


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
