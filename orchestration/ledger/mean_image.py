"""Whether a trial does worse than to show the mean of the training images whatever it is given."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.ledger.documents import TRAINED, Trial

OURS, MEAN = "val/reconstruction", "val/reconstruction_of_mean"


def behind_mean_image(metrics: Mapping[str, float]) -> str:
    """Such as ``reconstructs worse than the mean image would …``; empty where it does not."""
    ours, mean = metrics.get(OURS), metrics.get(MEAN)
    if ours is None or mean is None or ours <= mean:
        return ""
    return f"reconstructs worse than the mean training image would ({ours:.4g} against {mean:.4g})"


def training_warnings(trial: Trial) -> list[str]:
    """What is odd about how a trial ended its training."""
    behind = behind_mean_image(trial.metrics) if trial.state in TRAINED else ""
    return [behind] if behind else []
