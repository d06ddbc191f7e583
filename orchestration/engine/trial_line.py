"""Which trial is trained next: those that wait, in their order, then what studies ask for."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping

from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import after_raw_pixels
from orchestration.spec.sweep import SweepSpec
from orchestration.study.asking import Searching
from orchestration.study.cells import StudyPlan


class TrialLine:
    """Trials that are to be trained: begun ones first, raw pixels, then the plan's order.

    The probe of raw pixels may take minutes: were it the last job, all workers but one would wait
    for it. Where a scheduler stops trials, those of a grid come in an order that is drawn.

    Args:
        spec: of the sweep.
        ledger: with all trials that are planned beforehand.
        studies: by key, which the ledger knows.
        train: False: no trial is trained at all.
    """

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        studies: Mapping[str, StudyPlan],
        *,
        train: bool = True,
    ) -> None:
        self._ledger = ledger
        self._scheduler = spec.scheduler
        self._searching = Searching(spec, studies, ledger) if studies and train else None
        pending = [trial.key for trial in ledger.planned() if trial.state == "pending" and train]
        self._keys = deque(sorted(pending, key=self._turn))

    def _turn(self, key: str) -> tuple[bool, bool, str]:
        """Where a trial stands in line; with a scheduler most are shuffled."""
        trial = self._ledger.trials[key]
        place = not trial.attempts, after_raw_pixels(trial.config["model"])
        if self._scheduler is None or self._searching is not None:
            return *place, ""
        # From the worst to the best, hardly any would ever be stopped.
        return *place, hashlib.sha256(f"{self._scheduler.seed} {key}".encode()).hexdigest()

    @property
    def is_empty(self) -> bool:
        """Whether none waits, and none will be asked for."""
        return not self._keys and (self._searching is None or self._searching.done)

    @property
    def order_matters(self) -> bool:
        """Whether what is suggested or stopped depends on the order in which trials come."""
        return self._searching is not None or self._scheduler is not None

    def next(self) -> str | None:
        """Key of a trial that waits, else of one that a study asks for."""
        if self._keys:
            return self._keys.popleft()
        return None if self._searching is None else self._searching.next()

    def __len__(self) -> int:
        """How many wait, without those that studies will ask for."""
        return len(self._keys)

    def take(self, fits: Callable[[str], bool], most: int) -> list[str]:
        """Keys of trials that wait and fit, in their order; the others stay where they are."""
        taken: list[str] = []
        for _ in range(len(self._keys)):
            key = self._keys.popleft()
            if len(taken) < most and fits(key):
                taken.append(key)
            else:
                self._keys.append(key)
        return taken

    def put_first(self, keys: list[str]) -> None:
        """Let trials come before all others, in this order."""
        self._keys.extendleft(reversed(keys))

    def ended(self, trial: Trial) -> None:
        """Tell the studies what came of a trial."""
        if self._searching is not None:
            self._searching.ended(trial.key)

    def again(self, key: str) -> None:
        """A trial that had ended is trained on, before all others."""
        self.put_first([key])
        if self._searching is not None:
            self._searching.again(key)
