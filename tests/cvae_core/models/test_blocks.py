"""Kernels and residual blocks: shapes for every size of image, and what a block computes."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cvae_core.config import TrialConfig
from cvae_core.models import build_model
from cvae_core.models.blocks import ResidualBlock
from cvae_core.sizes import stages

# Another value means that trials of equal settings begin with other weights than before: NUMERICS
# has to be raised.
GOLDEN: list[tuple[dict[str, Any], tuple[int, int, int], str]] = [
    ({}, (1, 28, 28), "6b8a0fbff39969fc"),
    ({"model": "cvae"}, (1, 28, 28), "3ff8d31c4a0c87ee"),
    ({"model": "cvae", "data": {"name": "cifar10"}}, (3, 32, 32), "0f30e0402c9fbf29"),
    (
        {"architecture": {"norm": "batch", "channels": [4, 8]}, "seed": 3},
        (1, 8, 8),
        "cc287f5dd41abe12",
    ),
]


@pytest.mark.parametrize(("settings", "image_shape", "golden"), GOLDEN)
def test_golden_first_weights(
    settings: dict[str, Any], image_shape: tuple[int, int, int], golden: str
) -> None:
    digest = hashlib.sha256()
    model = build_model(TrialConfig.from_settings(settings), image_shape)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + str(tuple(tensor.shape)).encode() + tensor.numpy().tobytes())
    assert digest.hexdigest()[:16] == golden


@pytest.mark.parametrize("blocks", ["conv", "residual"])
@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize(
    "image_shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8), (3, 9, 9), (1, 18, 18)]
)
def test_maps_are_halved_and_mirrored_whatever_the_kernel(
    image_shape: tuple[int, int, int], kernel: int, blocks: str
) -> None:
    channels = (4, 6, 8, 8)
    architecture = {"channels": [*channels], "kernel": kernel, "blocks": blocks, "norm": "group"}
    config = TrialConfig.from_settings({"architecture": architecture})
    model = build_model(config, image_shape)
    plan, usual = (stages(*image_shape[:2], channels, side) for side in (kernel, 4))
    seen: list[tuple[int, ...]] = []
    inside = {c for m in model.modules() if isinstance(m, ResidualBlock) for c in m.modules()}
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module not in inside:
            module.register_forward_hook(lambda _, __, maps: seen.append(tuple(maps.shape[1:])))
    assert model.decode(model.encode(torch.rand(2, *image_shape))[0]).shape == (2, *image_shape)
    down = [(s.channels_out, s.size_out, s.size_out) for s in plan]
    up = [(s.channels_in, s.size_in, s.size_in) for s in reversed(plan)]
    assert seen == [*down, *up]
    assert [stage.size_out for stage in plan] == [stage.size_out for stage in usual]


@pytest.mark.parametrize(("norm", "training"), [("none", True), ("batch", True), ("batch", False)])
def test_a_residual_block_equals_functions_written_out(norm: Any, training: bool) -> None:
    torch.manual_seed(0)
    block, maps = ResidualBlock(5, norm), torch.randn(3, 5, 7, 7)
    state = block.state_dict()
    for tensor in state.values():
        if tensor.is_floating_point():  # also of the norms, which begin as the identity
            tensor.copy_(torch.rand_like(tensor) + 0.1)
    block.load_state_dict(state)
    block.train(training)
    second = "residual.2" if norm == "none" else "residual.3"
    h = F.conv2d(maps, state["residual.0.weight"], state["residual.0.bias"], padding=1)
    h = _normed(h, state, "residual.1", norm, training).clamp(min=0)
    h = F.conv2d(h, state[f"{second}.weight"], state[f"{second}.bias"], padding=1)
    h = _normed(h, state, "residual.4", norm, training)
    torch.testing.assert_close(block(maps), (maps + h).clamp(min=0), rtol=1e-4, atol=1e-4)


def _normed(
    maps: torch.Tensor, state: dict[str, torch.Tensor], name: str, norm: str, training: bool
) -> torch.Tensor:
    if norm == "none":
        return maps
    if training:
        mean, variance = maps.mean((0, 2, 3)), maps.var((0, 2, 3), correction=0)
    else:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scaled = (maps - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]


def test_residual_blocks_stand_after_each_convolution_and_before_each_mirror() -> None:
    config = TrialConfig.from_settings({"architecture": {"blocks": "residual", "norm": "batch"}})
    model = build_model(config, (1, 28, 28))
    kinds = (nn.Conv2d, nn.ConvTranspose2d, ResidualBlock)
    for part, expected in (
        (model.encoder.features, ["Conv2d", "ResidualBlock"] * 3),
        (model.decoder.layers, ["ResidualBlock", "ConvTranspose2d"] * 3),
    ):
        assert [type(m).__name__ for m in part if isinstance(m, kinds)] == expected
