"""The terms of the objective on one batch, for training and validation alike."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.scaling import to_model_range
from cvae_core.data.views.pipeline import Parameters, apply_views, for_channels
from cvae_core.losses import Terms, gaussian_kl, nt_xent, objective, pixel_mse
from cvae_core.models import VAE, ContrastiveVAE
from cvae_core.streams import Streams
from cvae_core.training.draws import Choices, choices_of, draw
from cvae_core.training.precision import arithmetic


class Inputs(NamedTuple):
    """What a model sees of a batch. (B, C, H, W) and (B, D), on the device that computes."""

    images: Tensor
    """What reconstructions are compared with."""
    encoded: Tensor
    views: tuple[Tensor, ...]
    """Of the contrastive term: none, one to set beside what is encoded, or two."""
    noise: Tensor
    view_noise: tuple[Tensor, ...]
    """One for each view; none where their means are contrasted."""


class Weights(NamedTuple):
    """The numbers in the objective; tensors where each trial of several has its own."""

    beta: float | Tensor
    lambda_: float | Tensor
    tau: float | Tensor
    reconstruction: float | Tensor


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

    Args:
        model: a VAE or a contrastive VAE.
        unit: images in [0, 1], (B, C, H, W).
        config: the trial's settings.
        streams: where noise and view parameters come from.
        prefix: of the streams' names.
    """
    count, *image_shape = unit.shape
    draws = draw((count, image_shape[0]), config, streams, prefix=prefix, augmented=model.training)
    choices = choices_of(draws, (image_shape[0], image_shape[1], image_shape[2]), config)
    return terms_of(model, inputs_of(unit, choices, config), config, weights_of(config))


def weights_of(config: TrialConfig) -> Weights:
    """The numbers in the objective of one trial."""
    return Weights(config.beta, config.lambda_, config.tau, config.weights.reconstruction)


def inputs_of(unit: Tensor, choices: Choices, config: TrialConfig) -> Inputs:
    """Make views and bring everything to where the images are.

    Args:
        unit: images in [0, 1], (B, C, H, W).
        choices: of these images.
        config: the trial's settings.
    """

    def view(parameters: Parameters) -> Tensor:
        views = for_channels(config.views, unit.shape[1])
        return to_model_range(apply_views(unit, parameters, views), config.data)

    images = encoded = to_model_range(unit, config.data)
    if choices.augmentation is not None:
        encoded = view(choices.augmentation)
        if config.reconstruct == "view":
            images = encoded
    return Inputs(
        images,
        encoded,
        tuple(view(parameters) for parameters in choices.views),
        choices.noise.to(unit),
        tuple(noise.to(unit) for noise in choices.view_noise),
    )


def terms_of(model: VAE, inputs: Inputs, config: TrialConfig, weights: Weights) -> Terms:
    """Objective of a batch whose views are made and whose noise is drawn.

    The image, or in training the view that augmentation puts in its place, is encoded alone and
    the views of the contrastive term apart from it, so that all a VAE computes is computed in the
    same way whether a contrastive branch runs beside it or not. In training the model computes in
    the trial's precision; the losses are float32.

    Args:
        model: a VAE or a contrastive VAE.
        inputs: what it sees.
        config: the trial's settings, of which the weights are not looked at.
        weights: in the objective.
    """
    computing = partial(arithmetic, model, inputs.encoded, config)
    with computing():
        mu, log_var = model.encode(inputs.encoded)
    z = model.reparameterise(mu, log_var, inputs.noise)
    reconstruction = None
    if config.decodes:
        with computing():
            decoded = model.decode(z)
        reconstruction = pixel_mse(decoded, inputs.images)
    kl = gaussian_kl(mu, log_var).mean()
    contrastive = None
    if isinstance(model, ContrastiveVAE):
        latents = [mu if config.contrast == "mean" else z]
        latents += [_latent_of_view(model, inputs, n, config) for n in range(len(inputs.views))]
        with computing():
            # Two views, where there are two; else what was encoded and the one view.
            projections = model.project(latents[-2]), model.project(latents[-1])
        contrastive = nt_xent(*projections, weights.tau)
    return objective(
        reconstruction,
        kl,
        contrastive,
        beta=weights.beta,
        lambda_=weights.lambda_,
        reconstruction_weight=weights.reconstruction,
    )


def _latent_of_view(
    model: ContrastiveVAE, inputs: Inputs, number: int, config: TrialConfig
) -> Tensor:
    with arithmetic(model, inputs.views[number], config):
        mu, log_var = model.encode_view(inputs.views[number])
    if config.contrast == "mean":
        return mu
    return model.reparameterise(mu, log_var, inputs.view_noise[number])
