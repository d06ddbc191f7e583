"""Encoder, decoder, VAE and contrastive VAE."""

from cvae_core.models.build import build_model
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.models.vae import VAE

__all__ = ["VAE", "ContrastiveVAE", "build_model"]
