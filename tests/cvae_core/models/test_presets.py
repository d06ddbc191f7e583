"""The paper's two shapes."""

from __future__ import annotations

import torch
from torch import nn

from cvae_core.config import TrialConfig
from cvae_core.models import VAE, ContrastiveVAE, build_model
from cvae_core.presets import PRESETS
from cvae_core.settings import merge

Layer = tuple[int, int, int, int, int]


def convolutions(module: nn.Module) -> list[Layer]:
    """Channels in and out, kernel, stride and padding of each, in order."""
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0], int(m.padding[0]))
        for m in module.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]


def linears(module: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in module.modules() if isinstance(m, nn.Linear)]


def mirrored(layers: list[Layer]) -> list[Layer]:
    return [(out, into, *kernel) for into, out, *kernel in reversed(layers)]


def run(model: VAE, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mu, log_var = model.encode(images)
    return mu, log_var, model.decode(model.reparameterise(mu, log_var, torch.zeros_like(mu)))


def test_mnist() -> None:
    model = build_model(TrialConfig(model="cvae"), (1, 28, 28))
    assert isinstance(model, ContrastiveVAE)
    layers = [(1, 8, 4, 2, 1), (8, 16, 4, 2, 1), (16, 32, 3, 1, 1)]
    assert convolutions(model.encoder) == layers
    assert convolutions(model.decoder) == mirrored(layers)
    assert linears(model.encoder) == [(1568, 10), (1568, 10)]
    assert linears(model.decoder) == [(10, 1568)]
    assert linears(model.head) == [(10, 8), (8, 5)]
    mu, log_var, images = run(model, torch.rand(3, 1, 28, 28))
    assert mu.shape == log_var.shape == (3, 10)
    assert images.shape == (3, 1, 28, 28)
    assert model.project(mu).shape == (3, 5)


def test_cifar10() -> None:
    config = TrialConfig.from_settings(merge(PRESETS["cifar10"], {"model": "cvae"}))
    model = build_model(config, (3, 32, 32))
    assert isinstance(model, ContrastiveVAE)
    layers = [(3, 32, 4, 2, 1), (32, 64, 4, 2, 1), (64, 128, 4, 2, 1), (128, 256, 4, 2, 1)]
    assert convolutions(model.encoder) == layers
    assert convolutions(model.decoder) == mirrored(layers)
    assert linears(model.encoder) == [(1024, 128), (1024, 128)]
    assert linears(model.head) == [(128, 64), (64, 32)]
    mu, _, images = run(model, torch.rand(2, 3, 32, 32) * 2 - 1)
    assert mu.shape == (2, 128)
    assert images.shape == (2, 3, 32, 32)
    assert model.project(mu).shape == (2, 32)


def test_normalisation_is_the_same_for_both_families() -> None:
    for norm, kind in (("batch", nn.BatchNorm2d), ("group", nn.GroupNorm)):
        for family in ("vae", "cvae"):
            config = TrialConfig.from_settings({"model": family, "architecture": {"norm": norm}})
            model = build_model(config, (1, 28, 28))
            for part, count in ((model.encoder, 3), (model.decoder, 2)):
                assert sum(isinstance(m, kind) for m in part.modules()) == count
