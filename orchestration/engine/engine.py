"""What executes a queue's jobs: Ray on many processes, or this process alone."""

from __future__ import annotations

from typing import Protocol

from orchestration.engine.queue import Queue
from orchestration.engine.results import Results


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
