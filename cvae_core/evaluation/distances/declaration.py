"""Parts ``fd`` and ``fid``, declared: distances of generated images from real ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cvae_core.errors import ConfigError
from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.settings import Checked, setting

INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the weights that pytorch-fid downloads."""
IN_TRAINING = "val/fd_<data>-cnn"
"""What ``fd`` measures of a model in training."""
EXTRACTOR = {"<extractor>": r"([A-Za-z0-9_-]+-cnn|inception(-[0-9a-f]{8})?(-bf16)?)(_n\d+)?"}
VARIANT = {"<variant>": r"(-[0-9a-f]{8})?(-bf16)?(_n\d+)?"}
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class FdConfig(Checked):
    """Fréchet and kernel distances on features of a small classifier trained here."""

    n: int = setting(
        10_000, "generated and real images; never more than there are, and then in the name", ge=2
    )


@dataclass(frozen=True)
class FidConfig(Checked):
    """Fréchet and kernel distances on features of pytorch-fid's Inception."""

    n: int = setting(
        10_000, "generated and real images; never more than there are, and then in the name", ge=2
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


FD_METRICS = (
    Metric(
        "fd/<extractor>",
        "FD",
        "Fréchet distance of generated images from test images on the features of a classifier "
        "trained here on the data set's training split; N = 10,000, another N is in the name",
        "lower",
        "squared feature",
        "arXiv:1706.08500",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "fd/<extractor>_floor",
        "FD floor",
        "the same distance of N training images from the test images: about what another draw "
        "of real images scores (the classifier has seen the training images)",
        "lower",
        "squared feature",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "fd/<extractor>_floor_halves",
        "FD floor",
        "the same distance between two disjoint sets of N training images",
        "lower",
        "squared feature",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "kid/<extractor>",
        "KID",
        "unbiased squared MMD of generated and test images with the kernel (x·y/D + 1)³, over all "
        "N of each at once, on the features of fd/ or fid/",
        "lower",
        "",
        "arXiv:1801.01401",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "kid/<extractor>_floor",
        "KID floor",
        "KID of N training images against the test images",
        "lower",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "kid/<extractor>_floor_halves",
        "KID floor",
        "KID between two disjoint sets of N training images",
        "lower",
        places=EXTRACTOR,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "extractor/<extractor>_accuracy",
        "classifier",
        "test accuracy of the classifier whose features fd/ compares",
        "higher",
        "share of images",
        places=EXTRACTOR,
    ),
)
FID_METRICS = (
    Metric(
        "fid/inception<variant>",
        "FID",
        "Fréchet distance on the 2,048 pooled features of pytorch-fid's Inception: both sides as "
        "8-bit images, grey repeated to RGB, resized to 299×299 (bilinear); N = 10,000, "
        "pytorch-fid's weights and float32; another N, file or precision (bf16) is in the name",
        "lower",
        "squared feature",
        "arXiv:1706.08500",
        places=VARIANT,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "fid/inception<variant>_floor",
        "FID floor",
        "FID of N training images against the test images",
        "lower",
        "squared feature",
        places=VARIANT,
        stand_in=IN_TRAINING,
    ),
    Metric(
        "fid/inception<variant>_floor_halves",
        "FID floor",
        "FID between two disjoint sets of N training images",
        "lower",
        "squared feature",
        places=VARIANT,
        stand_in=IN_TRAINING,
    ),
)

FD = Part(
    "fd",
    "cvae_core.evaluation.distances.fd",
    FdConfig,
    on=True,
    title="Fréchet and kernel distance on a small classifier's features",
    metrics=FD_METRICS,
    seconds=Seconds(0.3, 0.2),
    once=Seconds(4.0, 1.0),
    prepares=True,
    decodes=True,
)
FID = Part(
    "fid",
    "cvae_core.evaluation.distances.fid",
    FidConfig,
    on=False,
    title="FID and KID on Inception's features: a quarter of an hour a trial, or more, on one core",
    metrics=FID_METRICS,
    seconds=Seconds(15.0, 100.0),
    once=Seconds(60.0, 50.0),
    prepares=True,
    decodes=True,
    paths=("weights",),
)
