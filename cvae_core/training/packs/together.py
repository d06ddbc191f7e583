"""Which trials can be trained at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.identity import differences, relevant
from cvae_core.stages import beginnings, stages_of
from cvae_core.training.course import Course

OWN = (
    *("beta", "lambda", "tau", "weights", "schedule", "stages"),
    *("seed", "epochs", "learning_rate", "clip_norm", "selection"),
)
"""What each trial of a pack may have for itself; in all else they are equal."""


def why_not_together(configs: Sequence[TrialConfig]) -> str | None:
    """Why trials cannot be trained at once, as a sentence; None: they can.

    Args:
        configs: settings of trials, of the same data set.
    """
    for config in configs:
        alone = why_alone(config)
        if alone is not None:
            return alone
    first, *others = map(shape_of, configs)
    for other in others:
        different = differences(first, other)
        if different:
            return f"trials of a pack do not differ in {', '.join(different)}"
    return None


def why_alone(config: TrialConfig) -> str | None:
    """Why a trial cannot be trained with any other, as a sentence; None: it can."""
    if config.model in BASELINES:
        return f"model {config.model} is trained alone: packs are of VAEs or of CVAEs"
    if config.architecture.norm != "none":
        return (
            f"architecture.norm {config.architecture.norm} is trained alone: biases before a "
            "normalisation follow rounding errors, so weights would depend on the pack"
        )
    if config.precision != "float32":
        return f"precision {config.precision} is trained alone: its rounding is too coarse"
    course = Course(config)
    moments = beginnings(stages_of(config))
    if any(course.at(moment).decodes != config.decodes for moment in moments):
        return "a trial in whose stages the decoder is not always trained is trained alone"
    return None


def shape_of(config: TrialConfig) -> dict[str, Any]:
    """All that trials of a pack have in common, nested."""
    settings = {name: own for name, own in relevant(config).items() if name not in OWN}
    return settings | {"weights": {"reconstruction": {"is 0": not config.decodes}}}
