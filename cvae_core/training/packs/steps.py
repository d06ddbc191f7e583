"""What the trials of a pack need for each step, drawn from each trial's own streams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.streams import Streams
from cvae_core.training.draws import Choices, choices_of, draw, together
from cvae_core.training.terms import Weights, weights_of
from cvae_core.training.training import Training


class Rates(NamedTuple):
    """What is the step's own in Adam, float32 (K, 1) each."""

    size: Tensor
    """The learning rate over the bias correction of the first moment."""
    root: Tensor
    """The square root of the bias correction of the second moment."""


class Step(NamedTuple):
    """One step, or one batch of validation, of K trials with B images each."""

    indices: Tensor
    """Of the images, trial after trial, int64 (K·B,)."""
    choices: Choices
    """Views as of one batch of K·B images; noise is (K, B, D)."""
    weights: Weights
    """float32 (K,) each."""


class Member(NamedTuple):
    """A trial of a pack, for an epoch."""

    training: Training
    batches: Sequence[Tensor]
    """Indices of the images of each."""
    steps_before: int
    """That Adam took."""


def training_steps(members: Sequence[Member], numbers: range) -> list[tuple[Step, Rates]]:
    """Some steps of an epoch.

    Args:
        members: the trials.
        numbers: of the batches, from 0; to be asked for in order, as the streams go on.
    """
    steps = []
    for number in numbers:
        # A setting that changes while a trial trains is that of the step.
        now = [m.training.course.at(m.training.epoch + number / len(m.batches)) for m in members]
        rates = [
            _rates(m.training, own.learning_rate, m.steps_before + number + 1)
            for own, m in zip(now, members, strict=True)
        ]
        size, root = torch.tensor(rates).T[:, :, None]
        step = _step(
            [(m.training, m.batches[number], m.training.streams) for m in members],
            [weights_of(own) for own in now],
            prefix="",
        )
        steps.append((step, Rates(size, root)))
    return steps


def validation_steps(
    members: Sequence[tuple[Training, Streams]], batches: Sequence[Tensor], numbers: range
) -> list[Step]:
    """Some batches of validation, of the same images for all trials.

    Args:
        members: the trials, with streams of validation.
        batches: indices of the images of each.
        numbers: of the batches, from 0; to be asked for in order, as the streams go on.
    """
    weights = [weights_of(training.course.end) for training, _ in members]
    return [
        _step([(training, batches[n], own) for training, own in members], weights, prefix="val_")
        for n in numbers
    ]


def _step(
    members: Sequence[tuple[Training, Tensor, Streams]], weights: Sequence[Weights], prefix: str
) -> Step:
    config, shape = members[0][0].config, members[0][0].image_shape
    draws = [
        draw(
            (len(indices), shape[0]),
            training.config,
            streams,
            prefix=prefix,
            augmented=not prefix,
        )
        for training, indices, streams in members
    ]
    return Step(
        torch.cat([indices for _, indices, _ in members]),
        choices_of(together(draws), shape, config),
        Weights(*torch.tensor(weights).T),
    )


def _rates(training: Training, learning_rate: float, step: int) -> tuple[float, float]:
    """Of Adam's so-and-so-many-th step, counted from 1; arXiv:1412.6980, algorithm 1."""
    first, second = (1 - beta**step for beta in training.optimizer.defaults["betas"])
    return learning_rate / first, math.sqrt(second)
