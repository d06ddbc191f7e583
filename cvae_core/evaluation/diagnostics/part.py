"""What the latents are used for, how they lie, and how well images are described by them."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.augmentation import ViewsConfig
from cvae_core.config import TrialConfig
from cvae_core.data.scaling import to_model_range, to_unit
from cvae_core.data.views import make_views
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.diagnostics.clusters import cluster_agreement, silhouette
from cvae_core.evaluation.diagnostics.declaration import DiagnosticsConfig
from cvae_core.evaluation.diagnostics.elbo import (
    beta_after,
    effective_beta,
    gaussian_elbo,
    unit_scale,
)
from cvae_core.evaluation.diagnostics.hypersphere import alignment, uniformity
from cvae_core.evaluation.diagnostics.kl_bars import kl_bars_png
from cvae_core.evaluation.diagnostics.latent_use import dimensions_csv, latent_use
from cvae_core.evaluation.diagnostics.observation import NO_BOUND, decoder_variance, mean_error
from cvae_core.evaluation.part import UNCONTRASTED, UNTRAINED
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import BATCH, SHARED_SEED, Subject
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.streams import stream

USUAL_THRESHOLD = 0.01
VIEWED = 5_000
"""Images, at most, of which a view is encoded for the alignment of latents."""
CLUSTERED = 10_000
"""Images, at most, that k-means sees."""
SILHOUETTE = 2_000
"""Images, at most, of the silhouette, which looks at all pairs."""


def evaluate(subject: Subject, settings: DiagnosticsConfig) -> Iterator[float | Findings]:
    """Reconstruction error, ELBO, effective β, KL by dimension, active units; how latents lie.

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
        error = yield from mean_error(subject, torch.from_numpy(mu), pixels, 0.3)
        findings = Findings(metrics={"test/reconstruction_mse": error})
        yield from _geometry(subject, pixels, mu, findings)
        yield findings
        return
    use = latent_use(mu, log_var)
    kl = float(use.kl.sum())
    if not math.isfinite(kl):
        raise EvaluationError(f"the KL divergence of the latents is {kl}")
    threshold = settings.active_threshold
    findings = Findings(
        metrics={"latent/kl": kl, _active_units(threshold): float(use.active(threshold).sum())},
        files={
            "latent_dimensions.csv": dimensions_csv(use, threshold),
            "kl_per_dimension.png": kl_bars_png(subject, use, threshold),
        },
    )
    if subject.config.decodes:
        error = yield from mean_error(subject, torch.from_numpy(mu), pixels, 0.3)
        findings.metrics["test/reconstruction_mse"] = error
        yield from _likelihood(subject, pixels, kl, findings)
    else:
        findings.warnings.append(f"no reconstruction error and no ELBO: {UNTRAINED}")
    if isinstance(subject.model, ContrastiveVAE):
        if subject.config.contrasts:
            yield from _projections(subject, subject.model, pixels, findings)
        else:
            findings.warnings.append(f"no figures of projections: {UNCONTRASTED}")
    yield from _geometry(subject, pixels, mu, findings)
    yield findings


def _active_units(threshold: float) -> str:
    if threshold == USUAL_THRESHOLD:
        return "latent/active_units"
    return f"latent/active_units_{threshold:g}".replace("+", "")


def _likelihood(
    subject: Subject, pixels: Tensor, kl: float, findings: Findings
) -> Generator[float, None, None]:
    """Add the mean ELBO of the judged images, and what β amounts to beside it."""
    variance = yield from decoder_variance(subject, 0.4, 0.2)
    sampled = torch.from_numpy(subject.representation("sample", "judged"))
    scale = unit_scale(subject.config.data)
    error = scale * (yield from mean_error(subject, sampled, pixels, 0.6))
    if variance == 0:
        findings.warnings.append(NO_BOUND.format("ELBO"))
        return
    size = pixels[0].numel()
    findings.metrics["test/elbo"] = gaussian_elbo(error * size, size, variance, kl)
    beta = beta_after(subject.config, subject.epoch)
    if beta is not None:
        name = "latent/effective_beta"
        findings.metrics[name] = effective_beta(beta, size, variance / scale)


def _projections(
    subject: Subject, model: ContrastiveVAE, pixels: Tensor, findings: Findings
) -> Generator[float, None, None]:
    """Add alignment and uniformity of what the contrastive term compares."""
    own = torch.from_numpy(subject.representation("projection", "judged"))
    means = yield from _view_means(subject, pixels, subject.config.views, "views", 0.7)
    with torch.no_grad():
        # In batches: the last bits of a product depend on how many rows it has.
        batches = [model.project(batch.to(subject.device)).cpu() for batch in means.split(BATCH)]
    views = torch.cat(batches)
    if not bool(views.isfinite().all()):
        raise EvaluationError("projections of augmented images are not finite")
    findings.metrics["projection/alignment"] = alignment(own, views)
    findings.metrics["projection/uniformity"] = uniformity(own)


def _geometry(
    subject: Subject, pixels: Tensor, mu: NDArray[np.float32], findings: Findings
) -> Generator[float, None, None]:
    """Add how latent means lie: on the unit sphere, and in clusters."""
    # Images of a folder may come class by class: the first ones are no sample of all.
    order = torch.randperm(len(mu), generator=stream(SHARED_SEED, "evaluation/latents"))
    seen = order[:VIEWED]
    # The data set's, whatever the trial's own are: the same for every model.
    name = subject.config.data.name
    usual = TrialConfig.from_settings({"data": {"name": name}}).views
    views = yield from _view_means(subject, pixels[seen], usual, "latent_views", 0.85)
    if not bool(views.isfinite().all()):
        raise EvaluationError("latent means of augmented images are not finite")
    own = torch.from_numpy(mu)[seen]
    findings.metrics["latent/alignment"] = alignment(own, views)
    findings.metrics["latent/uniformity"] = uniformity(own)
    labels = subject.labels("judged")
    few, many = order[:SILHOUETTE].numpy(), order[:CLUSTERED].numpy()
    if 1 < len(np.unique(labels[few])) < len(few):
        findings.metrics["latent/silhouette"] = silhouette(mu[few], labels[few])
        yield 0.97
        agreement = yield from beating(lambda: cluster_agreement(mu[many], labels[many]), 0.97)
        findings.metrics["latent/nmi"] = agreement


# Five parameters: which images and views, the stream they come from, and the share done before.
@torch.no_grad()
def _view_means(
    subject: Subject, pixels: Tensor, views: ViewsConfig, purpose: str, done: float
) -> Generator[float, None, Tensor]:
    """Posterior means (N, D) of one augmented view of each image."""
    generator = stream(SHARED_SEED, f"evaluation/{purpose}")
    data = subject.config.data
    means = []
    for batch in pixels.split(BATCH):
        images = to_model_range(make_views(to_unit(batch, data), views, generator), data)
        means.append(subject.model.encode(images.to(subject.device))[0].cpu())
        yield done + 0.1 * len(means) * BATCH / (len(pixels) + BATCH)
    return torch.cat(means)
