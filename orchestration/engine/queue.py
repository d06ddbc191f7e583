"""What runs next. One place decides, whichever command asks and whichever engine works."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from orchestration.engine.evaluation_line import EvaluationLine
from orchestration.engine.job_making import JobMaker
from orchestration.engine.job_records import begin_attempt, lose_attempt, note_not_measured
from orchestration.engine.jobs import Assignment, EvaluateJob, Job, SharedMapJob, TrainJob, jobs_in
from orchestration.engine.packing import Packing
from orchestration.engine.retries import OUT_OF_MEMORY, Clock, Retries, nodes_lost_on
from orchestration.engine.trial_line import TrialLine
from orchestration.ledger.documents import Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Wish
from orchestration.plan.plan import Plan, after_raw_pixels
from orchestration.plan.shared_map_tasks import SharedTask, shared_tasks
from orchestration.spec.sweep import SweepSpec


class Queue:
    """Jobs of a sweep: evaluations of trained trials first, then trials, at last maps of all.

    Args:
        spec: of the sweep.
        plan: its trials.
        ledger: what was done.
        wish: evaluations to be added; nothing is trained then. None: the sweep itself.
        slots: most jobs at once, a pack counted once; None: one for everybody who asks.
        clock: what waiting retries go by.
        take_over: asked of trials whose turn it is: whether they stand finished now.
    """

    # More than five: what waiting goes by is the time's own, and nothing is taken over by itself.
    def __init__(
        self,
        spec: SweepSpec,
        plan: Plan,
        ledger: Ledger,
        wish: Wish | None = None,
        *,
        slots: int | None = None,
        clock: Clock = time.monotonic,
        take_over: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._spec = spec
        self._ledger = ledger
        self._wish = wish
        for key, config in plan.trials.items():
            if key not in ledger.trials:
                ledger.save(Trial(key=key, config=config.to_settings()))
        self._trials = TrialLine(spec, ledger, plan.studies, train=wish is None)
        self._evaluations = EvaluationLine(ledger, spec.evaluation, wish)
        for trial in sorted(ledger.planned(), key=lambda t: after_raw_pixels(t.config["model"])):
            self._evaluations.add(trial)
        self._retries = Retries(spec.retries, ledger, clock)
        self.together = self._retries.together
        """A block in which trials of one pack are lost: they come again at one time."""
        self._take_over = take_over
        self._make = JobMaker(spec, ledger)
        self._packing = Packing(spec.resources.pack, ledger)
        self._lost_on: dict[str, list[str]] = {}
        """Nodes on which evaluations were lost, by the folder of their files: no attempt tells."""
        self._out: list[Job] = []
        self._begun: list[Job] = []
        self.closed = False
        """Set to hand out nothing more; jobs under way may end."""
        self._slots = slots
        self._held_in_memory: int | None = None

    @property
    def at_once(self) -> int | None:
        """How many workers may be at work at once, by slots and memory; None: all who ask."""
        known = [n for n in (self._slots, self._held_in_memory) if n is not None]
        return min(known, default=None)

    def slots_are(self, slots: int) -> None:
        """From now on there are so many; 0: nothing is handed out until there are some again."""
        self._slots = slots

    @property
    def done(self) -> bool:
        """Whether nothing is left and nothing is under way."""
        if self._out:
            return False
        return self.closed or (self._all_done_alone and not self._shared_tasks())

    @property
    def _all_done_alone(self) -> bool:
        """Whether nothing is left to be done for any trial alone."""
        return self._trials.is_empty and self._evaluations.is_empty and not self._retries

    def _shared_tasks(self) -> list[SharedTask]:
        return shared_tasks(self._ledger, self._spec.evaluation, self._wish)

    @property
    def pause(self) -> float | None:
        """Seconds until the next retry is due; None: none is to come."""
        return self._retries.pause

    @property
    def under_way(self) -> list[Job]:
        """Jobs that were handed out and have not come to an end."""
        return list(self._out)

    def is_under_way(self, task: Assignment) -> bool:
        """Whether it has not come to an end; of a pack, whether one trial of it has not."""
        return any(job in self._out for job in jobs_in(task))

    @property
    def at_work(self) -> list[Job]:
        """Those of them that a worker has taken up."""
        return list(self._begun)

    def next(self) -> Assignment | None:
        """What a worker is to do next; None where there is nothing at the moment."""
        if self.closed or (self.at_once is not None and self._workers >= self.at_once):
            return None
        self._put_in_line(self._retries.due())
        job = self._next()
        if job is None:
            return None
        task = self._packed(job) if isinstance(job, TrainJob) else job
        self._out += jobs_in(task)
        return task

    @property
    def _workers(self) -> int:
        """How many workers have what is under way: one for all of a pack."""
        trains = [job.key for job in self._out if isinstance(job, TrainJob)]
        return len(self._out) - len(trains) + self._packing.units(trains)

    def _packed(self, job: TrainJob) -> Assignment:
        """A job with those that are trained at once with it; by itself where it is trained so."""
        if not self._packing.is_packed(job.key):
            return job
        jobs, free = [job], (self.at_once or 1) - self._workers
        for key in self._packing.others(job.key, self._trials, free):
            if self._take_over(key):
                self._trained(key)
            else:
                jobs.append(self._make.train(key))
        return self._packing.pack(jobs)

    def _next(self) -> Job | None:
        while True:
            task = self._evaluations.next()
            if task is not None:
                return self._make.evaluate(task)
            key = None if self._place_is_kept else self._trials.next()
            if key is None:
                break
            if not self._take_over(key):
                return self._make.train(key)
            self._trained(key)
        if self._out or not self._all_done_alone:
            return None
        maps = self._shared_tasks()
        return self._make.shared_map(maps[0]) if maps else None

    def _trained(self, key: str) -> None:
        """A trial has ended here or elsewhere: what is open of it, and what it means to studies."""
        trial = self._ledger.trials[key]
        self._evaluations.add(trial)
        self._trials.ended(trial)

    @property
    def _place_is_kept(self) -> bool:
        """Whether the place for one more trial belongs to one that is soon tried again.

        What a study suggests and a scheduler decides depends on the order in which trials come.
        """
        kept = self._retries.trains() if self._trials.order_matters else 0
        return kept > 0 and self._workers + kept >= (self.at_once or 1)

    def _put_in_line(self, jobs: Sequence[Job]) -> None:
        """Trials that have waited come first now; evaluations come again, all before trials."""
        self._trials.put_first([job.key for job in jobs if isinstance(job, TrainJob)])
        for job in jobs:  # a map of all trials is found by itself
            if isinstance(job, EvaluateJob):
                self._evaluations.add_again(job)

    def begun(self, job: Job) -> None:
        """A worker has taken a job up."""
        self._begun.append(job)
        if isinstance(job, TrainJob):
            begin_attempt(self._ledger, job)

    def put_back(self, task: Assignment) -> None:
        """What was handed out and not taken up is handed out again."""
        for job in jobs_in(task):
            self._out.remove(job)
            self._packing.left(job)
            if isinstance(job, EvaluateJob):
                self._evaluations.given_back(job)
        self._put_in_line(jobs_in(task))

    def lost_on(self, task: Assignment) -> list[str]:
        """Names of the nodes on which a job was lost in a row; empty where that is not known.

        Of a pack it is the trial that was lost most often.
        """
        return max((self._lost_in_a_row(job) for job in jobs_in(task)), key=len)

    def _lost_in_a_row(self, job: Job) -> list[str]:
        if not isinstance(job, TrainJob):
            return self._lost_on.get(job.artifacts, [])
        return nodes_lost_on(self._ledger.trials[job.key])

    def ended(self, job: Job) -> None:
        """A job has come to its end, well or not; what follows from it is put in line."""
        self._out.remove(job)
        if job in self._begun:
            self._begun.remove(job)
        if isinstance(job, EvaluateJob):
            self._evaluations.ended(job)
        elif isinstance(job, TrainJob):
            self._packing.left(job)
            trial = self._ledger.trials[job.key]
            self._evaluations.add(trial)
            if trial.state != "pending":
                self._trials.ended(trial)
            elif not self._retries.trains(job.key):
                self._trials.put_first([job.key])

    def train_again(self, job: EvaluateJob | SharedMapJob) -> bool:
        """A trained trial's last checkpoint turned out to be damaged: go on from an older one.

        Of a map of trials those are meant whose last checkpoints are damaged.

        Returns:
            Whether that is to be done; what was evaluated stays.
        """
        if self._wish is not None:
            return False
        if isinstance(job, EvaluateJob):
            keys = [] if job.is_of_an_epoch else [job.key]
        else:
            keys = [t["key"] for t in job.trials if not self._ledger.is_intact(t["checkpoint"])]
        trained_on = [self._train_on(key) for key in keys]
        return bool(keys) and all(trained_on)

    def _train_on(self, key: str) -> bool:
        if self._ledger.trials[key].is_trained:
            if not self._retries.allows_another_training(key):
                return False
            self._ledger.change(key, lambda t: setattr(t, "state", "pending"))
            self._evaluations.drop(key)
            self._trials.again(key)
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
        in a pack, packs are half as large from now on; beside other jobs, fewer run at once. That
        does not count.

        Args:
            job: that was under way.
            failure: of a kind that is tried again.
            counted: False where the job had no part in it: it is put back in line at once.
            worker: which one it was, if it could say so.

        Returns:
            The failure with what follows from it.
        """
        follows: dict[str, Any] = {}
        if not counted:
            follows["again_s"] = self._retries.put_back(job)
        else:
            if failure.kind == OUT_OF_MEMORY:
                if isinstance(job, TrainJob) and self._packing.ran_out_of_memory(job.key):
                    counted = False
                elif self._workers > 1:
                    follows["at_once"] = self._held_in_memory = self._fewer_at_once()
                    counted = False
            follows["again_s"] = self._retries.put_off(job, counted=counted)
        failure = failure.model_copy(update=follows)
        if isinstance(job, TrainJob):
            lose_attempt(self._ledger, job, failure, worker or {}, counted=counted)
        else:
            self._lost_on.setdefault(job.artifacts, []).append((worker or {}).get("node", ""))
            if failure.again_s is None:
                note_not_measured(self._ledger, job, failure)
        self.ended(job)
        return failure

    def _fewer_at_once(self) -> int:
        return max(1, min(self.at_once or self._workers, self._workers) - 1)
