"""Where a sweep's runs are in MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.reachable import check_reachable

if TYPE_CHECKING:
    from orchestration.tracking.tracker import Tracker


@dataclass(frozen=True)
class Opened:
    """An MLflow that has answered."""

    tracker: Tracker
    experiment: str
    experiment_id: str


@dataclass(frozen=True)
class Place:
    """Where a sweep's runs go; whether MLflow is there turns out when it is opened."""

    uri: str
    config: MlflowConfig
    storage: Path

    def open(self, name: str) -> Opened:
        """Find or create the experiment of a sweep.

        Raises:
            UserError: nothing answers there, or not as MLflow does.
        """
        from orchestration.tracking.tracker import Tracker

        check_reachable(self.uri)
        tracker = Tracker(self.uri, self.config, self.storage)
        return Opened(tracker, *tracker.connect(name))
