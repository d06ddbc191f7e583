"""Where things lie in a sweep's folder."""

from __future__ import annotations

CHECKPOINT_NOW = "checkpoint-now"
"""A file in the sweep's folder: while it is there, every epoch ends with a checkpoint."""


def checkpoint_path(key: str, attempt: int, epoch: int) -> str:
    """Place of a checkpoint in the sweep's folder.

    The attempt's number keeps an orphan from overwriting its successor's checkpoints.
    """
    return f"checkpoints/{key}/a{attempt:03d}-e{epoch:05d}.pt"


def is_of_attempt(path: str, attempt: int) -> bool:
    """Whether a checkpoint was written by this attempt at its trial."""
    return path.rpartition("/")[2].startswith(f"a{attempt:03d}-")
