"""What is wrong with how a trial's settings change while it trains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cvae_core.errors import ConfigError
from cvae_core.schedule import FactorConfig
from cvae_core.stages import StageConfig, overrides

if TYPE_CHECKING:
    from cvae_core.config import TrialConfig

PLACES = {"beta": "beta", "lambda": "lambda_", "learning_rate": "learning_rate"}
"""The settings that have a schedule, and how Python calls them."""
NAME = re.compile(r"[\w.+-]{1,24}")


def schedules(config: TrialConfig) -> Iterator[tuple[str, FactorConfig]]:
    """The schedules that move something of a trial, under the names of what they move."""
    for name, attribute in PLACES.items():
        factor: FactorConfig = getattr(config.schedule, attribute)
        if factor.shape != "constant" and (name != "lambda" or config.model == "cvae"):
            yield name, factor


def check_course(config: TrialConfig) -> None:
    """Check schedules and stages beside the rest of a trial's settings.

    Raises:
        ConfigError: they go beyond its epochs, meet on one setting, or leave nothing to train.
    """
    for name, factor in schedules(config):
        _check_schedule(config, name, factor)
    _check_lengths(config)
    for index, stage in enumerate(config.stages):
        if stage.name is not None and not NAME.fullmatch(stage.name):
            raise ConfigError(
                f"must be letters, digits, '.', '_', '+' or '-' (at most 24), not {stage.name!r}",
                ("stages", index, "name"),
            )
        for name, _ in schedules(config):
            if name in overrides(stage):
                raise ConfigError(
                    f"{name} has a schedule as well; keep the one or the other",
                    ("stages", index, name),
                )
        _check_trains(config, stage, ("stages", index))
    if not config.stages:
        _check_trains(config, StageConfig(), ("weights", "reconstruction"))
    if not config.decodes and config.selection.metric == "val/reconstruction":
        raise ConfigError(
            "with weights.reconstruction: 0 at the end there is no val/reconstruction; write "
            "val/loss",
            ("selection", "metric"),
        )


def _check_schedule(config: TrialConfig, name: str, factor: FactorConfig) -> None:
    place = ("schedule", name)
    if factor.epochs > config.epochs:
        raise ConfigError(
            f"{factor.epochs:g} epochs are more than the {config.epochs} of the trial; shorten the "
            "schedule, or raise epochs",
            (*place, "epochs"),
        )
    if factor.shape == "step" and factor.epochs == config.epochs:
        raise ConfigError(
            f"the step after epoch {factor.epochs} never comes, as the trial ends there; write "
            "fewer, or raise epochs",
            (*place, "epochs"),
        )
    if name == "learning_rate" and rests_at_zero(config, factor):
        raise ConfigError(
            f"with a learning rate of 0 nothing is trained after epoch {factor.epochs}; write an "
            "end above 0" + (", or as many epochs as the trial has" if factor.start else ""),
            (*place, "end"),
        )


def rests_at_zero(config: TrialConfig, factor: FactorConfig) -> bool:
    """Whether a factor is 0 for a whole epoch at the end, or always."""
    if factor.shape == "constant":
        return False
    return factor.end == 0 and (factor.epochs < config.epochs or factor.start == 0)


def _check_lengths(config: TrialConfig) -> None:
    """That stages and epochs go together."""
    over = 0
    for index, stage in enumerate(config.stages):
        last, place = index == len(config.stages) - 1, ("stages", index, "epochs")
        if stage.epochs is None and not last:
            raise ConfigError("is missing: the last stage alone may leave its length open", place)
        if stage.epochs is None and over >= config.epochs:
            raise ConfigError(
                f"there is no epoch left for the last stage: the stages before it take {over} of "
                f"{config.epochs}",
                place,
            )
        over += stage.epochs or config.epochs - over
        if over > config.epochs or (last and over < config.epochs):
            raise ConfigError(
                f"the stages have {over} epochs together, the trial has {config.epochs}; change "
                "the one or the other, or leave out the last stage's epochs: it takes the rest",
                place,
            )


def _check_trains(config: TrialConfig, stage: StageConfig, place: tuple[str | int, ...]) -> None:
    """That some term has a weight in a stage, also once schedules have ended."""
    given, own = stage.weights.reconstruction, config.weights.reconstruction
    reconstruction = own if given is None else given
    if reconstruction:
        return
    off = {name for name, factor in schedules(config) if rests_at_zero(config, factor)}
    beta = config.beta if stage.beta is None else stage.beta
    lambda_ = config.lambda_ if stage.lambda_ is None else stage.lambda_
    contrast = config.model == "cvae" and lambda_ and "lambda" not in off
    if not contrast and (not beta or "beta" in off):
        names = "beta and lambda" if config.model == "cvae" else "beta"
        raise ConfigError(
            f"nothing is trained: the weights of reconstruction, {names} are all 0 there; set one "
            "of them above 0",
            place,
        )
