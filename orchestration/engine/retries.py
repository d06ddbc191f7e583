"""What is tried again by itself: which kinds of failure, after how long, and how often so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestration.engine.jobs import Job, TrainJob
from orchestration.ledger.documents import Trial
from orchestration.ledger.paths import is_of_attempt

LOST = "worker lost"
OUT_OF_MEMORY = "out of memory"
STORAGE = "storage"
"""Nothing can be written: that ends the run, and no trial has failed."""
RETRIED = (LOST, OUT_OF_MEMORY)
"""Kinds of failure of which another attempt may be free; any other one would come again."""
FIRST_WAIT_S = 1.0
MOST_WAIT_S = 30.0

Clock = Callable[[], float]


def wait_s(losses: int) -> float:
    """Seconds before a job that was lost so many times in a row is tried again."""
    return float(min(FIRST_WAIT_S * 2 ** max(losses - 1, 0), MOST_WAIT_S))


def losses_in_a_row(trial: Trial) -> int:
    """Attempts, the present one included, that were lost without getting one epoch further.

    What the trial had no part in does not count.
    """
    last = trial.attempts[-1] if trial.attempts else None
    if last is None:
        return 0
    if any(is_of_attempt(ref.path, last.number) for ref in trial.checkpoints):
        return int(last.counted)
    count = 0
    for attempt in reversed(trial.attempts):
        lost = attempt is last or attempt.outcome == "lost"
        if not lost or attempt.from_epoch < last.from_epoch:
            break
        count += attempt.counted
    return count


class Waiting:
    """Jobs that are to be tried again once some time has passed.

    Args:
        clock: seconds that only grow, whatever is done to the time of day.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._jobs: list[tuple[float, Job]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job, seconds: float) -> None:
        """Let a job wait for so many seconds."""
        self._jobs.append((self._clock() + seconds, job))

    def due(self) -> list[Job]:
        """Those that have waited long enough, the longest due first; they wait no more."""
        now = self._clock()
        due = sorted((entry for entry in self._jobs if entry[0] <= now), key=lambda entry: entry[0])
        self._jobs = [entry for entry in self._jobs if entry[0] > now]
        return [job for _, job in due]

    def trains(self, key: str | None = None) -> int:
        """How many of them train a trial, this one or any."""
        trains = [job for _, job in self._jobs if isinstance(job, TrainJob)]
        return sum(key in (None, job.key) for job in trains)

    @property
    def pause(self) -> float | None:
        """Seconds until the next one is due; None: none waits."""
        if not self._jobs:
            return None
        return max(0.0, min(at for at, _ in self._jobs) - self._clock())
