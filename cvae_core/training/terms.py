"""The terms of the objective on one batch, for training and validation alike."""

from __future__ import annotations

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.scaling import to_model_range
from cvae_core.data.views import make_views
from cvae_core.losses import Terms, gaussian_kl, nt_xent, objective, pixel_mse
from cvae_core.models import VAE, ContrastiveVAE
from cvae_core.streams import Streams


def batch_terms(
    model: VAE, unit: Tensor, config: TrialConfig, streams: Streams, prefix: str = ""
) -> Terms:
    """Objective of a batch.

    The original is encoded alone and views apart from it, so that all a VAE computes is computed
    in the same way whether a contrastive branch runs beside it or not.

    Args:
        model: a VAE or a contrastive VAE.
        unit: images in [0, 1], (B, C, H, W).
        config: the trial's settings.
        streams: where noise and view parameters come from.
        prefix: of the streams' names.
    """
    images = to_model_range(unit, config.data)
    mu, log_var = model.encode(images)
    z = model.reparameterise(mu, log_var, _noise(mu, streams[prefix + "noise"]))
    reconstruction = pixel_mse(model.decode(z), images)
    kl = gaussian_kl(mu, log_var).mean()
    contrastive = None
    if isinstance(model, ContrastiveVAE):
        first = mu if config.contrast == "mean" else z
        if config.views.pairs == "two augmented":
            first = _latent_of_view(model, unit, config, streams, prefix)
        second = _latent_of_view(model, unit, config, streams, prefix)
        contrastive = nt_xent(model.project(first), model.project(second), config.tau)
    return objective(
        reconstruction,
        kl,
        contrastive,
        beta=config.beta,
        lambda_=config.lambda_,
        reconstruction_weight=config.weights.reconstruction,
    )


def _latent_of_view(
    model: ContrastiveVAE, unit: Tensor, config: TrialConfig, streams: Streams, prefix: str
) -> Tensor:
    views = make_views(unit, config.views, streams[prefix + "views"])
    mu, log_var = model.encode_view(to_model_range(views, config.data))
    if config.contrast == "mean":
        return mu
    return model.reparameterise(mu, log_var, _noise(mu, streams[prefix + "second_noise"]))


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)
