"""The engine of a run that has nothing to train or to evaluate."""

from __future__ import annotations

from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.errors import StorageError


class Idle:
    """Works a queue off from which everything is taken over that it would hand out."""

    slots = 1

    def work(self, queue: Queue, results: Results) -> None:
        """Let the queue ask for trials, and take them over."""
        if queue.next() is not None:
            gone = StorageError("what another sweep had trained, and this one needs, is gone now")
            results.give_up(gone)
