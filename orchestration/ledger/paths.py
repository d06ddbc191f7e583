"""Where things lie in a sweep's folder: every path in it is spelled here, and only here.

In documents paths are relative to the folder, with slashes.
"""

from __future__ import annotations

import os
from pathlib import Path

SWEEP = "sweep.json"
TRIALS = "trials"
STUDIES = "studies"
CHECKPOINTS = "checkpoints"
ARTIFACTS = "artifacts"
LOGS = "logs"
EXTRACTORS = "extractors"
"""What the evaluations of a sweep's trials share."""

LOCK = "lock"
HOLDER = "holder.json"
"""Which command holds the lock."""
STOP = "stop.json"
"""What asks that command to end."""
PROCESSES = "processes.json"
"""Of the driver, for the command after it."""
BEFORE_LEDGER = (HOLDER, STOP, PROCESSES, LOCK)
"""What a command writes into the folder of a sweep that has not begun, beside logs; the lock is the
last to go."""

TRACKING = "tracking.json"
"""What MLflow has been told."""
CHECKPOINT_NOW = "checkpoint-now"
"""A file in the sweep's folder: while it is there, every epoch ends with a checkpoint."""
LEFT_PACK = "left-pack"
"""Folder of files that are there while a pack goes on without a trial that was stopped."""
RAY_LOG = f"{LOGS}/ray.log"
REPORT_PAGE = f"{ARTIFACTS}/report/report.html"
REPORT_NOTE = f"{ARTIFACTS}/report/note.md"
ERROR_LOG = f"{LOGS}/error.txt"
"""The traceback of an error of cvae-sweep itself."""


def sweep_names(storage: Path) -> list[str]:
    """Names of the sweeps in a storage folder."""
    return sorted(path.parent.name for path in storage.glob(f"*/{SWEEP}"))


def trial_path(key: str) -> str:
    """Place of a trial's document."""
    return f"{TRIALS}/{key}.json"


def study_path(key: str) -> str:
    """Place of a study's document."""
    return f"{STUDIES}/{key}.json"


def documents_in(folder: Path, kind: str) -> list[Path]:
    """The documents of one kind, ``TRIALS`` or ``STUDIES``, that are in a sweep's folder."""
    return sorted((folder / kind).glob("*.json"))


def checkpoint_path(key: str, attempt: int, epoch: int) -> str:
    """Place of a checkpoint in the sweep's folder.

    The attempt's number keeps an orphan from overwriting its successor's checkpoints.
    """
    return f"{CHECKPOINTS}/{key}/a{attempt:03d}-e{epoch:05d}.pt"


def left_pack(key: str, attempt: int) -> str:
    """Place of the file that has a worker go on without this attempt at a trial."""
    return f"{LEFT_PACK}/{key}-a{attempt:03d}"


def lies_there(request: Path) -> bool:
    """Whether a file that asks for something is there; not where the system cannot say.

    Its error would end who only looks, a trial or a thread: the next write decides what follows.
    """
    return os.path.exists(request)  # noqa: PTH110 - pathlib's own raises EIO, ESTALE, EACCES…


def is_of_attempt(path: str, attempt: int) -> bool:
    """Whether a checkpoint was written by this attempt at its trial."""
    return path.rpartition("/")[2].startswith(f"a{attempt:03d}-")


def checkpoints_in(folder: Path) -> set[str]:
    """The checkpoints that are in a sweep's folder, whoever names them."""
    files = (folder / CHECKPOINTS).rglob("*.pt")
    return {path.relative_to(folder).as_posix() for path in files}


def report_table(name: str) -> str:
    """Place of one of the report's tables, in the form that MLflow's pages show."""
    return f"{ARTIFACTS}/report/{name}.json"


def artifacts_of(*names: str) -> str:
    """Folder of the files that an evaluation made.

    Args:
        names: the trial's key (unless it is of the whole sweep), the entry among the evaluations.
    """
    return "/".join((ARTIFACTS, *names))


def failure_log(*names: str) -> str:
    """Place of the traceback of a failed job, by what tells it from others."""
    return f"{LOGS}/{'-'.join(names)}.txt"
