"""Part ``iwae``: the importance-weighted bound on the images' likelihood.

Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders" (arXiv:1509.00519).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from cvae_core.errors import AbsentError
from cvae_core.evaluation.diagnostics.declaration import IwaeConfig
from cvae_core.evaluation.diagnostics.elbo import unit_scale
from cvae_core.evaluation.diagnostics.observation import NO_BOUND, decoder_variance
from cvae_core.evaluation.metric import variant
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import BATCH, SHARED_SEED, Subject
from cvae_core.streams import stream

USUAL_SAMPLES, USUAL_IMAGES = 64, 1_000


def evaluate(subject: Subject, settings: IwaeConfig) -> Iterator[float | Findings]:
    """The bound, as a mean over images, with the same observation model as ``test/elbo``.

    Yields:
        Shares done, and the findings.

    Raises:
        AbsentError: training images are decoded without any error.
        EvaluationError: numbers that are not finite.
    """
    samples = settings.samples
    yield from within(0, 0.05, subject.encoded("judged"))
    variance = yield from decoder_variance(subject, 0.05, 0.2)
    if variance == 0:
        raise AbsentError(NO_BOUND.format("IWAE bound"))
    # Images of a folder may come class by class: the first ones are no sample of all.
    count = len(subject.labels("judged"))
    order = torch.randperm(count, generator=stream(SHARED_SEED, "evaluation/iwae_images"))
    rows = order[: settings.n].sort().values
    weights = yield from within(0.25, 1, log_weights(subject, rows.numpy(), samples, variance))
    name = "test/iwae" + ("" if samples == USUAL_SAMPLES else f"_k{samples}")
    yield Findings(
        metrics={variant(name, settings.n, USUAL_IMAGES): iwae_bound(weights)},
        facts={"samples": samples, "n": len(rows), "elbo_of_these": float(weights.mean())},
    )


def iwae_bound(log_weights: NDArray[np.float64]) -> float:
    """Mean over images of log (1/K Σₖ wₖ), in nats: equation 8.

    With K = 1 it is an ELBO; it grows with K towards log p(x).

    Args:
        log_weights: log wₖ = log p(x|zₖ) + log p(zₖ) - log q(zₖ|x), (N, K).
    """
    # By the largest weight, lest those of far below zero all become 0.
    largest = log_weights.max(axis=1, keepdims=True)
    sums = np.exp(log_weights - largest).mean(axis=1)
    return float((largest[:, 0] + np.log(sums)).mean())


@torch.no_grad()
def log_weights(
    subject: Subject, rows: NDArray[np.int64], samples: int, variance: float
) -> Generator[float | NDArray[np.float64], None, None]:
    """The weights' logarithms of judged images, a batch of decoded samples at a time.

    Args:
        subject: the trained model with its data.
        rows: which of the judged images, (N,).
        samples: K, of each image's posterior.
        variance: σ² of the decoder's Gaussian, in squared pixel values of [0, 1].

    Yields:
        Shares of this, in (0, 1), and at last the logarithms, (N, K).
    """
    mus, variances = subject.posterior("judged")
    if variances is None:
        raise AbsentError("latents without a variance have no posterior to sample from")
    means, log_vars = torch.from_numpy(mus[rows]), torch.from_numpy(variances[rows])
    pixels = subject.pixels("judged")[torch.from_numpy(rows)]
    scale = unit_scale(subject.config.data)
    constant = pixels[0].numel() * math.log(2 * math.pi * variance)
    generator = stream(SHARED_SEED, "evaluation/iwae")
    found = []
    pairs = torch.arange(len(rows)).repeat_interleave(samples)
    for images in pairs.split(BATCH):
        mu, log_var = means[images], log_vars[images]
        noise = torch.randn(mu.shape, generator=generator)
        z = mu + (0.5 * log_var).exp() * noise
        first = int(images[0])
        originals = subject.real(pixels[first : int(images[-1]) + 1])
        difference = (subject.decode(z) - originals[images - first]).to(torch.float64)
        error = scale * difference.square().flatten(1).sum(dim=1)
        # The 2π of prior and posterior cancel, and (z - μ)/σ is the noise.
        ratio = (noise.square() + log_var - z.square()).to(torch.float64).sum(dim=1)
        found.append(0.5 * (ratio - constant - error / variance))
        yield len(found) * BATCH / (len(pairs) + BATCH)
    yield torch.cat(found).reshape(len(rows), samples).numpy()
