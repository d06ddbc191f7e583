"""What runs next. One place decides, whichever command asks and whichever engine works."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.early_stopping import decision_epochs_of
from orchestration.engine.jobs import Job
from orchestration.engine.retries import OUT_OF_MEMORY, Clock, Waiting, losses_in_a_row, wait_s
from orchestration.ledger.documents import Attempt, Evaluated, Failure, Trial, end_attempt
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import names_in
from orchestration.plan.evaluation_tasks import Task, Wish, open_tasks, tasks_of
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import newest, shared_tasks
from orchestration.spec.sweep import SweepSpec
from orchestration.study.asking import Searching


class Queue:
    """Jobs of a sweep: evaluations of trained trials first, then trials in the plan's order.

    Where a scheduler stops trials, those of a grid come in an order that is drawn.

    Args:
        spec: of the sweep.
        plan: its trials.
        ledger: what was done.
        wish: evaluations to be added; nothing is trained then. None: the sweep itself.
        slots: most jobs at once; None: one for everybody who asks.
        clock: what waiting retries go by.
    """

    def __init__(
        self,
        spec: SweepSpec,
        plan: Plan,
        ledger: Ledger,
        wish: Wish | None = None,
        *,
        slots: int | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._spec = spec
        self._ledger = ledger
        self._wish = wish
        self._searching = (
            Searching(spec, plan.studies, ledger) if plan.studies and wish is None else None
        )
        self._train: deque[str] = deque()
        self._evaluate: deque[Task] = deque()
        self._out: list[Job] = []
        self._waiting = Waiting(clock)
        self._lost: Counter[tuple[str, str]] = Counter()
        """Losses of which no attempt tells: of evaluations, by trial and entry."""
        self._damaged: Counter[str] = Counter()
        self._preparing: set[tuple[str, str]] = set()
        self._prepared: set[tuple[str, str]] = set()
        self.closed = False
        """Set to hand out nothing more; jobs under way may end."""
        self.at_once = slots
        """How many jobs may be under way at once; fewer than at first when memory has run out."""
        for key, config in plan.trials.items():
            if key not in ledger.trials:
                ledger.save(Trial(key=key, config=config.to_settings()))
        for trial in ledger.planned():
            if trial.state == "pending" and wish is None:
                self._train.append(trial.key)
            self._enlist_evaluations(trial)
        self._names = names_in(ledger)
        self._train = deque(sorted(self._train, key=self._turn))

    def _turn(self, key: str) -> tuple[bool, str]:
        """Where a trial stands in line: begun ones first; with a scheduler the others shuffled."""
        begun, scheduler = bool(self._ledger.trials[key].attempts), self._spec.scheduler
        if scheduler is None or self._searching is not None:
            return not begun, ""
        # From the worst to the best, hardly any would ever be stopped.
        return not begun, hashlib.sha256(f"{scheduler.seed} {key}".encode()).hexdigest()

    def _enlist_evaluations(self, trial: Trial) -> None:
        self._evaluate.extend(open_tasks(trial, self._spec.evaluation, self._wish))

    @property
    def done(self) -> bool:
        """Whether nothing is left and nothing is under way."""
        if self._out:
            return False
        left = self._train or self._evaluate or self._waiting or not self._asked_all
        return self.closed or not (
            left or shared_tasks(self._ledger, self._spec.evaluation, self._wish)
        )

    @property
    def _asked_all(self) -> bool:
        return self._searching is None or self._searching.done

    @property
    def waiting(self) -> int:
        """Trials that still wait for a worker."""
        return len(self._train) + self._waiting.trains()

    @property
    def pause(self) -> float | None:
        """Seconds until the next retry is due; None: none is to come."""
        return self._waiting.pause

    @property
    def under_way(self) -> list[Job]:
        """Jobs that were handed out and have not come to an end."""
        return list(self._out)

    def next(self) -> Job | None:
        """The next job; None where there is none at the moment."""
        job = None
        if self.closed or (self.at_once is not None and len(self._out) >= self.at_once):
            return None
        self._put_in_line(self._waiting.due())
        task = self._next_task()
        if task is not None:
            job = self._evaluation(task)
        elif (key := self._next_trial()) is not None:
            job = self._training(key)
        elif not self._evaluate and not self._out and not self._waiting:
            job = self._of_the_sweep()
        if job is not None:
            self._out.append(job)
        return job

    def _next_trial(self) -> str | None:
        """A trial that waits; else one that a study asks for."""
        if self._place_is_kept:
            return None
        if self._train:
            return self._train.popleft()
        return None if self._searching is None else self._searching.next()

    @property
    def _place_is_kept(self) -> bool:
        """Whether the place for one more trial belongs to one that is soon tried again.

        What a study suggests and a scheduler decides depends on the order in which trials come.
        """
        ordered = self._searching is not None or self._spec.scheduler is not None
        kept = self._waiting.trains() if ordered else 0
        return kept > 0 and len(self._out) + kept >= (self.at_once or 1)

    def _of_the_sweep(self) -> Job | None:
        """A job about all trials, once each has been evaluated alone."""
        tasks = shared_tasks(self._ledger, self._spec.evaluation, self._wish)
        if not tasks:
            return None
        trials = [
            {
                "key": trial.key,
                "label": self._names.name(TrialConfig.from_settings(trial.config)),
                "config": trial.config,
                "checkpoint": newest(trial),
            }
            for trial in tasks[0].trials
        ]
        return Job(
            kind="evaluate",
            key="",
            config={},
            attempt=1,
            checkpoints=[],
            part="umap",
            entry=tasks[0].entry,
            settings=tasks[0].settings,
            trials=trials,
        )

    def _next_task(self) -> Task | None:
        """The first evaluation that need not wait for what another one prepares right now."""
        for task in self._evaluate:
            shared = self._shares(task.key, task.part)
            if shared is not None and shared not in self._prepared:
                if shared in self._preparing:
                    continue
                self._preparing.add(shared)
            self._evaluate.remove(task)
            return task
        return None

    def _shares(self, key: str, part: str) -> tuple[str, str] | None:
        """What the first evaluation of its kind prepares for the others; None: nothing."""
        if not PARTS[part].prepares:
            return None
        config = TrialConfig.from_settings(self._ledger.trials[key].config)
        return part, config.data.dataset

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
        if not job.key:
            return
        trial = self._ledger.trials[job.key]
        shared = self._shares(job.key, job.part) if job.kind == "evaluate" else None
        if shared is not None:
            self._preparing.discard(shared)
            # An older outcome may still stand there when the worker was lost.
            done = trial.evaluations.get(job.entry)
            if done is not None and done.settings == job.settings:
                self._prepared.add(shared)
        if job.kind == "train" and trial.is_trained:
            self._enlist_evaluations(trial)
        waits = self._waiting.trains(job.key) > 0
        if job.kind == "train" and trial.state == "pending" and not waits:
            self._train.appendleft(job.key)
        if job.kind == "train" and trial.state != "pending" and self._searching is not None:
            self._searching.ended(job.key)

    def train_again(self, job: Job) -> bool:
        """A trained trial's last checkpoint turned out to be damaged: go on from an older one.

        Of an evaluation of all trials those are meant whose last checkpoints are damaged.

        Returns:
            Whether that is to be done; what was evaluated stays.
        """
        if "@" in job.entry or self._wish is not None:
            return False
        shown = [each for each in job.trials if not self._ledger.is_intact(each["checkpoint"])]
        keys = [job.key] if job.key else [each["key"] for each in shown]
        trained_on = [self._train_on(key) for key in keys]
        return bool(keys) and all(trained_on)

    def _train_on(self, key: str) -> bool:
        if self._ledger.trials[key].is_trained:
            self._damaged[key] += 1
            if self._damaged[key] > self._spec.retries:
                return False
            self._ledger.change(key, lambda t: setattr(t, "state", "pending"))
            self._evaluate = deque(task for task in self._evaluate if task.key != key)
            self._train.appendleft(key)
            if self._searching is not None:
                self._searching.again(key)
        return True

    def lost(
        self,
        job: Job,
        failure: Failure,
        *,
        counted: bool = True,
        worker: dict[str, Any] | None = None,
    ) -> Failure:
        """A job has come to nothing, and another attempt may be free of that.

        It is tried again after a while, as often as ``retries`` allows. Where memory has run out
        beside other jobs, fewer run at once from now on, and that does not count.

        Args:
            job: that was under way.
            failure: of a kind that is tried again.
            counted: False where the job had no part in it: it is put back in line at once.
            worker: which one it was, if it could say so.

        Returns:
            The failure with what follows from it.
        """
        free = not counted
        if failure.kind == OUT_OF_MEMORY and counted and len(self._out) > 1:
            self.at_once = max(1, min(self.at_once or len(self._out), len(self._out)) - 1)
            failure = failure.model_copy(update={"at_once": self.at_once})
            counted = False
        losses = self._losses(job, counted=counted)
        again = free or 0 < self._spec.retries >= losses
        if again:
            seconds = 0.0 if free else wait_s(losses)
            failure = failure.model_copy(update={"again_s": seconds})
            self._waiting.add(job, seconds)
        if job.kind == "train":

            def lose(trial: Trial) -> None:
                if trial.state == "running":
                    attempt = trial.attempts[-1]
                    attempt.worker = attempt.worker or worker or {}
                    attempt.failure = failure.model_copy(update={"traceback": ""})
                end_attempt(trial, "lost", "pending" if again else "failed", counted=counted)
                trial.error = failure

            self._ledger.change(job.key, lose)
        elif not again:
            evaluated = Evaluated(state="failed", settings=job.settings, error=failure)
            self._ledger.note_evaluation(job.key, job.entry, evaluated)
        self.ended(job)
        return failure

    def _losses(self, job: Job, *, counted: bool) -> int:
        """How often a job was lost in a row, this time included if it counts."""
        if job.kind == "train" and self._ledger.trials[job.key].state == "running":
            return losses_in_a_row(self._ledger.trials[job.key]) - (not counted)
        self._lost[job.key, job.entry] += counted
        return self._lost[job.key, job.entry]

    def _put_in_line(self, jobs: list[Job]) -> None:
        """Trials that have waited come first now; evaluations come again, all before trials."""
        self._train.extendleft(job.key for job in reversed(jobs) if job.kind == "train")
        # A job about the whole sweep has no key: it is found by itself.
        for job in (job for job in jobs if job.kind == "evaluate" and job.key):
            tasks = tasks_of(self._ledger.trials[job.key], self._spec.evaluation, self._wish)
            self._evaluate.extend(task for task in tasks if task.entry == job.entry)

    def _training(self, key: str) -> Job:
        trial = self._ledger.trials[key]
        return Job(
            kind="train",
            key=key,
            config=trial.config,
            attempt=len(trial.attempts) + 1,
            checkpoints=_newest_first(trial),
            probe_every=self._spec.evaluation.probe_every,
            fd_every=self._spec.evaluation.fd_every,
            decision_epochs=decision_epochs_of(self._spec, self._ledger, trial),
            decision_metric=self._spec.scheduler.metric if self._spec.scheduler else "",
            settings=self._spec.evaluation.wanted(("fd",))["fd"],
            every_epochs=self._spec.checkpoints.every_epochs,
            min_interval_s=self._spec.checkpoints.min_interval_s,
        )

    def _evaluation(self, task: Task) -> Job:
        trial = self._ledger.trials[task.key]
        ref = task.checkpoint
        return Job(
            kind="evaluate",
            key=task.key,
            config=trial.config,
            attempt=len(trial.attempts),
            checkpoints=_newest_first(trial)[:1] if ref is None else [ref.model_dump(mode="json")],
            part=task.part,
            entry=task.entry,
            settings=task.settings,
            label=self._names.name(TrialConfig.from_settings(trial.config)),
            epochs=[epoch.model_dump(mode="json") for epoch in trial.epochs]
            if PARTS[task.part].curves
            else [],
        )


def _newest_first(trial: Trial) -> list[dict[str, object]]:
    refs = sorted(trial.checkpoints, key=lambda ref: ref.epoch, reverse=True)
    return [ref.model_dump(mode="json") for ref in refs]
