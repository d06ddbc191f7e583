"""Features against pytorch-fid's own network, as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances import inception as module
from cvae_core.evaluation.distances.declaration import INCEPTION_SHA256, FidConfig
from cvae_core.evaluation.distances.inception import Inception, load_inception
from cvae_core.evaluation.distances.inception_weights import pytorch_fid_inception
from cvae_core.evaluation.metrics import describe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(inception_weights: Any) -> FidConfig:
    return FidConfig(weights=str(inception_weights.path), sha256=inception_weights.sha256)


@pytest.fixture(scope="module")
def own(settings: FidConfig) -> Inception:
    return loaded(settings)


@pytest.fixture(scope="module")
def theirs(inception_weights: Any) -> torch.nn.Module:
    """Unmodified, with weights that are read by PyTorch alone."""
    fid = pytorch_fid_inception()
    with pytest.MonkeyPatch.context() as patch:
        weights = torch.load(inception_weights.path, weights_only=True)
        patch.setattr(fid, "load_state_dict_from_url", lambda *_, **__: weights)
        network: torch.nn.Module = fid.InceptionV3().eval()
    return network


def loaded(settings: FidConfig) -> Inception:
    *_, inception = load_inception(settings)
    assert isinstance(inception, Inception)
    return inception


def images(channels: int, side: int, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (count, channels, side, side), generator=random).to(torch.uint8)


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32), (3, 299)])
def test_features_are_pytorch_fids(
    own: Inception, theirs: torch.nn.Module, channels: int, side: int
) -> None:
    pixels = images(channels, side)
    rgb = pixels.repeat(1, 3, 1, 1) if channels == 1 else pixels
    with torch.no_grad():
        expected = theirs(rgb / 255)[0].flatten(1).numpy()
    got = own.features(pixels)
    assert got.dtype == np.float32
    assert got.shape == (2, own.dims) == (2, 2048)
    # Features of different images differ by much more than what is allowed here.
    assert np.ptp(expected, axis=0).mean() > 1e-2 * np.abs(expected).mean()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_no_batch_norm_is_left(own: Inception) -> None:
    assert not [m for m in own._network.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_bfloat16_is_near_and_has_names_of_its_own(own: Inception, inception_weights: Any) -> None:
    pixels = images(3, 32)
    weights = torch.load(inception_weights.path, weights_only=True)
    halved = Inception(weights, INCEPTION_SHA256, "bfloat16")
    exact, got = own.features(pixels), halved.features(pixels)
    assert got.dtype == np.float32
    error = np.abs(got - exact).mean() / np.abs(exact).mean()
    assert 1e-4 < error < 1e-2
    assert halved.name == "inception-bf16"
    names = ("fid/inception-bf16_n360", f"kid/{own.name}-bf16_floor", "val/fid_inception-bf16")
    for name in names:
        assert describe(name) is not None


def test_features_are_the_same_twice(own: Inception) -> None:
    pixels = images(1, 28)
    assert own.features(pixels).tobytes() == own.features(pixels).tobytes()


def test_their_loader_is_theirs_again(settings: FidConfig, own: Inception) -> None:
    loader = pytorch_fid_inception().load_state_dict_from_url
    assert loader is torch.hub.load_state_dict_from_url
    with pytest.raises(EvaluationError, match="not those of pytorch-fid's Inception"):
        Inception({"a": torch.ones(1)}, "0" * 64)
    assert pytorch_fid_inception().load_state_dict_from_url is loader


def test_the_name_says_which_weights(own: Inception, inception_weights: Any) -> None:
    weights = torch.load(inception_weights.path, weights_only=True)
    assert own.name == f"inception-{inception_weights.sha256[:8]}"
    published = Inception(weights, INCEPTION_SHA256.upper())
    assert published.name == "inception"
    assert published.digest != own.digest


def test_one_is_kept(settings: FidConfig, own: Inception, tmp_path: Path) -> None:
    assert loaded(settings) is own
    assert len(module._held) == 1
    with pytest.raises(EvaluationError, match="expected 0000"):
        loaded(dataclasses.replace(settings, sha256="0" * 64))
    copy = tmp_path / "copy.pth"
    copy.write_bytes(Path(str(settings.weights)).read_bytes())
    elsewhere = dataclasses.replace(settings, weights=str(copy))
    halved = loaded(dataclasses.replace(settings, precision="bfloat16"))
    assert halved.name == f"{own.name}-bf16"
    assert halved.digest != own.digest
    other = loaded(elsewhere)
    assert other is not own
    assert len(module._held) == 1
    with copy.open("r+b") as file:
        file.write(b"damage")
    with pytest.raises(EvaluationError, match=str(copy)):
        loaded(elsewhere)
