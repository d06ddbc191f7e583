"""Settings of an evaluation: a group for each of its parts. They are not part of a trial's key.

A setting with ``identity=False`` changes nothing of what a part finds of one trial.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cvae_core.errors import ConfigError
from cvae_core.settings import Checked, setting

INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""Of the weights that pytorch-fid downloads."""

Representation = Literal["mean", "sample", "projection"]


@dataclass(frozen=True)
class ProbeConfig(Checked):
    """Classifiers on frozen latents: logistic regression by two protocols, and k-NN."""

    protocols: tuple[Literal["standard", "paper"], ...] = setting(
        ("standard", "paper"),
        "logistic regression; standard: fitted on training latents, scored on test; paper: fitted "
        "on 80 % of the test latents, scored on the others",
    )
    representations: tuple[Representation, ...] = setting(
        ("mean",),
        "what is classified: the posterior's mean, a sample of it, the projection (CVAE alone)",
    )
    neighbours: int | None = setting(
        20, "k of the k-NN classifier; another than 20 is in its name; null: none", ge=1
    )


@dataclass(frozen=True)
class DiagnosticsConfig(Checked):
    """What the latents are used for, and the error and likelihood of reconstructions."""

    active_threshold: float = setting(
        0.01, "a unit is active where its mean's variance over the images is above this", gt=0
    )


@dataclass(frozen=True)
class PicturesConfig(Checked):
    """Pictures to look at; the same images and the same noise for every trial."""

    reconstructions: int = setting(
        20, "images over their reconstructions, drawn from all classes", ge=1, le=100
    )
    samples: int = setting(64, "samples of the prior", ge=1, le=400)


@dataclass(frozen=True)
class UmapConfig(Checked):
    """A map of the latent means in two dimensions."""

    neighbours: int = setting(15, "n_neighbors", ge=2)
    min_dist: float = setting(0.1, "min_dist", ge=0, le=1)
    n: int = setting(10_000, "images on the map, at most", ge=10)
    shared: bool = setting(
        False,
        "also one map of all trials, their latents aligned to the first one's",
        identity=False,
    )


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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights == "":
            raise ConfigError("weights must name a file, or be null")
        if not re.fullmatch("[0-9a-fA-F]{64}", self.sha256):
            raise ConfigError(
                f"sha256 must be 64 hexadecimal digits, as sha256sum prints them, "
                f"not {self.sha256!r}"
            )
