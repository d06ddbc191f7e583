"""Early stopping and the best epoch, on validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from cvae_core.config import SelectionConfig

HIGHER = ("val/probe_accuracy",)
"""Of what may be selected by, that which is better the higher it is. A test holds it to the
registry of metrics, which training does without."""


class Selection:
    """Follows one validation metric; keeps the best epoch's weights if they are wanted.

    An epoch after which the metric was not measured is neither better nor worse.
    """

    def __init__(self, config: SelectionConfig) -> None:
        self._config = config
        self._sign = -1 if config.metric in HIGHER else 1
        self.best = self._sign * math.inf
        self.best_epoch = 0
        self.best_weights: dict[str, Tensor] | None = None
        self._without_improvement = 0

    def update(
        self, epoch: int, metrics: Mapping[str, float], weights: Mapping[str, Tensor]
    ) -> None:
        """Take an epoch's metrics and weights into account."""
        value = metrics.get(self._config.metric)
        if value is None:
            return
        if self._sign * (self.best - value) > self._config.min_delta:
            self.best, self.best_epoch, self._without_improvement = value, epoch, 0
            if self._config.epoch == "best":
                self.best_weights = {name: t.detach().clone() for name, t in weights.items()}
        else:
            self._without_improvement += 1

    @property
    def stop(self) -> bool:
        """Whether patience has run out."""
        return 0 < self._config.patience <= self._without_improvement

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on, plain values and tensors."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "without_improvement": self._without_improvement,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a stored state."""
        self.best = state["best"]
        self.best_epoch = state["best_epoch"]
        self.best_weights = state["best_weights"]
        self._without_improvement = state["without_improvement"]
