"""The in-process engine: the same queue and worker without Ray, for tests and debugging."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.engine.worker import Worker

LOOK_S = 1.0
"""While retries wait, so often is looked whether the queue was closed meanwhile."""


class InProcessEngine:
    """One job after another, in the thread that calls.

    Args:
        worker: that carries them out.
        sleep: what waits, in seconds, where only retries are left.
    """

    slots = 1

    def __init__(self, worker: Worker, sleep: Callable[[float], object] = time.sleep) -> None:
        self._worker = worker
        self._sleep = sleep

    def work(self, queue: Queue, results: Results) -> None:
        """Work a queue off."""
        while not queue.done and results.broken is None:
            job = queue.next()
            if job is None:
                if queue.pause is None:
                    return
                self._sleep(min(queue.pause, LOOK_S))
                continue
            self._worker.start(job)
            results.begun(job)
            while not results.report(job, self._worker.step()):
                pass
