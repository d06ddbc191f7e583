"""The small classifier whose features are compared: trained here, the same for all trials."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cvae_core.adam import AdamW
from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.scaling import shared
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.distances.shared_files import content_key, write_shared
from cvae_core.evaluation.subject import SHARED_SEED
from cvae_core.streams import stream, torch_seeded

RECIPE = 1
"""Raised when anything here changes what a classifier becomes, or how it reads pixels."""
WIDTHS = (16, 32, 64, 128)
STRIDES = (2, 1, 2, 2)
LARGEST = 32
"""Pixels of a side; larger images are averaged down to it."""
SEEN = {1: 180_000, 3: 300_000}
"""Training images that are looked at, by channels: 3 epochs of MNIST, 6 of CIFAR-10."""
LEAST_SEEN = 8_000
MOST_EPOCHS = 30
"""Few images are looked at more often: 6 times (digits), and 8,000 images at least."""
FEW = 10_000
BATCH, BATCH_OF_FEW = 128, 32
LEARNING_RATE = 0.01
WEIGHT_DECAY = 0.05
WARM_UP = 0.25
STEPS_A_YIELD = 20
TRAINED = 0.97
"""Share of the work once the classifier is trained."""
READ = 256
"""Images whose features are computed at once."""


@dataclass
class Classifier:
    """A trained classifier as an extractor: its features are what its last layer reads."""

    name: str
    network: nn.Sequential
    accuracy: float
    """On test."""
    warnings: list[str]
    dims: int = WIDTHS[-1]
    batch: int = READ

    def __post_init__(self) -> None:
        self.digest = _digest(self.network.state_dict())

    @torch.no_grad()
    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        """Features (B, 128) of images, uint8 (B, C, H, W)."""
        with _one_thread():
            features: NDArray[np.float32] = self.network[:-1](prepared(pixels)).numpy()
        return features

    def to_bytes(self) -> bytes:
        """A file's content, readable by ``torch.load(weights_only=True)``."""
        buffer = io.BytesIO()
        state = {"weights": self.network.state_dict(), "accuracy": self.accuracy}
        torch.save(state, buffer)
        return buffer.getvalue()


def file_name(name: str, data: Dataset) -> str:
    """Of a data set's classifier, in the cache and among what is kept."""
    return file_of(name, data.fingerprint())


def file_of(name: str, fingerprint: str) -> str:
    """The same of a data set with this fingerprint."""
    return f"{name}-v{RECIPE}-{content_key(fingerprint)}.pt"


def digest_of(file: Path | io.BytesIO) -> str | None:
    """The digest of the classifier that a file holds; None where it holds none."""
    try:
        return _digest(torch.load(file, weights_only=True, map_location="cpu")["weights"])
    except Exception:  # a damaged file fails in many ways
        return None


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(f"{RECIPE}".encode())
    for name, values in sorted(weights.items()):
        digest.update(f"{name}{tuple(values.shape)}".encode())
        digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()


def obtain(
    data: Dataset, name: str, cache: Path, kept: Path | None
) -> Iterator[float | Classifier]:
    """A data set's classifier: the kept one, else the cache's, else trained on its training split.

    Args:
        data: the data set.
        name: of the classifier.
        cache: where all trials on this machine share it.
        kept: where a sweep keeps its own copy.

    Yields:
        The share that is done, in (0, 1), and at last the classifier.

    Raises:
        AbsentError: there is one class only.
        EvaluationError: it could not be trained.
    """
    if len(np.unique(data.train.labels)) < 2:
        raise AbsentError("the training images are all of one class: there is nothing to classify")
    file = file_name(name, data)
    for folder in (kept, cache):
        stored = _read(folder / file, name, data) if folder is not None else None
        if stored is not None:
            yield stored
            return
    network = _network(data)
    yield from _train(network, data.train)
    accuracy = yield from _accuracy(network, data.test)
    if not all(bool(values.isfinite().all()) for values in network.state_dict().values()):
        raise EvaluationError(f"the classifier {name} has weights that are not finite")
    made = Classifier(name, network, accuracy, [])
    problem = write_shared(cache / file, made.to_bytes())
    made.warnings.extend([problem] if problem else [])
    yield made


def prepared(pixels: Tensor) -> Tensor:
    """Images as the network reads them: float32 in [0, 1], (B, C, ≤ 32, ≤ 32)."""
    unit = pixels.to(torch.float32).div_(255)
    if max(unit.shape[-2:]) > LARGEST:
        unit = F.adaptive_avg_pool2d(unit, LARGEST)
    return unit.contiguous(memory_format=torch.channels_last)


def _network(data: Dataset) -> nn.Sequential:
    channels = data.image_shape[0]
    # Not affine: it only takes the data's mean and scale away.
    layers: list[nn.Module] = [nn.BatchNorm2d(channels, affine=False)]
    with torch_seeded(SHARED_SEED, "evaluation/classifier"):
        for width, stride in zip(WIDTHS, STRIDES, strict=True):
            layers += [
                nn.Conv2d(channels, width, 3, stride, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        layers += [nn.Linear(channels, int(data.train.labels.max()) + 1)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]


def _train(network: nn.Sequential, images: Images) -> Iterator[float]:
    """Cross-entropy, AdamW, one cycle of the learning rate; on the CPU, with one thread."""
    pixels, labels = shared(images.pixels), torch.from_numpy(images.labels.copy())
    seen = min(SEEN[images.pixels.shape[1]], max(LEAST_SEEN, 6 * len(images)))
    epochs = min(MOST_EPOCHS, math.ceil(seen / len(images)))
    batch = min(BATCH if len(images) >= FEW else BATCH_OF_FEW, len(images))
    steps = epochs * (len(images) // batch)
    order = stream(SHARED_SEED, "evaluation/classifier_batches")
    optimizer = AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    network.train()
    done = 0
    for _ in range(epochs):
        # What is left over is skipped: batch norm cannot read one image.
        chosen = torch.randperm(len(images), generator=order).split(batch)[: len(images) // batch]
        for start in range(0, len(chosen), STEPS_A_YIELD):
            with _one_thread(), torch.enable_grad():
                for indices in chosen[start : start + STEPS_A_YIELD]:
                    loss = F.cross_entropy(network(prepared(pixels[indices])), labels[indices])
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                    schedule.step()
                    done += 1
            if done < steps:
                yield TRAINED * done / steps
    network.eval()


@torch.no_grad()
def _accuracy(network: nn.Sequential, images: Images) -> Generator[float, None, float]:
    predictions: list[Tensor] = []
    for chunk in shared(images.pixels).split(READ):
        with _one_thread():
            predictions.append(network(prepared(chunk)).argmax(dim=1))
        yield TRAINED + (1 - TRAINED) * len(predictions) * READ / (len(images) + READ)
    return float((torch.cat(predictions).numpy() == images.labels).mean())


def _read(path: Path, name: str, data: Dataset) -> Classifier | None:
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        network = _network(data)
        network.load_state_dict(state["weights"])
        return Classifier(name, network, float(state["accuracy"]), [])
    except Exception:  # a damaged file fails in many ways, and training again mends them all
        return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread, whatever a worker has: sums are split by threads, and the weights with them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
