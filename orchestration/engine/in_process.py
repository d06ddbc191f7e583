"""The in-process engine: the same queue and worker without Ray, for tests and debugging."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.engine.worker import Worker

LOOK_S = 1.0
"""While retries wait, so often is looked whether the queue was closed meanwhile."""


def run_in_process(
    queue: Queue, results: Results, worker: Worker, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Work the queue off, one job after another; where only retries are left, wait for them."""
    while not queue.done and results.broken is None:
        job = queue.next()
        if job is None:
            if queue.pause is None:
                return
            sleep(min(queue.pause, LOOK_S))
            continue
        worker.start(job)
        results.begun(job)
        while not results.report(job, worker.step()):
            pass
