"""Augmentation, the target of reconstruction and the terms' weights, against a loop of its own.

The loop shares with the product the first weights, the split and the names of random streams, and
nothing of what it computes: layers are functions, the losses are written out, and the view is a
mirrored image, which NumPy can make.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.models import build_model
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
Bits = Callable[[Checkpoint], dict[str, Any]]
MIRROR = {"crop_scale": None, "rotation_degrees": 0, "translation": 0, "flip_probability": 1.0}
SHAPE = {"channels": [4, 8], "latent_dim": 4, "projection": [6, 5]}
SIMCLR = {"model": "cvae", "beta": 0.0, "weights": {"reconstruction": 0}}


class OwnLoop:
    """Epochs of one trial on digits, channels 4 and 8, no normalisation, no clipping."""

    def __init__(self, config: TrialConfig, data: Dataset) -> None:
        self.config = config
        start = build_model(config, data.image_shape).state_dict()
        self.images = torch.from_numpy(data.train.pixels).to(torch.float32) / 255
        self.train, self.val = split_indices(len(data.train), 0.1, 0)
        mean = self.images[self.train].to(torch.float64).mean()
        start["decoder.layers.5.bias"] = (mean / (1 - mean)).log().reshape(1).to(torch.float32)
        self.weights = {name: t.clone().requires_grad_() for name, t in start.items()}
        self.adam = torch.optim.Adam(self.weights.values(), lr=config.learning_rate)
        self.streams: dict[str, torch.Generator] = {}

    def drawn(self, name: str) -> torch.Generator:
        if name not in self.streams:
            digest = hashlib.sha256(f"{self.config.seed}/{name}".encode()).digest()
            seed = int.from_bytes(digest[:8], "big") // 2
            self.streams[name] = torch.Generator().manual_seed(seed)
        return self.streams[name]

    def epoch(self) -> dict[str, float]:
        shuffled = self.train[torch.randperm(len(self.train), generator=self.drawn("batches"))]
        sums: dict[str, float] = {}
        for batch in shuffled.split(self.config.batch_size):
            self.adam.zero_grad()
            terms = self.terms(self.images[batch], "")
            terms["train/loss"].backward()
            self.adam.step()
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + float(term.detach()) * len(batch) / len(shuffled)
        self.streams = {n: g for n, g in self.streams.items() if not n.startswith("val_")}
        for batch in self.val.split(self.config.batch_size):
            for name, term in self.terms(self.images[batch], "val_").items():
                name = name.replace("train", "val")
                sums[name] = sums.get(name, 0) + float(term.detach()) * len(batch) / len(self.val)
        return sums

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        w = self.weights
        h = images
        for layer in ("0", "2"):
            kernel, bias = (
                w[f"encoder.features.{layer}.weight"],
                w[f"encoder.features.{layer}.bias"],
            )
            h = F.conv2d(h, kernel, bias, stride=2, padding=1).clamp(min=0)
        h = h.reshape(len(h), -1)
        mu = h @ w["encoder.mu.weight"].T + w["encoder.mu.bias"]
        return mu, h @ w["encoder.log_var.weight"].T + w["encoder.log_var.bias"]

    def decode(self, z: Tensor) -> Tensor:
        w = self.weights
        h = (z @ w["decoder.layers.0.weight"].T + w["decoder.layers.0.bias"]).clamp(min=0)
        h = h.reshape(len(z), 8, 7, 7)
        first, second = "decoder.layers.3", "decoder.layers.5"
        h = F.conv_transpose2d(h, w[f"{first}.weight"], w[f"{first}.bias"], 2, 1).clamp(min=0)
        h = F.conv_transpose2d(h, w[f"{second}.weight"], w[f"{second}.bias"], 2, 1)
        return 1 / (1 + (-h).exp())

    def sampled(self, images: Tensor, stream: str) -> tuple[Tensor, Tensor, Tensor]:
        mu, log_var = self.encode(images)
        noise = torch.randn(mu.shape, generator=self.drawn(stream))
        return mu, log_var, mu + log_var.exp().sqrt() * noise

    def terms(self, originals: Tensor, prefix: str) -> dict[str, Tensor]:
        config = self.config
        mirrored = torch.from_numpy(np.ascontiguousarray(originals.numpy()[..., ::-1]))
        encoded = mirrored if config.augment and not prefix else originals
        target = encoded if config.reconstruct == "view" else originals
        mu, log_var, z = self.sampled(encoded, f"{prefix}noise")
        kl = (0.5 * (mu**2 + log_var.exp() - 1 - log_var)).sum() / len(mu)
        loss = config.beta * kl
        terms = {"train/kl": kl}
        if config.weights.reconstruction > 0:
            error = ((self.decode(z) - target) ** 2).mean()
            terms["train/reconstruction"] = error
            loss = loss + config.weights.reconstruction * error
        if config.model == "cvae":
            first = z
            if config.views.pairs == "two augmented":
                first = self.sampled(mirrored, f"{prefix}second_noise")[2]
            second = self.sampled(mirrored, f"{prefix}second_noise")[2]
            terms["train/contrastive"] = self.contrast(first, second)
            loss = loss + config.lambda_ * terms["train/contrastive"]
        return terms | {"train/loss": loss}

    def contrast(self, first: Tensor, second: Tensor) -> Tensor:
        w = self.weights
        h = torch.cat([first, second])
        h = (h @ w["head.0.weight"].T + w["head.0.bias"]).clamp(min=0)
        h = h @ w["head.2.weight"].T + w["head.2.bias"]
        h = h / (h**2).sum(dim=1, keepdim=True).sqrt()
        similar = (h @ h.T / self.config.tau).exp()
        count = len(first)
        losses = []
        for anchor in range(2 * count):
            positive = similar[anchor, (anchor + count) % (2 * count)]
            losses.append(-(positive / (similar[anchor].sum() - similar[anchor, anchor])).log())
        return torch.stack(losses).mean()


@pytest.mark.parametrize(
    "settings",
    [
        {"augment": True},
        {"augment": True, "reconstruct": "view"},
        {"augment": True, "reconstruct": "view", "model": "cvae"},
        {"augment": True, "model": "cvae", "views": {"pairs": "two augmented"}},
        {"weights": {"reconstruction": 2.5}, "model": "cvae"},
        SIMCLR,
        {**SIMCLR, "augment": True},
        {"weights": {"reconstruction": 0}, "beta": 0.5},
    ],
    ids=str,
)
def test_an_arm_computes_what_a_loop_of_its_own_does(
    configure: Configure, small: Dataset, settings: dict[str, Any]
) -> None:
    views = MIRROR | settings.get("views", {})
    shared = {"architecture": SHAPE, "clip_norm": None, "epochs": 2, "learning_rate": 5e-3}
    config = configure(**{**shared, **settings, "views": views})
    # 135 of them are trained on: two batches of 64 and one of 7.
    few = Images(small.train.pixels[:150], small.train.labels[:150])
    data = dataclasses.replace(small, train=few)
    fitted, own = fit(config, data), OwnLoop(config, data)
    for record in fitted.history:
        terms = own.epoch()
        assert {n: record["metrics"][n] for n in terms} == pytest.approx(terms, rel=2e-4)
        assert ("val/reconstruction" in record["metrics"]) == ("val/reconstruction" in terms)
    for name, tensor in fitted.model.state_dict().items():
        torch.testing.assert_close(tensor, own.weights[name].detach(), rtol=2e-3, atol=2e-4)


def test_an_augmented_cvae_of_lambda_zero_follows_the_augmented_vae(
    configure: Configure, small: Dataset
) -> None:
    """So what differs at another λ is the contrast, and not the augmentation."""
    shared = {"augment": True, "architecture": {"norm": "batch"}, "epochs": 2}
    vae = fit(configure(model="vae", **shared), small)
    cvae = fit(configure(model="cvae", **shared, **{"lambda": 0.0}), small)
    weights = cvae.model.state_dict()
    assert all(torch.equal(t, weights[name]) for name, t in vae.model.state_dict().items())
    for ours, control in zip(vae.history, cvae.history, strict=True):
        assert ours["metrics"].items() <= control["metrics"].items()


def test_augmentation_has_a_stream_of_its_own(configure: Configure, small: Dataset) -> None:
    """Views for the contrast and noise stay what they are without it."""
    plain, augmented = (
        fit(configure(model="cvae", epochs=1, augment=augment), small).checkpoint.streams
        for augment in (False, True)
    )
    assert augmented.keys() - plain.keys() == {"augmentation"}
    assert all(torch.equal(state, augmented[name]) for name, state in plain.items())


@pytest.mark.parametrize("settings", [{"augment": True}, SIMCLR])
def test_resumed_after_an_epoch_it_goes_on_bit_for_bit(
    configure: Configure, small: Dataset, bits: Bits, settings: dict[str, Any]
) -> None:
    whole = fit(configure(epochs=2, **settings), small)
    half = fit(configure(epochs=1, **settings), small).checkpoint
    config = configure(epochs=2, **settings)
    stored = read_checkpoint(half.to_bytes(), config=configure(epochs=1, **settings))
    resumed = fit(config, small, start=stored)
    assert bits(resumed.checkpoint)["model"] == bits(whole.checkpoint)["model"]
    assert bits(resumed.checkpoint)["streams"] == bits(whole.checkpoint)["streams"]
    assert resumed.history[-1]["metrics"] == whole.history[-1]["metrics"]


def test_an_untrained_decoder_stays_as_it_began_and_can_be_loaded(
    configure: Configure, small: Dataset
) -> None:
    config = configure(**SIMCLR, epochs=2, architecture={"norm": "batch"})
    fitted, start = fit(config, small), build_model(config, small.image_shape)
    trained = fitted.model.state_dict()
    for name, tensor in start.state_dict().items():
        if name.startswith("decoder.") and tensor.shape != (1,):  # its last bias began elsewhere
            assert torch.equal(tensor, trained[name]), name
    assert not torch.equal(start.encoder.mu.weight, trained["encoder.mu.weight"])
    assert not any("reconstruction" in name for name in fitted.history[-1]["metrics"])
    start.load_state_dict(read_checkpoint(fitted.checkpoint.to_bytes(), config=config).model)
