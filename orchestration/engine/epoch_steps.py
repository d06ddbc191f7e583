"""An epoch under way, of a trial or of a pack, that stops now and then to tell how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from orchestration.engine.reports import ProgressReport

FIRST_WORD_S = 1.0
EVERY_S = 5.0
"""Seconds of an epoch between two words of how far it is; a word costs the worker milliseconds."""

Outcome = TypeVar("Outcome")


class EpochSteps(Generic[Outcome]):
    """The steps of one epoch.

    Args:
        steps: yields the number of images that are done after each step, then what came of all.
        images: of the epoch, each trial's.
    """

    def __init__(self, steps: Iterator[int | Outcome], images: int) -> None:
        self._steps = steps
        self._images = images
        self._began = time.monotonic()
        self._done = 0

    def go_on(self) -> Outcome | None:
        """What came of the epoch; None where there is more to do."""
        # The first word comes soon, so that a long first epoch is seen to have begun.
        until = time.monotonic() + (FIRST_WORD_S if self._done == 0 else EVERY_S)
        for done in self._steps:
            if not isinstance(done, int):
                return done
            self._done = done
            if time.monotonic() >= until and done < self._images:
                return None
        raise AssertionError("an epoch ends with what came of it")

    def so_far(self, worker: dict[str, Any]) -> ProgressReport:
        """Share, pace and what the whole of it will take."""
        spent, share = time.monotonic() - self._began, self._done / self._images
        pace = self._done / spent
        return ProgressReport(share, images_per_s=pace, epoch_s=spent / share, worker=worker)
