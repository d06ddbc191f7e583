"""What is tried again by itself: which kinds of failure, after how long, and how often so far."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestration.engine.jobs import Job, TrainJob
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import is_of_attempt

LOST = "worker lost"
OUT_OF_MEMORY = "out of memory"
TOO_LARGE = "too large"
"""The memory here can never hold it, whatever else ends: trying again would be in vain."""
STORAGE = "storage"
"""Nothing can be written: that ends the run, and no trial has failed."""
RETRIED = (LOST, OUT_OF_MEMORY)
"""Kinds of failure of which another attempt may be free; any other one would come again."""
FIRST_WAIT_S = 1.0
MOST_WAIT_S = 30.0

Clock = Callable[[], float]


def wait_s(losses: int) -> float:
    """Seconds before a job that was lost so many times in a row is tried again.

    tenacity computes this as well, but for a call that it makes and sleeps for: here nobody sleeps,
    the queue is asked for other jobs meanwhile. What waits elsewhere repeats no call until it works
    (it follows a ledger, watches processes, listens for a signal), and would not become shorter.
    """
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


def nodes_lost_on(trial: Trial) -> list[str]:
    """Nodes of the last attempts that were lost in a row; empty where that is not known.

    That the driver died under an attempt, which then has no failure, says nothing of its node.
    """
    lost = itertools.takewhile(
        lambda each: each.outcome == "lost" and each.failure is not None, reversed(trial.attempts)
    )
    return [str(attempt.worker.get("node", "")) for attempt in lost][::-1]


class Retries:
    """Jobs that are tried again once some time has passed, and how often each was.

    Args:
        allowed: losses of a job in a row after which it is tried again.
        ledger: it tells of lost attempts at trials, also those before this run.
        clock: seconds that only grow, whatever is done to the time of day.
    """

    def __init__(self, allowed: int, ledger: Ledger, clock: Clock = time.monotonic) -> None:
        self._allowed = allowed
        self._ledger = ledger
        self._clock = clock
        self._jobs: list[tuple[float, Job]] = []
        """With the time at which each is due."""
        self._evaluations: Counter[str] = Counter()
        """Losses of evaluations, of which no attempt tells, by the folder of their files."""
        self._trained_again: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._jobs)

    def put_back(self, job: Job) -> float:
        """Have a job tried again at once, whatever was before; the seconds that it waits."""
        self._jobs.append((self._clock(), job))
        return 0.0

    def put_off(self, job: Job, *, counted: bool) -> float | None:
        """Let a lost job wait, unless it was lost too often.

        Args:
            job: that was lost.
            counted: whether this time counts.

        Returns:
            Seconds that it waits; None: it is not tried again.
        """
        losses = self._losses(job, counted=counted)
        if not 0 < self._allowed >= losses:
            return None
        seconds = wait_s(losses)
        self._jobs.append((self._clock() + seconds, job))
        return seconds

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is lost meanwhile, those of a pack, is due when the last of it is.

        Each is written down before the next one is seen to: by itself each would be due some
        milliseconds later, and would be in a pack of its own.
        """
        before = len(self._jobs)
        yield
        lost = self._jobs[before:]
        due = max((at for at, _ in lost), default=0.0)
        self._jobs[before:] = [(due, job) for _, job in lost]

    def _losses(self, job: Job, *, counted: bool) -> int:
        """How often a job was lost in a row, this time included if it counts."""
        if isinstance(job, TrainJob):
            return losses_in_a_row(self._ledger.trials[job.key]) - (not counted)
        self._evaluations[job.artifacts] += counted
        return self._evaluations[job.artifacts]

    def allows_another_training(self, key: str) -> bool:
        """Whether a trial whose last checkpoint is damaged is trained on; that is counted."""
        self._trained_again[key] += 1
        return self._trained_again[key] <= self._allowed

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
