"""The variational autoencoder."""

from __future__ import annotations

from torch import Tensor

from cvae_core.models.decoder import Decoder
from cvae_core.models.encoder import Encoder
from cvae_core.models.model import Model


class VAE(Model):
    """Encoder, reparameterisation and decoder (arXiv:1312.6114, section 2.4)."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances, each (B, D), of images (B, C, H, W)."""
        mu, log_var = self.encoder(images)
        return mu, log_var

    def decode(self, z: Tensor) -> Tensor:
        """Images (B, C, H, W), in the data's range, of latents (B, D)."""
        images: Tensor = self.decoder(z)
        return images

    @staticmethod
    def reparameterise(mu: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
        """Samples mu + sigma · noise, (B, D); ``noise`` is standard normal, (B, D)."""
        return mu + (0.5 * log_var).exp() * noise
