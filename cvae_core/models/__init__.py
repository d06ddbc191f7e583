"""Encoder, decoder, VAE and contrastive VAE; baselines."""

from cvae_core.models.baselines import any_model
from cvae_core.models.build import build_model
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.models.model import Model
from cvae_core.models.vae import VAE

__all__ = ["VAE", "ContrastiveVAE", "Model", "any_model", "build_model"]
