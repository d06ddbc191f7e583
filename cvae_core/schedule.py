"""Settings that change while a trial trains: factors on β, λ and the learning rate.

Every length is in epochs and none is a share of the whole: the first epochs of a long trial are
those of a short one, to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cvae_core.settings import Checked, group, setting


def _moves(factor: FactorConfig) -> bool:
    return factor.shape != "constant"


def _cycles(factor: FactorConfig) -> bool:
    return factor.shape == "cyclical"


@dataclass(frozen=True)
class FactorConfig(Checked):
    """What a setting is multiplied with while a trial trains."""

    shape: Literal["constant", "linear", "cosine", "cyclical", "step"] = setting(
        "constant", "how the factor goes from `start` to `end`; constant: it is 1", added=True
    )
    epochs: int = setting(
        1, "its length in epochs, to be given; the end holds from there on", ge=1, when=_moves
    )
    start: float = setting(0.0, "the factor at first", ge=0, when=_moves)
    end: float = setting(1.0, "the factor at its end, and ever after", ge=0, when=_moves)
    cycles: int = setting(
        4,
        "cyclical: how often it goes from `start` to `end` (arXiv:1903.10145)",
        ge=1,
        when=_cycles,
    )
    rise: float = setting(
        0.5,
        "cyclical: share of each cycle in which it moves; then it waits",
        gt=0,
        le=1,
        when=_cycles,
    )


@dataclass(frozen=True)
class DecayConfig(FactorConfig):
    """The same with the ends of a learning rate, which falls unless they say otherwise."""

    start: float = setting(1.0, "the factor at first; 0 for a warm-up", ge=0, when=_moves)
    end: float = setting(
        0.0, "the factor at its end, and ever after; 1 for a warm-up", ge=0, when=_moves
    )


@dataclass(frozen=True)
class ScheduleConfig(Checked):
    """Factors on settings that are weights or rates."""

    beta: FactorConfig = group(FactorConfig(), "factor on β", added=True)
    lambda_: FactorConfig = group(
        FactorConfig(), "factor on λ", only="cvae", name="lambda", added=True
    )
    learning_rate: DecayConfig = group(DecayConfig(), "factor on the learning rate", added=True)


def factor_at(factor: FactorConfig, time: float) -> float:
    """The factor at a moment.

    With u = time / epochs, at most 1, the distance gone from start to end is u (linear),
    (1 - cos πu) / 2 (cosine; arXiv:1608.03983, equation 5), 0 before the end (step), and in each
    of M cycles min(τ / R, 1) with τ = M u modulo 1 (cyclical; arXiv:1903.10145, equations 6 and 7,
    where R is the share of a cycle in which it rises).

    Args:
        factor: how it goes.
        time: epochs since training began, parts of one included; infinity: the end.
    """
    if factor.shape == "constant":
        return 1.0
    if time >= factor.epochs:
        return factor.end
    share = time / factor.epochs
    if factor.shape == "step":
        return factor.start
    if factor.shape == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    elif factor.shape == "cyclical":
        share = min(time * factor.cycles / factor.epochs % 1 / factor.rise, 1.0)
    return factor.start + (factor.end - factor.start) * share
