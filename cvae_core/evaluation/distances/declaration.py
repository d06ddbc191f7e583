"""Parts ``fd`` and ``fid``, declared: distances of generated images from real ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cvae_core.errors import ConfigError
from cvae_core.evaluation.distances.metrics import FD_METRICS, FID_METRICS
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.settings import Checked, setting

INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the weights that pytorch-fid downloads."""
Precision = Literal["float32", "bfloat16"]
Source = Literal["prior", "reconstruction", "gaussian", "mixture"]
"""Where the latents of generated images come from."""
SOURCES: tuple[Source, ...] = ("prior", "reconstruction", "gaussian", "mixture")
DETAIL_N = 1024
"""More would make a trial's evaluation longer by over a tenth."""


@dataclass(frozen=True)
class DistancesConfig(Checked):
    """What is measured on an extractor's features."""

    n: int = setting(
        10_000, "generated and real images; never more than there are, and then in the name", ge=2
    )
    sources: tuple[Source, ...] = setting(
        SOURCES,
        "where latents come from: the prior; the posterior means of the judged images; a Gaussian, "
        "a mixture of ten fitted to training latents",
    )
    manifold: bool = setting(True, "also precision, recall, density and coverage")
    detail_n: int = setting(
        DETAIL_N,
        "images of either side in what compares sources, and of manifold; never more than n",
        ge=2,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if "prior" not in self.sources:
            raise ConfigError("sources must name prior: the others are compared with it")

    def images(self, judged: int) -> int:
        """Generated images where there are so many to be judged."""
        count = min(self.n, judged)
        return count + (len(set(self.sources)) - 1) * min(self.detail_n, count)

    def real_images(self, judged: int, training: int) -> int:
        """Real images whose features are computed once: judged ones, and training images."""
        count = min(self.n, judged)
        return count + min(2 * count, training)


@dataclass(frozen=True)
class FdConfig(DistancesConfig):
    """Fréchet and kernel distances on features of a small classifier trained here."""


@dataclass(frozen=True)
class FidConfig(DistancesConfig):
    """Fréchet and kernel distances on features of pytorch-fid's Inception."""

    sources: tuple[Source, ...] = setting(
        ("prior",), "as of fd; each one more costs detail_n images on Inception"
    )
    weights: str | None = setting(
        None,
        "file of Inception's weights; null: torch's cache, else pytorch-fid's own download",
        identity=False,
    )
    sha256: str = setting(INCEPTION_SHA256, "hash that the weights must have")
    precision: Precision = setting(
        "float32",
        "of Inception; bfloat16: faster where the processor has it, and then in the name",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights == "":
            raise ConfigError("weights must name a file, or be null")
        if not re.fullmatch("[0-9a-fA-F]{64}", self.sha256):
            raise ConfigError(
                f"sha256 must be 64 hexadecimal digits, as sha256sum prints them, "
                f"not {self.sha256!r}"
            )


FD = Part(
    "fd",
    "cvae_core.evaluation.distances.fd",
    FdConfig,
    on=True,
    title="Fréchet and kernel distance on a small classifier's features, and where it comes from",
    metrics=FD_METRICS,
    seconds=Seconds(0.7, 0.2),
    images=DistancesConfig.images,
    once=Seconds(4.0, 1.0),
    prepares=True,
    decodes=True,
    version=2,
)
FID = Part(
    "fid",
    "cvae_core.evaluation.distances.fid",
    FidConfig,
    on=False,
    title="FID and KID on Inception's features: a quarter of an hour a trial, or more, on one core",
    metrics=FID_METRICS,
    seconds=Seconds(15.0, 100.0),
    images=DistancesConfig.images,
    once=Seconds(60.0, 100.0),
    first=DistancesConfig.real_images,
    prepares=True,
    decodes=True,
    version=2,
    paths=("weights",),
)
