"""The in-process engine: the same queue, door and worker without Ray, for tests and debugging."""

from __future__ import annotations

from orchestration.door import Door
from orchestration.queue import Queue
from orchestration.worker import Worker


def run_in_process(queue: Queue, door: Door, worker: Worker) -> None:
    """Work the queue off, one job after another."""
    while not queue.done and door.broken is None:
        job = queue.next()
        if job is None:
            return
        worker.start(job)
        door.begun(job)
        while not door.report(job, worker.step()):
            pass
