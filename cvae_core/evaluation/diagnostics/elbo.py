"""The evidence lower bound with one variance for all pixels, and what β amounts to beside it."""

from __future__ import annotations

import math
from bisect import bisect_right

from cvae_core.config import DataConfig, TrialConfig
from cvae_core.schedule import factor_at
from cvae_core.stages import beginnings

JUST_BEFORE = 1e-9
"""Epochs."""


def gaussian_elbo(squared_error: float, pixels: int, variance: float, kl: float) -> float:
    """E[log N(x; x̂, σ²)] - KL of an image, in nats (arXiv:1312.6114, equation 3).

    The objective's β and λ have no part in it. That σ² is one number, the mean squared error, is
    the optimal σ of Rybkin et al. (arXiv:2006.13202, section 3).

    Args:
        squared_error: of a posterior sample's decoded image, summed over pixels; mean over images.
        pixels: of an image, times channels.
        variance: σ², above 0.
        kl: of the posterior from the prior, mean over images.
    """
    likelihood = -0.5 * (pixels * math.log(2 * math.pi * variance) + squared_error / variance)
    return likelihood - kl


def effective_beta(beta: float, pixels: int, variance: float) -> float:
    """β·P / (2σ²): the weight of KL where the reconstruction is a Gaussian log-likelihood.

    With the squared error S of an image, summed over its P pixels, training minimises S/P + β·KL.
    Times P/(2σ²) that is S/(2σ²) + (β·P/(2σ²))·KL: the negative log-likelihood of N(x; x̂, σ²), but
    for a constant, with KL so often. At 1 it is the ELBO, hence at β = 2σ²/P; above, a β-VAE.

    That σ² is the mean squared error is the optimal σ of Rybkin et al. (arXiv:2006.13202, section
    3, which has β and a fixed σ² as one and the same).

    Args:
        beta: of the objective, which has squared errors as a mean over pixels.
        pixels: P, of an image, times channels.
        variance: σ², above 0, in squared pixel values of the range that training has.
    """
    return beta * pixels / (2 * variance)


def beta_after(config: TrialConfig, epoch: int) -> float | None:
    """β over the weight of the reconstruction as an epoch ends; None where that has no weight.

    Args:
        config: of the trial, whose schedule and stages may change both.
        epoch: after how many. What begins there, a stage or a cycle, is not meant.
    """
    moment = math.inf if epoch >= config.epochs else max(0.0, epoch - JUST_BEFORE)
    beta, weight = config.beta, config.weights.reconstruction
    if config.stages:
        stage = config.stages[bisect_right(beginnings(config.stages), moment) - 1]
        beta = beta if stage.beta is None else stage.beta
        weight = weight if stage.weights.reconstruction is None else stage.weights.reconstruction
    return beta * factor_at(config.schedule.beta, moment) / weight if weight else None


def unit_scale(config: DataConfig) -> float:
    """What squared errors in the model's range are multiplied by to be those of [0, 1].

    Black is 0 and white is 1, whatever the range and the divisor: a density depends on the unit.
    """
    span = 1 if config.value_range == "unit" else 2
    return (config.divisor / 255 / span) ** 2
