"""What all models have in common: latents of images and, of most, images of latents."""

from __future__ import annotations

from torch import Tensor, nn


class Model(nn.Module):
    """A model as an evaluation looks at it."""

    def forward(self, images: Tensor) -> Tensor:
        """Latent means (B, D) of images (B, C, H, W): what is probed, and what a model is for."""
        return self.encode(images)[0]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Means and log-variances, each (B, D), of images; None: a latent is a point."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """Images (B, C, H, W), in the data's range, of latents (B, D)."""
        raise NotImplementedError(f"{type(self).__name__} has no decoder")

    def prior(self, noise: Tensor) -> Tensor:
        """Latents (N, D) as they are distributed before an image is seen, of standard normal ones.

        Those of a VAE are standard normal.
        """
        return noise
