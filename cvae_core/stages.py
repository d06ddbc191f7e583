"""Stages of a training: settings that hold for some epochs, one stage after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cvae_core.settings import Checked, group, plain, setting

if TYPE_CHECKING:
    from cvae_core.config import TrialConfig

OWN = ("epochs", "name", "reset_optimizer")
"""What a stage says of itself; all else takes the place of a setting of the trial."""


@dataclass(frozen=True)
class StageWeights(Checked):
    """Weights of terms, in one stage."""

    reconstruction: float | None = setting(None, "in place of the trial's", ge=0)


@dataclass(frozen=True)
class StageConfig(Checked):
    """One stage: how long it takes, and which of the trial's settings are others in it."""

    epochs: int | None = setting(
        None, "its length; of the last stage it may be left out: the rest", ge=1
    )
    name: str | None = setting(None, "what tables call it; changes nothing else")
    beta: float | None = setting(None, "in place of the trial's", ge=0)
    lambda_: float | None = setting(
        None, "in place of the trial's", ge=0, only="cvae", name="lambda"
    )
    tau: float | None = setting(None, "in place of the trial's", gt=0, only="cvae")
    learning_rate: float | None = setting(None, "in place of the trial's", gt=0)
    weights: StageWeights = group(StageWeights(), "weights of terms")
    reset_optimizer: bool = setting(
        False, "begin it with an Adam that knows nothing of the gradients before"
    )


def overrides(stage: StageConfig) -> dict[str, Any]:
    """The settings that are others in a stage, nested, under the names that files use."""
    return {name: value for name, value in plain_stage(stage).items() if name not in OWN}


def plain_stage(stage: StageConfig) -> dict[str, Any]:
    """What is given of a stage, as files have it."""
    given: dict[str, Any] = plain((stage,))[0]
    return given


def stages_of(config: TrialConfig) -> tuple[StageConfig, ...]:
    """The stages as far as they decide what a trial computes; none where they change nothing.

    Names do not count, nor what means nothing to the trial's model, nor the length of the last
    stage, which is whatever the others leave.
    """
    nothing: dict[str, Any] = {} if config.model == "cvae" else {"lambda_": None, "tau": None}
    stages = [dataclasses.replace(stage, name=None, **nothing) for stage in config.stages]
    if not any(overrides(stage) or stage.reset_optimizer for stage in stages):
        return ()
    return (*stages[:-1], dataclasses.replace(stages[-1], epochs=None))


def preparation(config: TrialConfig) -> int:
    """Epochs before the last stage, which early stopping and the best epoch do not look at.

    They are a preparation: what is trained for comes after them.
    """
    return beginnings(stages_of(config))[-1]


def beginnings(stages: Sequence[StageConfig]) -> list[int]:
    """Epochs that are over when each stage begins."""
    begun = [0]
    for stage in stages[:-1]:
        begun.append(begun[-1] + (stage.epochs or 0))
    return begun
