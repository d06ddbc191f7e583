"""Models from settings."""

from __future__ import annotations

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.models.contrastive import ContrastiveVAE, projection_head
from cvae_core.models.decoder import Decoder
from cvae_core.models.encoder import Encoder
from cvae_core.models.vae import VAE
from cvae_core.sizes import stages
from cvae_core.streams import torch_seeded


def build_model(config: TrialConfig, image_shape: tuple[int, int, int]) -> VAE:
    """The model of a trial, on the CPU, with weights that depend on its seed alone.

    A VAE and a CVAE of one seed start from identical encoder and decoder weights: the projection
    head has a random stream of its own.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W), square.

    Raises:
        ConfigError: images that are not square.
    """
    channels, height, width = image_shape
    if height != width:
        raise ConfigError(f"images must be square, not {height}×{width} pixels")
    shape = config.architecture
    plan = stages(channels, height, shape.channels, shape.kernel)
    with torch_seeded(config.seed, "weights"):
        encoder = Encoder(plan, shape.latent_dim, shape.norm, shape.blocks)
        decoder = Decoder(
            plan,
            shape,
            config.data.value_range,
            config.data.output if shape.output == "auto" else shape.output,
        )
    if config.model == "vae":
        return VAE(encoder, decoder)
    with torch_seeded(config.seed, "projection"):
        head = projection_head(shape.latent_dim, shape.projection)
    return ContrastiveVAE(encoder, decoder, head)
