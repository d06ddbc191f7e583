"""A trial's settings at each moment of its training: schedules and stages put to work."""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from functools import cached_property

from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.schedule import ScheduleConfig, factor_at
from cvae_core.schedule_checks import PLACES, schedules
from cvae_core.settings import merge, plain
from cvae_core.stages import beginnings, overrides, stages_of

LOGGED = {
    "beta": lambda now: now.beta,
    "lambda": lambda now: now.lambda_,
    "tau": lambda now: now.tau,
    "learning_rate": lambda now: now.learning_rate,
    "weights": lambda now: now.weights.reconstruction,
}
"""By the names of settings that may change, how their value is read."""
NAMES = {"weights": "train/weights_reconstruction"}
"""Of metrics; the others are called as the setting is."""


class Course:
    """What a trial's settings are, epoch by epoch and step by step.

    It depends on the moment alone: whoever resumes asks for the same moments again.
    """

    def __init__(self, config: TrialConfig) -> None:
        stages = stages_of(config)
        self._factors = dict(schedules(config))
        self._begin = beginnings(stages)
        self._resets = [
            begin
            for begin, stage in zip(self._begin, stages, strict=False)
            if begin and stage.reset_optimizer
        ]
        changed = {name for stage in stages for name in overrides(stage)} | self._factors.keys()
        self._logged = [name for name in LOGGED if name in changed]
        # What is asked at a moment has neither schedule nor stages: it is that moment's.
        # By what epochs are selected is the whole trial's, and may be nothing that a stage has.
        alone = plain(config) | {
            "schedule": plain(ScheduleConfig()),
            "stages": [],
            "selection": plain(SelectionConfig()),
        }
        self._stages = [
            TrialConfig.from_settings(merge(alone, overrides(stage))) for stage in stages
        ] or [config]

    @cached_property
    def end(self) -> TrialConfig:
        """The settings at the end: the last stage's, every schedule run down."""
        return self.at(math.inf)

    def at(self, time: float) -> TrialConfig:
        """The settings at a moment.

        Args:
            time: epochs since training began, parts of one included.
        """
        now = self._stages[bisect_right(self._begin, time) - 1]
        if not self._factors:
            return now
        # A copy that is not checked: at a moment a weight or the learning rate may be 0.
        now = copy.copy(now)
        for name, factor in self._factors.items():
            value = getattr(now, PLACES[name]) * factor_at(factor, time)
            object.__setattr__(now, PLACES[name], value)
        return now

    def forgets_at(self, epoch: int) -> bool:
        """Whether a stage that begins after so many epochs begins with a new optimiser."""
        return epoch in self._resets

    def metrics(self, now: TrialConfig) -> dict[str, float]:
        """Those settings that change in this trial, as an epoch's record has them."""
        return {NAMES.get(n, f"train/{n}"): float(LOGGED[n](now)) for n in self._logged}
