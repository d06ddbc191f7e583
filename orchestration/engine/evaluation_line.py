"""Which evaluation comes next: the first that need not wait for what another one prepares."""

from __future__ import annotations

from collections import deque

from cvae_core.config import TrialConfig
from cvae_core.evaluation.parts import PARTS, lacks
from orchestration.engine.jobs import EvaluateJob
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Task, Wish, open_tasks, tasks_of
from orchestration.spec.evaluation import Evaluation


class EvaluationLine:
    """Evaluations of single trials that are to be done.

    Some parts do work once that all trials of a data set share: until the first of them is done,
    the others of its kind wait.

    Args:
        ledger: what was done.
        evaluation: of the sweep file.
        wish: evaluations to be added; None: the sweep itself.
    """

    def __init__(self, ledger: Ledger, evaluation: Evaluation, wish: Wish | None) -> None:
        self._ledger = ledger
        self._evaluation = evaluation
        self._wish = wish
        self._tasks: deque[Task] = deque()
        self._preparing: set[tuple[str, str]] = set()
        self._prepared: set[tuple[str, str]] = set()
        self._shared: dict[tuple[str, str], tuple[str, str] | None] = {}
        """By trial and part what it shares: thousands may wait, and be passed over again."""

    @property
    def is_empty(self) -> bool:
        """Whether none is left, those that wait for another one included."""
        return not self._tasks

    def add(self, trial: Trial) -> None:
        """Put in line what is open of a trial; nothing of one that is not trained."""
        self._tasks.extend(open_tasks(trial, self._evaluation, self._wish))

    def add_again(self, job: EvaluateJob) -> None:
        """Put in line what has come to nothing."""
        tasks = tasks_of(self._ledger.trials[job.key], self._evaluation, self._wish)
        self._tasks.extend(task for task in tasks if task.entry == job.entry)

    def drop(self, key: str) -> None:
        """Take out what waits of a trial."""
        self._tasks = deque(task for task in self._tasks if task.key != key)

    def next(self) -> Task | None:
        """The first that need not wait for what another one prepares right now."""
        for place, task in enumerate(self._tasks):
            shared = self._shares(task.key, task.part)
            if shared is not None and shared not in self._prepared:
                if shared in self._preparing:
                    continue
                self._preparing.add(shared)
            del self._tasks[place]
            return task
        return None

    def ended(self, job: EvaluateJob) -> None:
        """One has come to its end: what it prepared is there, or the next one prepares it."""
        shared = self._shares(job.key, job.part)
        if shared is None:
            return
        self._preparing.discard(shared)
        # An older outcome may still stand there when the worker was lost.
        done = self._ledger.trials[job.key].evaluations.get(job.entry)
        if done is not None and done.settings == job.settings:
            self._prepared.add(shared)

    def given_back(self, job: EvaluateJob) -> None:
        """One was not begun: whichever comes next prepares what it was to prepare."""
        shared = self._shares(job.key, job.part)
        if shared is not None:
            self._preparing.discard(shared)

    def _shares(self, key: str, part: str) -> tuple[str, str] | None:
        """What the first evaluation of its kind prepares for the others; None: nothing."""
        if not PARTS[part].prepares:
            return None
        if (key, part) not in self._shared:
            self._shared[key, part] = self._shared_by(key, part)
        return self._shared[key, part]

    def _shared_by(self, key: str, part: str) -> tuple[str, str] | None:
        config = TrialConfig.from_settings(self._ledger.trials[key].config)
        if lacks(config, part) is not None:
            return None  # it is absent, and prepares nothing
        return part, config.data.dataset
