"""What a model takes, from its settings, against models that are built."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.adam import Adam
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import ConfigError
from cvae_core.models import build_model
from cvae_core.sizes import check_batches, check_groups, parameter_count, training_bytes
from cvae_core.training.begin import begin


@pytest.mark.parametrize("family", ["vae", "cvae"])
@pytest.mark.parametrize("norm", ["none", "batch", "group"])
@pytest.mark.parametrize(
    ("architecture", "image_shape"),
    [
        ({}, (1, 28, 28)),
        ({"channels": [8], "latent_dim": 3, "projection": [4]}, (3, 9, 9)),
        ({"channels": [16, 8, 8, 24], "latent_dim": 7, "projection": [9, 8, 7]}, (3, 32, 32)),
        ({"kernel": 3, "blocks": "residual"}, (1, 28, 28)),
        ({"kernel": 5, "channels": [4, 8, 8]}, (3, 18, 18)),
    ],
)
def test_parameters_are_those_of_the_model(
    family: str, norm: str, architecture: dict[str, Any], image_shape: tuple[int, int, int]
) -> None:
    settings = {"model": family, "architecture": {**architecture, "norm": norm}}
    config = TrialConfig.from_settings(settings)
    model = build_model(config, image_shape)
    assert parameter_count(config, image_shape) == sum(p.numel() for p in model.parameters())


def test_bytes_are_those_of_weights_gradients_and_moments() -> None:
    config = TrialConfig()
    model = build_model(config, (1, 28, 28))
    optimizer = Adam(model.parameters())
    for parameter in model.parameters():
        parameter.grad = parameter.detach().clone()
    optimizer.step()
    states = optimizer.state.values()
    moments = [value for state in states for name, value in state.items() if "avg" in name]
    tensors = [*model.parameters(), *(p.grad for p in model.parameters()), *moments]
    assert training_bytes(config, (1, 28, 28)) == sum(t.nbytes for t in tensors if t is not None)


def test_numbers_that_no_tensor_can_have() -> None:
    config = TrialConfig.from_settings({"architecture": {"latent_dim": 10**30}})
    assert training_bytes(config, (1, 28, 28)) > 10**30


@pytest.mark.parametrize("images", [33, 34, 64])
@pytest.mark.parametrize("size", [4, 8])
def test_what_batch_normalisation_cannot_do_is_refused_before_it_is_tried(
    images: int, size: int
) -> None:
    architecture = {"channels": [4, 4], "norm": "batch"}
    config = TrialConfig.from_settings({"batch_size": 32, "architecture": architecture})
    model = build_model(config, (1, size, size)).train()
    try:
        model(torch.zeros(images % 32 or 32, 1, size, size))
        works = True
    except ValueError:
        works = False
    if works:
        check_batches(config, (1, size, size), images)
    else:
        with pytest.raises(ConfigError, match="batch normalisation of maps of one pixel"):
            check_batches(config, (1, size, size), images)
    assert works == (size == 8 or images != 33)


@pytest.mark.parametrize("blocks", ["conv", "residual"])
@pytest.mark.parametrize(
    ("channels", "size", "works"),
    [
        ([4, 4], 4, False),
        ([4, 4], 8, True),
        ([4, 4, 24], 4, False),  # 24 are three a group, but the stage before has lost the image
        ([4, 24], 4, True),
        ([8, 16, 32], 8, True),
    ],
)
def test_a_model_to_which_all_images_are_the_same_is_refused(
    channels: list[int], size: int, works: bool, blocks: str
) -> None:
    architecture = {"channels": channels, "norm": "group", "blocks": blocks}
    config = TrialConfig.from_settings({"architecture": architecture})
    torch.manual_seed(0)
    model, shape = build_model(config, (1, size, size)), (1, size, size)
    first, second = model.encode(torch.rand(2, *shape))[0]
    assert torch.allclose(first, second, atol=1e-5) == (not works)
    if works:
        check_groups(config, shape)
    else:
        with pytest.raises(ConfigError, match="4 maps of one pixel") as refused:
            check_groups(config, shape)
        assert refused.value.at == ("architecture", "norm")


@pytest.mark.parametrize("name", ["vae", "cvae", "untrained", "supervised"])
def test_it_is_refused_before_the_first_step(name: str) -> None:
    random = np.random.default_rng(0)
    images = Images(
        random.integers(0, 256, (40, 1, 4, 4)).astype(np.uint8), np.arange(40, dtype=np.int64) % 2
    )
    data = Dataset("tiny", images, images, ("a", "b"))
    architecture = {"channels": [4, 4], "norm": "group"}
    with pytest.raises(ConfigError, match="makes all images the same"):
        begin(TrialConfig.from_settings({"model": name, "architecture": architecture}), data)
