"""The features of pytorch-fid's Inception, from weights that were checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cvae_core.data.sources.content import State
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances.declaration import INCEPTION_SHA256, FidConfig, Precision
from cvae_core.evaluation.distances.inception_weights import (
    pytorch_fid_inception,
    read_weights,
    weights_file,
)

SIDE = 299
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PREPARATION = 1
"""Raised when pixels are prepared otherwise; cached features are found under it."""


class Inception:
    """An ``Extractor``: 2,048 pooled features of images that are resized to 299×299.

    Args:
        weights: as pytorch-fid's file has them.
        sha256: of that file.
        precision: of the convolutions; bfloat16 has a name of its own, as its features are other
            ones.

    Raises:
        AbsentError: pytorch-fid is not installed.
        EvaluationError: the weights are of another network.
    """

    dims = 2048

    def __init__(
        self, weights: Mapping[str, Tensor], sha256: str, precision: Precision = "float32"
    ) -> None:
        self.sha256 = sha256.lower()
        own = self.sha256 == INCEPTION_SHA256
        other = "" if precision == "float32" else "-bf16"
        self.name = ("inception" if own else f"inception-{self.sha256[:8]}") + other
        self.digest = hashlib.sha256(f"{PREPARATION} {self.sha256}{other}".encode()).hexdigest()
        # More are slower: what one layer hands to the next no longer fits a CPU's cache. Of fewer
        # than 16, PyTorch does float32's 1×1 convolutions without oneDNN, at half the speed.
        self.batch = 16 if precision == "float32" else 8
        self._dtype = DTYPES[precision]
        network = _folded(_build(weights).eval())
        # Channels last: nearly twice as fast on a CPU.
        self._network = network.to(self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        """Features (B, 2048) of images, uint8 (B, C, H, W) of one or three channels."""
        images = F.interpolate(
            pixels.float() / 255, size=(SIDE, SIDE), mode="bilinear", align_corners=False
        )
        images = (2 * images - 1).to(self._dtype).expand(-1, 3, -1, -1)
        images = images.contiguous(memory_format=torch.channels_last)
        features: NDArray[np.float32] = self._network(images)[0].flatten(1).numpy()
        return features


class _Average(torch.nn.Module):
    """The network's last layer, in float32 whatever those before it have."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.float().mean(dim=(2, 3), keepdim=True)


def _folded(network: Any) -> torch.nn.Module:
    """The same function, but for rounding, with each batch norm in its convolution's weights."""
    for module in network.modules():
        if isinstance(getattr(module, "bn", None), torch.nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = torch.nn.Identity()
    network.normalize_input = False  # done before values are rounded
    network.blocks[-1][-1] = _Average()
    folded: torch.nn.Module = network
    return folded


def _build(weights: Mapping[str, Tensor]) -> torch.nn.Module:
    """pytorch-fid's network, which would fetch its weights itself, with ours."""
    module = pytorch_fid_inception()
    fetch = module.load_state_dict_from_url
    module.load_state_dict_from_url = lambda *_, **__: weights
    try:
        network: torch.nn.Module = module.InceptionV3(resize_input=False)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise EvaluationError(
            "these weights are not those of pytorch-fid's Inception. Name another file with "
            "evaluation.fid.weights"
        ) from error
    finally:
        module.load_state_dict_from_url = fetch
    return network


class _Held(NamedTuple):
    file: tuple[Any, ...]
    inception: Inception


_held: list[_Held] = []
"""At most one: reading it again takes a second, and each takes 95 MB."""


def load_inception(settings: FidConfig) -> Iterator[float | Inception]:
    """The network with the weights that the settings say; kept for the next trial.

    Yields:
        The share of the weights that is downloaded, in (0, 1), and at last the network.

    Raises:
        AbsentError: the weights, or pytorch-fid, cannot be had here.
        EvaluationError: the weights are not those that are expected.
    """
    for share_or_path in weights_file(settings):
        if isinstance(share_or_path, float):
            yield share_or_path
            continue
        file = _identity(share_or_path, settings)
        if not _held or _held[0].file != file:
            _held.clear()
            weights = read_weights(share_or_path, settings.sha256)
            inception = Inception(weights, settings.sha256, settings.precision)
            _held.append(_Held(file, inception))
        yield _held[0].inception


def _identity(path: Path, settings: FidConfig) -> tuple[Any, ...]:
    return (path.resolve(), *State.of(path), settings.sha256.lower(), settings.precision)
