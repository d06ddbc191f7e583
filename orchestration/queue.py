"""What runs next. One place decides, whichever command asks and whichever engine works."""

from __future__ import annotations

import time
from collections import Counter, deque

from cvae_core.config import TrialConfig
from orchestration.jobs import Job
from orchestration.ledger import Attempt, Evaluated, Failure, Ledger, Trial, end_attempt
from orchestration.plan import Plan
from orchestration.spec import SweepSpec


class Queue:
    """Jobs of a sweep: evaluations of trained trials first, then trials in the plan's order."""

    def __init__(self, spec: SweepSpec, plan: Plan, ledger: Ledger) -> None:
        self._spec = spec
        self._ledger = ledger
        self._parts = ["probe"] if spec.evaluation.probe else []
        self._train: deque[str] = deque()
        self._evaluate: deque[tuple[str, str]] = deque()
        self._out: list[Job] = []
        self._never_begun: Counter[str] = Counter()
        self._lost_evaluations: Counter[tuple[str, str]] = Counter()
        self.closed = False
        """Set to hand out nothing more; jobs under way may end."""
        for key, config in plan.trials.items():
            self._enlist(key, config)

    def _enlist(self, key: str, config: TrialConfig) -> None:
        trial = self._ledger.trials.get(key)
        if trial is None:
            trial = Trial(key=key, config=config.to_settings())
            self._ledger.save(trial)
        if trial.state == "pending":
            self._train.append(key)
        elif trial.state in ("finished", "stopped"):
            self._enlist_evaluations(trial)

    def _enlist_evaluations(self, trial: Trial) -> None:
        for part in self._parts:
            if trial.evaluations.get(part, Evaluated()).state == "pending":
                self._evaluate.append((trial.key, part))

    @property
    def done(self) -> bool:
        """Whether nothing is left and nothing is under way."""
        return not self._out and (self.closed or not (self._train or self._evaluate))

    @property
    def parts(self) -> list[str]:
        """Parts of the evaluation that every trained trial gets."""
        return list(self._parts)

    @property
    def waiting(self) -> int:
        """Trials that still wait for a worker."""
        return len(self._train)

    @property
    def under_way(self) -> list[Job]:
        """Jobs that were handed out and have not come to an end."""
        return list(self._out)

    def next(self) -> Job | None:
        """The next job; None where there is none at the moment."""
        job = None
        if self.closed:
            return None
        if self._evaluate:
            job = self._evaluation(*self._evaluate.popleft())
        elif self._train:
            job = self._training(self._train.popleft())
        if job is not None:
            self._out.append(job)
        return job

    def begun(self, job: Job) -> None:
        """A worker has taken a job up."""
        if job.kind == "train":
            from_epoch = job.checkpoints[0]["epoch"] if job.checkpoints else 0
            attempt = Attempt(number=job.attempt, from_epoch=from_epoch, began=time.time())

            def begin(trial: Trial) -> None:
                trial.state = "running"
                trial.error = None
                trial.attempts.append(attempt)

            self._ledger.change(job.key, begin)

    def ended(self, job: Job) -> None:
        """A job has come to its end, well or not; what follows from it is put in line."""
        self._out.remove(job)
        trial = self._ledger.trials[job.key]
        if job.kind == "train" and trial.state in ("finished", "stopped"):
            self._enlist_evaluations(trial)
        elif job.kind == "train" and trial.state == "pending":
            self._train.appendleft(job.key)

    def lost(self, job: Job, reason: str) -> None:
        """The worker died under a job: try again, as often as ``retries`` allows."""
        failure = Failure(kind="worker lost", message=reason)
        if job.kind == "evaluate":
            self._lost_evaluations[job.key, job.part] += 1
            if self._lost_evaluations[job.key, job.part] <= self._spec.retries:
                self._evaluate.append((job.key, job.part))
            else:
                evaluated = Evaluated(state="failed", error=failure)
                self._ledger.change(job.key, lambda t: t.evaluations.update({job.part: evaluated}))
        else:
            trial = self._ledger.trials[job.key]
            if trial.state == "running":
                losses = losses_in_a_row(trial)
            else:  # the worker died before it took the job up: no attempt tells of it
                self._never_begun[job.key] += 1
                losses = self._never_begun[job.key]
            again = losses <= self._spec.retries

            def end(trial: Trial) -> None:
                end_attempt(trial, "lost", "pending" if again else "failed")
                trial.error = failure

            self._ledger.change(job.key, end)
        self.ended(job)

    def _training(self, key: str) -> Job:
        trial = self._ledger.trials[key]
        return Job(
            kind="train",
            key=key,
            config=trial.config,
            attempt=len(trial.attempts) + 1,
            checkpoints=_newest_first(trial),
            probe_every=self._spec.evaluation.probe_every,
            every_epochs=self._spec.checkpoints.every_epochs,
            min_interval_s=self._spec.checkpoints.min_interval_s,
        )

    def _evaluation(self, key: str, part: str) -> Job:
        trial = self._ledger.trials[key]
        return Job(
            kind="evaluate",
            key=key,
            config=trial.config,
            attempt=len(trial.attempts),
            checkpoints=_newest_first(trial)[:1],
            part=part,
        )


def _newest_first(trial: Trial) -> list[dict[str, object]]:
    refs = sorted(trial.checkpoints, key=lambda ref: ref.epoch, reverse=True)
    return [ref.model_dump(mode="json") for ref in refs]


def losses_in_a_row(trial: Trial) -> int:
    """Attempts, the present one included, that were lost without getting one epoch further."""
    count = 1
    for attempt in reversed(trial.attempts[:-1]):
        if attempt.outcome != "lost" or attempt.from_epoch < trial.attempts[-1].from_epoch:
            break
        count += 1
    return count
