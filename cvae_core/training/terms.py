"""The terms of the objective on one batch, for training and validation alike."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.scaling import to_model_range
from cvae_core.data.views import make_views
from cvae_core.losses import Terms, gaussian_kl, nt_xent, objective, pixel_mse
from cvae_core.models import VAE, ContrastiveVAE
from cvae_core.streams import Streams
from cvae_core.training.precision import arithmetic


def columns(config: TrialConfig) -> tuple[str, ...]:
    """Names of the terms that the objective of a trial has, in the order of ``Terms``."""
    lacking = {
        *(() if config.decodes else ("reconstruction",)),
        *(() if config.model == "cvae" else ("contrastive",)),
    }
    return tuple(name for name in Terms._fields if name not in lacking)


def batch_terms(
    model: VAE, unit: Tensor, config: TrialConfig, streams: Streams, prefix: str = ""
) -> Terms:
    """Objective of a batch.

    The image, or in training the view that augmentation puts in its place, is encoded alone and
    the views of the contrastive term apart from it, so that all a VAE computes is computed in the
    same way whether a contrastive branch runs beside it or not. In training the model computes in
    the trial's precision; the losses are float32.

    Args:
        model: a VAE or a contrastive VAE.
        unit: images in [0, 1], (B, C, H, W).
        config: the trial's settings.
        streams: where noise and view parameters come from.
        prefix: of the streams' names.
    """
    images = encoded = to_model_range(unit, config.data)
    if config.augment and model.training:
        view = make_views(unit, config.views, streams[prefix + "augmentation"])
        encoded = to_model_range(view, config.data)
        if config.reconstruct == "view":
            images = encoded
    computing = partial(arithmetic, model, unit, config)
    with computing():
        mu, log_var = model.encode(encoded)
    z = model.reparameterise(mu, log_var, _noise(mu, streams[prefix + "noise"]))
    reconstruction = None
    if config.decodes:
        with computing():
            decoded = model.decode(z)
        reconstruction = pixel_mse(decoded, images)
    kl = gaussian_kl(mu, log_var).mean()
    contrastive = None
    if isinstance(model, ContrastiveVAE):
        first = mu if config.contrast == "mean" else z
        if config.views.pairs == "two augmented":
            first = _latent_of_view(model, unit, config, streams, prefix)
        second = _latent_of_view(model, unit, config, streams, prefix)
        with computing():
            projections = model.project(first), model.project(second)
        contrastive = nt_xent(*projections, config.tau)
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
    images = to_model_range(views, config.data)
    with arithmetic(model, images, config):
        mu, log_var = model.encode_view(images)
    if config.contrast == "mean":
        return mu
    return model.reparameterise(mu, log_var, _noise(mu, streams[prefix + "second_noise"]))


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like)
