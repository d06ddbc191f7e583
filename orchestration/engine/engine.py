"""What executes a queue's jobs: Ray on many processes, this process alone, or nobody."""

from __future__ import annotations

from typing import Protocol

from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.errors import StorageError


class Engine(Protocol):
    """Executes jobs, and decides nothing."""

    @property
    def slots(self) -> int:
        """How many jobs run at once."""

    def work(self, queue: Queue, results: Results) -> None:
        """Work a queue off: hand its jobs out, and every report in.

        Returns when the queue is done, or when nothing can be written down any more
        (``results.broken``).
        """


class Idle:
    """The engine of a run that has nothing to train or to evaluate.

    It works a queue off from which everything is taken over that it would hand out.
    """

    slots = 1

    def work(self, queue: Queue, results: Results) -> None:
        """Let the queue ask for trials, and take them over."""
        if queue.next() is not None:
            gone = StorageError("what another sweep had trained, and this one needs, is gone now")
            results.give_up(gone)
