"""Where a decoder begins: at the training images' mean, so that no seed stays at black images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.models import build_model
from cvae_core.models.decoder import Decoder
from cvae_core.training.training import Training

Configure = Callable[..., TrialConfig]
STEPS = 180


@pytest.fixture(scope="module")
def strokes() -> Dataset:
    """White strokes on black, of MNIST's shape: a line through four points, by class and chance."""
    count, random = 625, np.random.default_rng(0)
    shapes = np.random.default_rng(1).uniform(5, 22, (10, 4, 2))
    points = shapes[np.arange(count) % 10] + random.normal(0, 1.5, (count, 4, 2))
    share = np.linspace(0, 1, 12)[:, None]
    pairs = zip(points.transpose(1, 0, 2)[:-1], points.transpose(1, 0, 2)[1:], strict=True)
    line = np.concatenate([a[:, None] * (1 - share) + b[:, None] * share for a, b in pairs], axis=1)
    pixels = np.zeros((count, 28, 28))
    for rows, columns in line.transpose(1, 2, 0)[..., None] - np.arange(28):
        away = np.hypot(rows[:, :, None], columns[:, None, :])
        np.maximum(pixels, np.clip(2.2 - away, 0, 1), out=pixels)
    images = Images((255 * pixels).astype(np.uint8)[:, None], np.arange(count) % 10)
    test = Images(images.pixels[:10], images.labels[:10])
    return Dataset("mnist", images, test, tuple("0123456789"))


def trained(config: TrialConfig, data: Dataset, goal: float = 0.0) -> dict[str, float]:
    """The metrics after at most so many steps, or once the reconstruction is below a goal."""
    training = Training(config, data)
    metrics: dict[str, float] = {}
    for _ in range(STEPS // -(-training.images // config.batch_size)):
        metrics = training.run_epoch()["metrics"]
        if metrics["val/reconstruction"] < goal:
            break
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize(("value_range", "seeds"), [("unit", (0, 1)), ("symmetric", (0,))])
def test_no_seed_stays_at_black_images(
    configure: Configure,
    strokes: Dataset,
    value_range: str,
    seeds: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = {"name": "mnist", "value_range": value_range}
    config = configure(data=data, beta=1e-8, batch_size=32, learning_rate=1e-4, epochs=10)
    _, val = split_indices(len(strokes.train), 0.1, 0)
    unit = strokes.train.pixels[val.numpy()] / 255
    black = np.square(unit).mean() * (1 if value_range == "unit" else 4)
    for seed in seeds:
        metrics = trained(dataclasses.replace(config, seed=seed), strokes, 0.8 * black)
        assert metrics["val/reconstruction"] < 0.8 * black
    # As PyTorch begins it, a seed does stay there.
    monkeypatch.setattr(Decoder, "start_at", lambda *_: None)
    metrics = trained(dataclasses.replace(config, seed=0), strokes)
    assert metrics["val/reconstruction"] > 0.98 * black
    assert metrics["val/reconstruction"] > metrics["val/reconstruction_of_mean"]


def test_it_begins_at_the_mean_of_the_training_part_alone(
    configure: Configure, getting_worse: Dataset, small: Dataset
) -> None:
    """Validation images are others here, and change nothing."""
    biases = []
    for data in (small, getting_worse):
        model = Training(configure(), data).model
        biases.append(model.decoder.layers[-2].bias.item())  # type: ignore[operator,union-attr]
    assert biases[0] == biases[1]
    train, _ = split_indices(len(small.train), 0.1, 0)
    mean = small.train.pixels[train.numpy()].mean() / 255
    assert biases[0] == pytest.approx(np.log(mean / (1 - mean)), rel=1e-6)


def test_a_vae_and_a_cvae_begin_alike_and_otherwise_as_they_are_built(
    configure: Configure, small: Dataset
) -> None:
    states = {
        model: Training(configure(model=model), small).model.state_dict()
        for model in ("vae", "cvae")
    }
    built = build_model(configure(), small.image_shape).state_dict()
    differing = [
        name for name, value in built.items() if not torch.equal(value, states["vae"][name])
    ]
    assert differing == [list(built)[-1]]
    assert all(torch.equal(value, states["cvae"][name]) for name, value in states["vae"].items())


def test_a_checkpoint_is_gone_on_with_as_it_is(configure: Configure, small: Dataset) -> None:
    training = Training(configure(), small)
    training.run_epoch()
    again = Training(configure(), small, start=training.checkpoint())
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_what_the_mean_image_reaches_is_in_every_record(
    configure: Configure, small: Dataset, value_range: str
) -> None:
    config = configure(epochs=2, data={"value_range": value_range})
    training = Training(config, small)
    records = [training.run_epoch()["metrics"] for _ in range(2)]
    train, val = split_indices(len(small.train), 0.1, 0)
    unit = small.train.pixels / 255
    images = unit if value_range == "unit" else 2 * unit - 1
    expected = np.square(images[val.numpy()] - images[train.numpy()].mean(axis=0)).mean()
    assert [m["val/reconstruction_of_mean"] for m in records] == pytest.approx([expected] * 2)
    assert records[0]["val/reconstruction_of_mean"] == records[1]["val/reconstruction_of_mean"]
