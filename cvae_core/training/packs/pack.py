"""Several trials of one shape, trained at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.cudnn import deterministic
from cvae_core.data.dataset import Dataset
from cvae_core.errors import ConfigError
from cvae_core.streams import VALIDATION, Streams
from cvae_core.training.averages import Averages
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.gradients import gradient_metrics
from cvae_core.training.images import TrainingImages
from cvae_core.training.packs.stack import Stack
from cvae_core.training.packs.steps import Member, Step, training_steps, validation_steps
from cvae_core.training.packs.together import why_not_together
from cvae_core.training.packs.transfer import ahead, sent
from cvae_core.training.terms import Inputs, columns, inputs_of
from cvae_core.training.training import Judge, Training

T = TypeVar("T")
AT_ONCE = 16
"""Steps that are drawn and sent to the device together."""


class Ended(NamedTuple):
    """What came of a trial's epoch."""

    training: Training
    result: dict[str, Any] | Exception
    """Its record, as ``Training`` makes them; or why this trial cannot go on."""


class Pack:
    """Trials of one shape, trained at once: one step of all of them is one step of one model.

    Each draws from its own streams what it would draw alone, so that it differs from the same
    trial alone, or in another pack, by rounding. Its images per second are its own, by the clock.

    Args:
        data: images in memory, of all trials.
        device: as PyTorch names it.
    """

    def __init__(self, data: Dataset, *, device: str = "cpu") -> None:
        self._data, self._device = data, torch.device(device)
        self._images: TrainingImages
        self._members: list[Training] = []
        self._stack: Stack | None = None

    @property
    def members(self) -> Sequence[Training]:
        """The trials that have epochs left, in the order in which they came."""
        return tuple(self._members)

    def add(
        self,
        config: TrialConfig,
        *,
        start: Checkpoint | None = None,
        judges: Sequence[Judge] = (),
    ) -> Training:
        """Take in a trial, from its beginning or a checkpoint; ``Training`` has the arguments.

        Returns:
            It, to be asked for checkpoints between epochs; it is not to be trained by itself.

        Raises:
            ConfigError: it cannot be trained at once with those that are here.
        """
        # Those that are here are equal in what is looked at.
        hindrance = why_not_together([*(own.config for own in self._members[:1]), config])
        if hindrance is not None:
            raise ConfigError(hindrance)
        if not self._members:
            self._images = TrainingImages(self._data, config.data, self._device)
        training = Training(
            config, self._images, start=start, judges=judges, device=str(self._device)
        )
        training.model.eval()  # as judges want it; what is trained is the stack
        if not training.finished:
            self._members.append(training)
            self._stack = None
        return training

    def remove(self, training: Training) -> None:
        """Have a trial go; the others go on as they would have."""
        self._members.remove(training)
        self._stack = None

    def run_epoch(self) -> list[Ended]:
        """Train an epoch of each trial, validate, and say what came of each.

        One whose loss became NaN or infinite, or whose judges failed, and one that is finished
        is not among the members afterwards.
        """
        for done in self.epoch_by_steps():
            if isinstance(done, list):
                return done
        raise AssertionError("an epoch ends with what came of it")

    def epoch_by_steps(self) -> Iterator[int | list[Ended]]:
        """The same with pauses: the images that each trial has trained on, and at last the end."""
        began = time.perf_counter()
        stack = self._entered()
        members = [
            Member(training, training.draw_batches(), stack.steps(row))
            for row, training in enumerate(self._members)
        ]
        with deterministic():
            terms, norms = yield from self._train(stack, members)
            trained = time.perf_counter()
            validated = self._validate(stack, members)
        ended = []
        for row, member in enumerate(members):
            training = member.training
            try:
                metrics = _trained(member, terms[:, row], norms[:, row])
                training.epoch += 1
                metrics |= _means("val", training, training.val_batches, validated[:, row])
                record = training.conclude(metrics, began, trained)
            except Exception as error:  # it is this trial's own
                ended.append(Ended(training, error))
            else:
                ended.append(Ended(training, record))
        for training, result in ended:
            if isinstance(result, Exception) or training.finished:
                self.remove(training)
        yield ended

    def _entered(self) -> Stack:
        """The stack of the present members, with the optimisers that their stages ask for."""
        if self._stack is None:
            self._stack = Stack(self.members, self._device)
        for row, training in enumerate(self._members):
            if training.course.forgets_at(training.epoch):
                self._stack.forget(row)
        return self._stack

    def _train(
        self, stack: Stack, members: Sequence[Member]
    ) -> Generator[int, None, tuple[Tensor, Tensor]]:
        """Take the steps of an epoch; yields images done.

        Returns:
            The terms of each step, (steps, K, terms), and the norms of gradients, float64
            (steps, K), on the CPU.
        """
        batches = members[0].batches
        terms, norms, done = [], [], 0
        drawn = self._drawn(len(batches), partial(training_steps, members))
        for indices, (step, rates) in zip(batches, drawn, strict=True):
            found = stack.terms(self._inputs(step), step.weights, training=True)
            norms.append(stack.step(found[:, 0], rates))
            terms.append(found.detach())
            done += len(indices)
            yield done
        stack.close(len(batches), [_last(member).learning_rate for member in members])
        # Here alone the device is waited for.
        return torch.stack(terms).cpu(), torch.stack(norms).cpu()

    @torch.no_grad()
    def _validate(self, stack: Stack, members: Sequence[Member]) -> Tensor:
        """The terms of each batch of validation, (batches, K, terms), on the CPU."""
        batches = members[0].training.val_batches
        own = [(m.training, Streams(m.training.config.seed, VALIDATION)) for m in members]
        drawn = self._drawn(len(batches), partial(validation_steps, own, batches))
        terms = [stack.terms(self._inputs(step), step.weights, training=False) for step in drawn]
        return torch.stack(terms).cpu()

    def _drawn(self, count: int, draw: Callable[[range], list[T]]) -> Iterator[T]:
        """What is drawn for so many steps, on the device."""
        parts = [range(n, min(n + AT_ONCE, count)) for n in range(0, count, AT_ONCE)]
        # On the CPU a thread would take from training what it gives.
        threaded = self._device.type != "cpu"
        drawn = ahead(parts, lambda part: sent(draw(part), self._device), threaded=threaded)
        return chain.from_iterable(drawn)

    def _inputs(self, step: Step) -> Inputs:
        """Of K trials, (K, B, …); views are made of all images as of one batch."""
        made = inputs_of(self._images.batch(step.indices), step.choices, self._members[0].config)

        def by_trial(images: Tensor) -> Tensor:
            apart: Tensor = images.unflatten(0, (len(self._members), -1))
            return apart

        views = tuple(map(by_trial, made.views))
        return made._replace(
            images=by_trial(made.images), encoded=by_trial(made.encoded), views=views
        )


def _trained(member: Member, terms: Tensor, norms: Tensor) -> dict[str, float]:
    """What an epoch's steps say of a trial, before the epoch counts as done.

    Args:
        member: the trial.
        terms: (steps, terms).
        norms: of gradients, float64 (steps,).

    Raises:
        NonFiniteLossError: a loss is NaN or infinite.
    """
    training = member.training
    metrics = _means("train", training, member.batches, terms)
    metrics |= training.course.metrics(_last(member))
    return metrics | gradient_metrics(norms.unbind(), training.config.clip_norm)


def _means(
    split: str, training: Training, batches: Sequence[Tensor], terms: Tensor
) -> dict[str, float]:
    averages = Averages(columns(training.course.end), batches, terms.device)
    averages.fill(terms)
    if split == "train":
        averages.check_now_and_then(training.epoch + 1)
    return averages.means(split)


def _last(member: Member) -> TrialConfig:
    """The settings in an epoch's last step."""
    steps = len(member.batches)
    return member.training.course.at(member.training.epoch + (steps - 1) / steps)
