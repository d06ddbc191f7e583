"""Baselines, models without an objective of ours; and the model of any trial."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.models.build import build_model
from cvae_core.models.encoder import Encoder
from cvae_core.models.model import Model


class Pixels(Model):
    """The scaled pixels themselves as latents."""

    black: Tensor

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        # Nothing is learnt; its shape says which images the model is for.
        self.register_buffer("black", torch.zeros(1, *image_shape))

    def encode(self, images: Tensor) -> tuple[Tensor, None]:
        """Pixels (B, C·H·W) of images (B, C, H, W)."""
        return images.flatten(1), None


class PCA(Model):
    """Principal components: scores as latents, the inverse transform as decoder.

    Its prior is the Gaussian that the components' variances describe, as in probabilistic PCA
    (Tipping and Bishop, 1999, J. R. Stat. Soc. B 61), without the noise on pixels: a VAE's
    samples are decoded without noise, too.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, *image_shape))
        self.register_buffer("components", torch.zeros(latent_dim, *image_shape))
        self.register_buffer("variances", torch.zeros(latent_dim))

    def encode(self, images: Tensor) -> tuple[Tensor, None]:
        """Scores (B, D) of images (B, C, H, W)."""
        return (images - self.mean).flatten(1) @ self.components.flatten(1).T, None

    def decode(self, z: Tensor) -> Tensor:
        """Images (B, C, H, W) of scores (B, D); some pixels may lie outside the data's range."""
        return (z @ self.components.flatten(1)).view(-1, *self.mean.shape[1:]) + self.mean

    def prior(self, noise: Tensor) -> Tensor:
        """Scores (N, D) of the variances that the training images have."""
        return noise * self.variances.sqrt()


class EncoderAlone(Model):
    """The encoder of a VAE, of which the means alone are looked at."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def encode(self, images: Tensor) -> tuple[Tensor, None]:
        """Means (B, D) of images (B, C, H, W)."""
        return self.encoder(images)[0], None


def build_baseline(config: TrialConfig, image_shape: tuple[int, int, int]) -> Model:
    """A baseline before its training, on the CPU.

    ``untrained`` and ``supervised`` begin with the encoder of the VAE of the same seed.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W).

    Raises:
        ConfigError: an encoder is asked for images that are not square.
    """
    if config.model == "pixels":
        return Pixels(image_shape)
    if config.model == "pca":
        return PCA(config.architecture.latent_dim, image_shape)
    return EncoderAlone(build_model(dataclasses.replace(config, model="vae"), image_shape).encoder)


def any_model(config: TrialConfig, image_shape: tuple[int, int, int]) -> Model:
    """The model of a trial, on the CPU, before its training: a VAE, a CVAE or a baseline.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W).

    Raises:
        ConfigError: images that are not square.
    """
    build = build_baseline if config.model in BASELINES else build_model
    return build(config, image_shape)
