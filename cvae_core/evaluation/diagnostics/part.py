"""What the latents are used for, and how well images are described by them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from cvae_core.data.scaling import to_model_range, to_unit
from cvae_core.data.views import make_views
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.diagnostics.declaration import DiagnosticsConfig
from cvae_core.evaluation.diagnostics.elbo import FIT_IMAGES, gaussian_elbo, unit_scale
from cvae_core.evaluation.diagnostics.hypersphere import alignment, uniformity
from cvae_core.evaluation.diagnostics.kl_bars import kl_bars_png
from cvae_core.evaluation.diagnostics.latent_use import dimensions_csv, latent_use
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import BATCH, SHARED_SEED, Subject
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.streams import stream

USUAL_THRESHOLD = 0.01


def evaluate(subject: Subject, settings: DiagnosticsConfig) -> Iterator[float | Findings]:
    """Reconstruction error, ELBO, KL by dimension, active units; alignment and uniformity (CVAE).

    Where latents are points, of PCA, there is the reconstruction error alone.

    Yields:
        Shares done and the findings, with ``latent_dimensions.csv`` and ``kl_per_dimension.png``.

    Raises:
        EvaluationError: fewer than two images, or numbers that are not finite.
    """
    pixels = subject.pixels("judged")
    if len(pixels) < 2:
        raise EvaluationError("there is one image to judge, and diagnostics need two at least")
    mu, log_var = yield from within(0, 0.1, subject.encoded("judged"))
    yield 0.1
    if log_var is None:
        error = yield from _mean_error(subject, torch.from_numpy(mu), pixels, 0.3)
        yield Findings(metrics={"test/reconstruction_mse": error})
        return
    use = latent_use(mu, log_var)
    kl = float(use.kl.sum())
    if not math.isfinite(kl):
        raise EvaluationError(f"the KL divergence of the latents is {kl}")
    threshold = settings.active_threshold
    metrics = {"latent/kl": kl, _active_units(threshold): float(use.active(threshold).sum())}
    files = {
        "latent_dimensions.csv": dimensions_csv(use, threshold),
        "kl_per_dimension.png": kl_bars_png(subject, use, threshold),
    }
    error = yield from _mean_error(subject, torch.from_numpy(mu), pixels, 0.3)
    metrics["test/reconstruction_mse"] = error
    warnings = []
    elbo = yield from _elbo(subject, pixels, kl)
    if elbo is None:
        warnings.append("training images are decoded without any error: there is no ELBO")
    else:
        metrics["test/elbo"] = elbo
    if isinstance(subject.model, ContrastiveVAE):
        own = torch.from_numpy(subject.representation("projection", "judged"))
        views = yield from _projected_views(subject, subject.model, pixels)
        if not bool(views.isfinite().all()):
            raise EvaluationError("projections of augmented images are not finite")
        metrics["projection/alignment"] = alignment(own, views)
        metrics["projection/uniformity"] = uniformity(own)
    yield Findings(metrics=metrics, files=files, warnings=warnings)


def _active_units(threshold: float) -> str:
    if threshold == USUAL_THRESHOLD:
        return "latent/active_units"
    return f"latent/active_units_{threshold:g}".replace("+", "")


def _elbo(subject: Subject, pixels: Tensor, kl: float) -> Generator[float, None, float | None]:
    """The mean ELBO of the judged images; None where the decoder's variance would be 0.

    The variance comes from training images whatever is judged: no bound is then better for having
    seen the images that it is of, and test and validation have the same one.
    """
    yield from within(0.4, 0.6, subject.encoded("fit"))
    fitted = torch.from_numpy(subject.representation("sample", "fit")[:FIT_IMAGES])
    fit_pixels = subject.pixels("fit", FIT_IMAGES)
    scale = unit_scale(subject.config.data)
    variance = scale * (yield from _mean_error(subject, fitted, fit_pixels, 0.6))
    sampled = torch.from_numpy(subject.representation("sample", "judged"))
    error = scale * (yield from _mean_error(subject, sampled, pixels, 0.7))
    if variance == 0:
        return None
    size = pixels[0].numel()
    return gaussian_elbo(error * size, size, variance, kl)


def _mean_error(
    subject: Subject, latents: Tensor, pixels: Tensor, done: float
) -> Generator[float, None, float]:
    """Mean squared error per pixel of decoded latents; yields shares, from ``done`` to 0.1 more.

    Args:
        subject: whose decoder it is.
        latents: (N, D).
        pixels: what they should become, uint8 (N, C, H, W).
        done: share of the whole before.
    """
    total = 0.0
    batches = zip(latents.split(BATCH), pixels.split(BATCH), strict=True)
    for batch, (z, originals) in enumerate(batches):
        difference = subject.decode(z) - subject.real(originals)
        total += float(difference.to(torch.float64).square().sum())
        yield done + 0.1 * batch * BATCH / len(pixels)
    return total / pixels.numel()


@torch.no_grad()
def _projected_views(
    subject: Subject, model: ContrastiveVAE, pixels: Tensor
) -> Generator[float, None, Tensor]:
    """Projections (N, P) of the means of one augmented view of each image."""
    generator = stream(SHARED_SEED, "evaluation/views")
    config = subject.config
    projections = []
    for batch in pixels.split(BATCH):
        views = make_views(to_unit(batch, config.data), config.views, generator)
        images = to_model_range(views, config.data).to(subject.device)
        projections.append(model.project(model.encode_view(images)[0]).cpu())
        yield 0.8 + 0.15 * len(projections) * BATCH / (len(pixels) + BATCH)
    return torch.cat(projections)
