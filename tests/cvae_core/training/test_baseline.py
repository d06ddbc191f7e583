"""Baselines in training, each against something independent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import decomposition
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, split_indices
from cvae_core.errors import NonFiniteLossError
from cvae_core.models import any_model, build_model
from cvae_core.models.baselines import PCA
from cvae_core.streams import Streams, torch_seeded
from cvae_core.training import baseline, principal
from cvae_core.training.baseline import LEAST_IMAGES
from cvae_core.training.begin import begin
from cvae_core.training.checkpoint import read_checkpoint
from cvae_core.training.fit import fit
from cvae_core.training.principal import Principal, principal_components

SHAPE: dict[str, Any] = {"architecture": {"channels": [4, 8], "latent_dim": 4}}


def configure(model: str, **settings: Any) -> TrialConfig:
    return TrialConfig.from_settings({"model": model, **SHAPE, **settings})


def flat_images(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The scaled training and validation parts, (N, D), as the default settings have them."""
    pixels = data.train.pixels.reshape(len(data.train), -1) / np.float32(255)
    train, val = (indices.numpy() for indices in split_indices(len(data.train), 0.1, 0))
    return pixels[train], pixels[val]


def found(images: np.ndarray, count: int) -> Principal:
    def batches() -> Iterator[Tensor]:
        yield from torch.from_numpy(images).split(64)

    steps = principal_components(batches, count)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert isinstance(end.value, Principal)
            return end.value


def test_components_are_numpy_s_and_scikit_learn_s(small: Dataset) -> None:
    images, _ = flat_images(small)
    own = found(images, 5)
    centred = images.astype(np.float64) - images.mean(0, dtype=np.float64)
    _, values, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(own.variances, values[:5] ** 2 / (len(images) - 1), rtol=1e-6)
    np.testing.assert_allclose(np.abs(own.components @ rows[:5].T), np.eye(5), atol=1e-5)
    other = decomposition.PCA(5, svd_solver="full").fit(images.astype(np.float64))
    np.testing.assert_allclose(own.components, other.components_, atol=1e-5)
    np.testing.assert_allclose(own.mean, other.mean_, atol=1e-6)


def test_large_images_have_the_same_components(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, _ = flat_images(small)
    exact = found(images, 5)
    monkeypatch.setattr(principal, "MOST_PIXELS", 10)
    np.testing.assert_allclose(found(images, 5).components, exact.components, atol=1e-6)
    np.testing.assert_allclose(found(images, 5).variances, exact.variances, rtol=1e-6)


def test_more_components_than_there_are_directions() -> None:
    images = np.random.default_rng(0).random((4, 6), dtype=np.float32)
    own = found(images, 8)
    assert own.components.shape == (8, 6)
    assert not own.components[3:].any()
    assert not own.variances[3:].any()
    np.testing.assert_allclose(own.components[:3] @ own.components[:3].T, np.eye(3), atol=1e-9)


def test_pca_decodes_by_the_inverse_transform_and_samples_from_its_gaussian(small: Dataset) -> None:
    images, held_out = flat_images(small)
    result = fit(configure("pca"), small)
    other = decomposition.PCA(4, svd_solver="full").fit(images.astype(np.float64))
    model = result.model
    assert isinstance(model, PCA)
    as_images = torch.from_numpy(held_out).view(-1, *small.image_shape)
    scores = model(as_images)
    np.testing.assert_allclose(scores.numpy(), other.transform(held_out), atol=1e-4)
    back = other.inverse_transform(other.transform(held_out))
    np.testing.assert_allclose(model.decode(scores).flatten(1).numpy(), back, atol=1e-5)
    (record,) = result.history
    error = ((back - held_out) ** 2).mean()
    assert record["metrics"] == {"val/reconstruction": pytest.approx(error, rel=1e-4)}
    prior = model.prior(torch.randn(100_000, 4, generator=torch.Generator().manual_seed(0)))
    np.testing.assert_allclose(prior.var(0).numpy(), other.explained_variance_, rtol=0.03)


def test_an_error_that_is_not_finite_is_the_trial_s(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "pixel_mse", lambda *_: torch.tensor(math.nan))
    with pytest.raises(NonFiniteLossError, match="not finite after epoch 1: val/reconstruction"):
        fit(TrialConfig(model="pca"), small)


def test_pixels_are_the_scaled_pixels(small: Dataset) -> None:
    result = fit(configure("pixels"), small, probe_every=1)
    images, held_out = flat_images(small)
    latents = result.model(torch.from_numpy(held_out).view(-1, *small.image_shape))
    assert (latents.numpy() == held_out).all()
    train, val = (indices.numpy() for indices in split_indices(len(small.train), 0.1, 0))
    probe = LogisticRegression(tol=1e-6, max_iter=5000)
    probe.fit(images.astype(np.float64), small.train.labels[train])
    accuracy = probe.score(held_out.astype(np.float64), small.train.labels[val])
    (record,) = result.history
    assert record["metrics"] == {"val/probe_accuracy": pytest.approx(accuracy, abs=1e-9)}


def test_untrained_is_the_encoder_that_a_vae_begins_with(small: Dataset) -> None:
    result = fit(configure("untrained", seed=3), small)
    vae = build_model(configure("vae", seed=3), small.image_shape)
    weights = result.checkpoint.selected_weights
    assert weights.keys() == {f"encoder.{name}" for name in vae.encoder.state_dict()}
    for name, value in vae.encoder.state_dict().items():
        assert torch.equal(weights[f"encoder.{name}"], value)


def independent_supervised(config: TrialConfig, data: Dataset, epochs: int) -> nn.Module:
    """The same by a plain loop with PyTorch's own Adam."""
    encoder = build_model(TrialConfig.from_settings(SHAPE), data.image_shape).encoder
    with torch_seeded(config.seed, "classifier"):
        classifier = nn.Linear(4, 10)
    adam = torch.optim.Adam([*encoder.parameters(), *classifier.parameters()], lr=1e-3)
    images = torch.from_numpy(data.train.pixels).float() / 255
    labels = torch.from_numpy(data.train.labels)
    train, _ = split_indices(len(images), 0.1, 0)
    generator = Streams(config.seed, ("batches",))["batches"]
    for _ in range(epochs * -(-LEAST_IMAGES // len(train))):
        for batch in train[torch.randperm(len(train), generator=generator)].split(128):
            adam.zero_grad()
            means, _ = encoder(images[batch])
            nn.functional.cross_entropy(classifier(means), labels[batch]).backward()
            adam.step()
    return encoder


@pytest.mark.slow
def test_supervised_is_what_a_plain_loop_trains(small: Dataset) -> None:
    config = configure("supervised", epochs=1, beta=7)
    training = begin(config, small)
    training.run_epoch()
    encoder = independent_supervised(config, small, 1)
    for name, value in encoder.state_dict().items():
        own = training.checkpoint().model[f"encoder.{name}"]
        torch.testing.assert_close(own, value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_supervised_goes_on_where_it_stopped_bit_for_bit(
    small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "LEAST_IMAGES", 2_000)
    config = configure("supervised")
    whole = fit(config, small)
    assert [record["epoch"] for record in whole.history] == [1, 2, 3, 4, 5]
    losses = [record["metrics"]["train/cross_entropy"] for record in whole.history]
    assert losses[-1] < losses[0] / 2
    begun = begin(config, small)
    begun.run_epoch()
    content = begun.checkpoint().to_bytes()
    rest = fit(config, small, start=read_checkpoint(content, config=config))
    assert [r["metrics"] for r in rest.history] == [r["metrics"] for r in whole.history[1:]]
    for name, value in whole.checkpoint.model.items():
        assert torch.equal(rest.checkpoint.model[name], value)


@pytest.mark.parametrize("model", ["pca", "pixels", "untrained"])
def test_a_checkpoint_gives_the_same_latents(model: str, small: Dataset) -> None:
    config = configure(model)
    result = fit(config, small)
    assert result.checkpoint.epoch == BASELINES[model].epochs
    checkpoint = read_checkpoint(result.checkpoint.to_bytes(), config=config)
    again = any_model(config, small.image_shape)
    again.load_state_dict(checkpoint.selected_weights)
    images = torch.from_numpy(small.test.pixels).float() / 255
    with torch.no_grad():
        assert torch.equal(again(images), result.model(images))
    assert fit(config, small, start=checkpoint).history == []


def test_what_it_does_not_depend_on_is_at_its_default() -> None:
    one = configure("pca", epochs=77, beta=0.5, seed=4, batch_size=32, learning_rate=0.5)
    assert one == configure("pca")
    assert one.epochs == 1
    assert one.architecture.latent_dim == 4
    supervised = configure("supervised", epochs=77, seed=4, batch_size=32, learning_rate=0.5)
    assert (supervised.epochs, supervised.seed, supervised.batch_size) == (5, 4, 32)
    assert supervised.architecture.channels == (4, 8)
    assert supervised.learning_rate == TrialConfig().learning_rate
