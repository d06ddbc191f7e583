"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cvae_core.adam import Adam
from cvae_core.config import TrialConfig
from cvae_core.cudnn import deterministic
from cvae_core.data.dataset import Dataset
from cvae_core.errors import NonFiniteLossError
from cvae_core.losses import Terms
from cvae_core.models import Model, build_model
from cvae_core.sizes import check_batches, check_groups
from cvae_core.stages import preparation
from cvae_core.streams import AUGMENTED, TRAINING, VALIDATION, Streams
from cvae_core.training.averages import Averages, listed
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.course import Course
from cvae_core.training.gradients import clip_grad_norm, global_norm, gradient_metrics
from cvae_core.training.images import TrainingImages
from cvae_core.training.precision import prepare
from cvae_core.training.selection import Selection
from cvae_core.training.terms import batch_terms, columns

Judge = tuple["When", Callable[[Model], dict[str, float]]]
"""When the model is looked at, and what looks at it: metrics on validation."""


@dataclass(frozen=True)
class When:
    """Epochs after which something is measured; that changes nothing of what is trained.

    Selection goes by ``every`` alone: what is also measured for somebody else, such as a scheduler,
    is as if it were not.
    """

    every: int = 0
    """Every so many, and after the last; 0: never."""
    at: Collection[int] = ()
    """After these as well."""

    def is_due(self, epoch: int, *, last: bool) -> bool:
        """Whether it is measured after this epoch; ``last``: no other follows it."""
        return self.is_regular(epoch, last=last) or epoch in self.at

    def is_regular(self, epoch: int, *, last: bool) -> bool:
        """Whether it would be, if nobody else had asked for it."""
        return bool(self.every) and (epoch % self.every == 0 or last)


class Training:
    """One model in training, an epoch at a time: the loop turned inside out, for schedulers.

    Args:
        config: the trial's settings.
        data: images in memory; or as another trial of the same ``data`` trains on them.
        start: checkpoint to go on from.
        judges: after which epochs the model is looked at, and what looks at it; in this order
            their metrics join the epoch's record.
        device: as PyTorch names it.
    """

    def __init__(
        self,
        config: TrialConfig,
        data: Dataset | TrainingImages,
        *,
        start: Checkpoint | None = None,
        judges: Sequence[Judge] = (),
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.course = Course(config)
        self._now = self.course.at(0)
        self.epoch = 0
        self._device = torch.device(device)
        self._judges = judges
        if isinstance(data, Dataset):
            data = TrainingImages(data, config.data, self._device)
        self._images, self.image_shape = data, data.image_shape
        self._train, self._val = data.train, data.val
        check_groups(config, data.image_shape)
        check_batches(config, data.image_shape, len(data.train))
        self.model = build_model(config, data.image_shape).to(self._device)
        if start is None:
            self.model.decoder.start_at(data.mean_colour)
        prepare(self.model, config)
        self._parameters = list(self.model.parameters())
        self.optimizer = Adam(
            self._parameters, lr=config.learning_rate, fused=self._device.type in ("cpu", "cuda")
        )
        self._norms: list[Tensor] = []
        self.streams = Streams(config.seed, AUGMENTED if config.augment else TRAINING)
        self._selection = Selection(config.selection)
        if start is not None:
            self.epoch = start.epoch
            self.model.load_state_dict(start.model)
            # The optimiser would take these tensors over and change the caller's checkpoint.
            self.optimizer.load_state_dict(on_cpu(start.optimizer))
            self.streams.load_state_dict(start.streams)
            self._selection.load_state_dict(start.selection)

    @property
    def images(self) -> int:
        """Images that an epoch trains on."""
        return len(self._train)

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done or patience has run out."""
        return self.epoch >= self.config.epochs or self._selection.stop

    def run_epoch(self) -> dict[str, Any]:
        """Train one epoch, validate, and return its record.

        Raises:
            NonFiniteLossError: the loss became NaN or infinite; the training is then of no use.
        """
        for done in self.epoch_by_steps():
            if isinstance(done, dict):
                return done
        raise AssertionError("an epoch ends with its record")

    def epoch_by_steps(self) -> Iterator[int | dict[str, Any]]:
        """One epoch as ``run_epoch`` trains it, with pauses in which its caller may do others.

        Yields:
            The number of images trained on after each step, and at last the epoch's record.

        Raises:
            NonFiniteLossError: the loss became NaN or infinite; the training is then of no use.
        """
        began = time.perf_counter()
        with deterministic():
            metrics = yield from self._train_epoch()
            trained = time.perf_counter()
            self.epoch += 1
            metrics |= self._validate()
        yield self.conclude(metrics, began, trained)

    def conclude(self, metrics: dict[str, float], began: float, trained: float) -> dict[str, Any]:
        """Judge an epoch that is trained and validated, and make its record.

        Args:
            metrics: of training and validation; those of the judges join them.
            began: when the epoch did, by ``time.perf_counter``.
            trained: when its last step was done.

        Raises:
            NonFiniteLossError: the loss on validation is NaN or infinite.
        """
        validated = {name: own for name, own in metrics.items() if name.startswith("val/")}
        if not all(map(math.isfinite, validated.values())):
            raise NonFiniteLossError(
                f"the validation loss is not finite after epoch {self.epoch}, "
                f"step {len(self._train.split(self.config.batch_size))}: {listed(validated)}"
            )
        if "reconstruction" in columns(self.course.end):
            metrics["val/reconstruction_of_mean"] = self._images.error_of_mean
        done, judged = self._judge([], When.is_regular)
        metrics |= judged  # what is selected by may be among it
        if self.epoch > preparation(self.config):
            self._selection.update(self.epoch, metrics, self.model.state_dict())
        # What others have asked for; and where patience ends here, the rest is due as well.
        metrics |= self._judge(done, When.is_due)[1]
        record = {
            "epoch": self.epoch,
            "metrics": metrics,
            "images_per_s": len(self._train) / (trained - began),
            "epoch_s": time.perf_counter() - began,
        }
        if self.config.selection.epoch == "best":
            record["best_epoch"] = self._selection.best_epoch
        return record

    def _judge(
        self, done: Collection[int], is_due: Callable[..., bool]
    ) -> tuple[list[int], dict[str, float]]:
        """Which judges are due now and not done, by their numbers, and what they have measured."""
        due = [
            n
            for n, (when, _) in enumerate(self._judges)
            if is_due(when, self.epoch, last=self.finished) and n not in done
        ]
        metrics: dict[str, float] = {}
        with deterministic():
            for number in due:
                metrics |= self._judges[number][1](self.model)
        return due, metrics

    def checkpoint(self) -> Checkpoint:
        """The state at the end of the last epoch."""
        return Checkpoint(
            config=self.config.to_settings(),
            epoch=self.epoch,
            stopped_early=self._selection.stop,
            model=on_cpu(self.model.state_dict()),
            optimizer=on_cpu(self.optimizer.state_dict()),
            streams=self.streams.state_dict(),
            selection=on_cpu(self._selection.state_dict()),
        )

    def step(self, unit: Tensor) -> Terms:
        """One optimiser step on images in [0, 1], (B, C, H, W); returns the detached terms."""
        self.optimizer.zero_grad(set_to_none=True)
        terms = batch_terms(self.model, unit, self._now, self.streams)
        terms.loss.backward()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        limit = self.config.clip_norm
        self._norms.append(
            global_norm(gradients) if limit is None else clip_grad_norm(gradients, limit)
        )
        self.optimizer.step()
        return terms.detach()

    def _train_epoch(self) -> Generator[int, None, dict[str, float]]:
        self.model.train()
        batches = self.draw_batches()
        averages = Averages(columns(self.course.at(self.epoch)), batches, self._device)
        self._norms.clear()
        done = 0
        if self.course.forgets_at(self.epoch):
            self.optimizer.state.clear()
        for number, indices in enumerate(batches):
            self._enter(self.epoch + number / len(batches))
            averages.add(self.step(self._images.batch(indices)))
            done += len(indices)
            averages.check_now_and_then(self.epoch + 1)
            yield done
        metrics = averages.means("train") | self.course.metrics(self._now)
        return metrics | gradient_metrics(self._norms, self.config.clip_norm)

    def draw_batches(self) -> tuple[Tensor, ...]:
        """The training images in an order drawn for one epoch, as indices of each batch."""
        order = self._train[torch.randperm(len(self._train), generator=self.streams["batches"])]
        batches: tuple[Tensor, ...] = order.split(self.config.batch_size)
        return batches

    @property
    def val_batches(self) -> tuple[Tensor, ...]:
        """Indices of each batch of validation."""
        batches: tuple[Tensor, ...] = self._val.split(self.config.batch_size)
        return batches

    def _enter(self, time: float) -> None:
        """Take on the settings of a moment, in epochs since training began."""
        self._now = self.course.at(time)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self._now.learning_rate

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Means on validation, with the weights of the end: one measure for all epochs."""
        self.model.eval()
        streams = Streams(self.config.seed, VALIDATION)
        batches = self.val_batches
        averages = Averages(columns(self.course.end), batches, self._device)
        for indices in batches:
            averages.add(
                batch_terms(
                    self.model, self._images.batch(indices), self.course.end, streams, "val_"
                )
            )
        return averages.means("val")


def on_cpu(state: Any) -> Any:
    """A copy of nested containers in which every tensor is on the CPU and shares no memory."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: on_cpu(value) for key, value in state.items()}
    if isinstance(state, list):
        return [on_cpu(value) for value in state]
    return state
