"""Which epochs speak of the weights that a trial ends with."""

from __future__ import annotations

import math
from typing import Any, Protocol, TypeVar

from cvae_core.config import TrialConfig
from cvae_core.evaluation.metrics import sign_of
from cvae_core.stages import preparation


class Measured(Protocol):
    """An epoch with what was measured after it."""

    epoch: int
    metrics: dict[str, float]
    best_epoch: int | None


One = TypeVar("One", bound=Measured)


class Trained(Protocol[One]):
    """A trial as far as this goes by it."""

    config: dict[str, Any]
    epochs: list[One]


def of_final_weights(trial: Trained[One]) -> list[One]:
    """All epochs, where the last weights are kept; or the best one alone, where its weights are.

    Training says which that is. Of a trial of 0.2 or before it is found as training found it then,
    among the epochs after the stages that prepare and after which its metric was measured. Where
    there is none, the last weights are kept.
    """
    config, epochs = trial.config, trial.epochs
    selection = config.get("selection", {})
    if selection.get("epoch") != "best":
        return epochs
    if epochs and epochs[-1].best_epoch is not None:
        return [record for record in epochs if record.epoch == epochs[-1].best_epoch] or epochs
    metric, min_delta = selection["metric"], selection["min_delta"]
    sign = -sign_of(metric)  # what is best is smallest here, as in training
    staged = bool(config.get("stages"))  # old trials know of none
    prepared = preparation(TrialConfig.from_settings(config)) if staged else 0
    best, found = math.inf, None
    for record in epochs:
        if record.epoch > prepared and metric in record.metrics:
            value = sign * record.metrics[metric]
            if best - value > min_delta:
                best, found = value, record
    return epochs if found is None else [found]
