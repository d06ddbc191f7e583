"""A trial of a sweep at work, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvae_core.baselines import BASELINES

RowState = Literal[
    "waiting", "starting", "training", "trained", "evaluating", "finished", "stopped", "failed"
]
ENDED: tuple[RowState, ...] = ("finished", "stopped", "failed")


@dataclass(frozen=True)
class Row:
    """A trial at one moment."""

    key: str
    name: str
    model: str
    epochs: int
    state: RowState
    epoch: int = 0
    share: float = 0.0
    """Of the next epoch that is done already."""
    loss: float | None = None
    probe: float | None = None
    images_per_s: float | None = None
    epoch_s: float | None = None
    """Mean over its newest epochs, seconds: the machine may have been busier before."""
    at: float = 0.0
    """When this changed last, on the monotonic clock; 0: before this run."""
    node: str = ""
    """Of a cluster: where it was trained last; empty: it was not, or that is not known."""
    packed: bool = False
    """Whether it is trained at once with others in one slot."""

    @property
    def pace(self) -> float | None:
        """Images a second; None where it is not known, or nothing is learnt of them."""
        baseline = BASELINES.get(self.model)
        return self.images_per_s if baseline is None or baseline.learns else None

    def epoch_left(self, pace: float, now: float) -> float:
        """Seconds that are left of the epoch under way, where one takes ``pace`` seconds."""
        rest = (1 - self.share) * pace
        return rest - (min(now - self.at, rest) if self.state == "training" else 0.0)
