"""What a worker has noted of a trial's training, as far as people are told of it."""

from __future__ import annotations

from collections.abc import Iterable

from cvae_core.evaluation.distances.declaration import FD
from cvae_core.evaluation.parts import baseline_lacks

MISSING = "no "
"""How a note begins that says what there is not: ``no early stopping: … is not measured``."""


def told_notes(notes: Iterable[str], model: str) -> list[str]:
    """Each once, without those that are no news: that a baseline has no decoder.

    Args:
        notes: of the trial.
        model: of the trial.
    """
    known = f"no val/fd: {baseline_lacks(model, FD.name)}"
    return [note for note in dict.fromkeys(notes) if note != known]


def missing_notes(notes: Iterable[str], model: str) -> list[str]:
    """Those of them that say what there is not; where a trial came from is no warning."""
    return [note for note in told_notes(notes, model) if note.startswith(MISSING)]
