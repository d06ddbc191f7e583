"""Baselines in training: the same steps, records and checkpoints as ``Training``."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cvae_core.adam import Adam
from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.cudnn import deterministic
from cvae_core.data.dataset import Dataset
from cvae_core.data.scaling import shared, to_model_range, to_unit
from cvae_core.data.splits import split_of
from cvae_core.errors import NonFiniteLossError
from cvae_core.losses.reconstruction import pixel_mse
from cvae_core.models.baselines import PCA, build_baseline
from cvae_core.sizes import check_batches, check_groups
from cvae_core.streams import Streams, torch_seeded
from cvae_core.training.averages import Averages, listed
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.principal import principal_components
from cvae_core.training.selection import Selection
from cvae_core.training.training import Judge, on_cpu

BATCH = 512
LEARNING_RATE = 1e-3
"""Adam's, of the supervised encoder."""
LEAST_IMAGES, MOST_PASSES = 10_000, 50
"""Of an epoch of it: small data sets are gone through several times."""


class BaselineTraining:
    """A baseline that learns nothing: one epoch, after which it is judged like all others.

    Args:
        config: the trial's settings.
        data: images in memory.
        start: checkpoint to go on from.
        judges: as for ``Training``.
        device: as PyTorch names it.
    """

    def __init__(
        self,
        config: TrialConfig,
        data: Dataset,
        *,
        start: Checkpoint | None = None,
        judges: Sequence[Judge] = (),
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.epoch = 0 if start is None else start.epoch
        self._judges = judges
        self._passes = 1
        self._device = torch.device(device)
        self._pixels = shared(data.train.pixels)
        self._labels = torch.from_numpy(data.train.labels)
        self._train, self._val = split_of(data, config.data)
        check_groups(config, data.image_shape)
        self.model = build_baseline(config, data.image_shape).to(self._device)
        if start is not None:
            self.model.load_state_dict(start.model)

    @property
    def images(self) -> int:
        """Images that an epoch trains on."""
        return len(self._train) * self._passes

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done."""
        return self.epoch >= BASELINES[self.config.model].epochs

    def run_epoch(self) -> dict[str, Any]:
        """Train one epoch, validate, and return its record."""
        *_, record = self.epoch_by_steps()
        return cast("dict[str, Any]", record)

    def epoch_by_steps(self) -> Iterator[int | dict[str, Any]]:
        """One epoch: the number of images gone through after each step, and at last its record.

        Raises:
            NonFiniteLossError: the loss became NaN or infinite.
        """
        began = time.perf_counter()
        with deterministic():
            metrics = yield from self._train_epoch()
            trained = time.perf_counter()
            self.epoch += 1
            self.model.eval()
            with torch.no_grad():
                validated = self._validate()
        if not all(map(math.isfinite, validated.values())):
            raise NonFiniteLossError(
                f"the validation loss is not finite after epoch {self.epoch}: {listed(validated)}"
            )
        metrics |= validated
        with deterministic():
            for when, judge in self._judges:
                if when.is_due(self.epoch, last=self.finished):
                    metrics |= judge(self.model)
        yield {
            "epoch": self.epoch,
            "metrics": metrics,
            "images_per_s": self.images / max(trained - began, 1e-3),
            "epoch_s": time.perf_counter() - began,
        }

    def checkpoint(self) -> Checkpoint:
        """The state at the end of the last epoch."""
        return Checkpoint(
            config=self.config.to_settings(),
            epoch=self.epoch,
            stopped_early=False,
            model=on_cpu(self.model.state_dict()),
            optimizer=on_cpu(self._learner()),
            streams={},
            selection=Selection(self.config.selection).state_dict(),
        )

    def _batch(self, indices: Tensor) -> Tensor:
        """Images in the model's range, (B, C, H, W)."""
        pixels = self._pixels.index_select(0, indices).to(self._device)
        return to_model_range(to_unit(pixels, self.config.data), self.config.data)

    def _train_epoch(self) -> Generator[int, None, dict[str, float]]:
        yield len(self._train)
        return {}

    def _validate(self) -> dict[str, float]:
        return {}

    def _learner(self) -> dict[str, Any]:
        """All that is needed to go on, besides the model."""
        return {}


class PCATraining(BaselineTraining):
    """Principal components of the training part: an epoch is one way through the images."""

    def _train_epoch(self) -> Generator[int, None, dict[str, float]]:
        def batches() -> Iterator[Tensor]:
            for indices in self._train.split(BATCH):
                yield self._batch(indices).flatten(1).cpu()

        model = cast("PCA", self.model)
        found = yield from principal_components(batches, len(model.components))
        with torch.no_grad():
            for own, learnt in (
                (model.mean, found.mean),
                (model.components, found.components),
                (model.variances, found.variances),
            ):
                own.copy_(torch.from_numpy(learnt).view_as(own))
        return {}

    def _validate(self) -> dict[str, float]:
        batches = self._val.split(BATCH)
        averages = Averages(("reconstruction",), batches, self._device)
        for images in map(self._batch, batches):
            averages.add([pixel_mse(self.model.decode(self.model(images)), images)])
        return averages.means("val")


class SupervisedTraining(BaselineTraining):
    """The encoder below a linear classifier of its means, trained by cross-entropy.

    It begins with the weights of the VAE of its seed.
    """

    def __init__(
        self, config: TrialConfig, data: Dataset, *, start: Checkpoint | None = None, **more: Any
    ) -> None:
        super().__init__(config, data, start=start, **more)
        check_batches(config, data.image_shape, len(self._train))
        with torch_seeded(config.seed, "classifier"):
            classifier = nn.Linear(config.architecture.latent_dim, len(data.classes))
        self._classifier = classifier.to(self._device)
        self._optimizer = Adam(
            [*self.model.parameters(), *self._classifier.parameters()],
            lr=LEARNING_RATE,
            fused=self._device.type in ("cpu", "cuda"),
        )
        self._streams = Streams(config.seed, ("batches",))
        self._passes = min(-(-LEAST_IMAGES // len(self._train)), MOST_PASSES)
        if start is not None:
            learner = on_cpu(start.optimizer)
            self._classifier.load_state_dict(learner["classifier"])
            self._optimizer.load_state_dict(learner["adam"])
            self._streams.load_state_dict(learner["streams"])

    def _train_epoch(self) -> Generator[int, None, dict[str, float]]:
        self.model.train()
        batches = [batch for _ in range(self._passes) for batch in self._shuffled()]
        averages = Averages(("cross_entropy",), batches, self._device)
        done = 0
        for indices in batches:
            self._optimizer.zero_grad(set_to_none=True)
            loss = self._loss(indices)
            loss.backward()
            self._optimizer.step()
            averages.add([loss.detach()])
            averages.check_now_and_then(self.epoch + 1)
            done += len(indices)
            yield done
        return averages.means("train")

    def _shuffled(self) -> Sequence[Tensor]:
        order = torch.randperm(len(self._train), generator=self._streams["batches"])
        batches: Sequence[Tensor] = self._train[order].split(self.config.batch_size)
        return batches

    def _validate(self) -> dict[str, float]:
        batches = self._val.split(self.config.batch_size)
        averages = Averages(("cross_entropy",), batches, self._device)
        for indices in batches:
            averages.add([self._loss(indices)])
        return averages.means("val")

    def _loss(self, indices: Tensor) -> Tensor:
        labels = self._labels.index_select(0, indices).to(self._device)
        return cross_entropy(self._classifier(self.model(self._batch(indices))), labels)

    def _learner(self) -> dict[str, Any]:
        return {
            "adam": self._optimizer.state_dict(),
            "classifier": self._classifier.state_dict(),
            "streams": self._streams.state_dict(),
        }
