"""The Gaussian that a decoded image stands for: its errors, and its one variance."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from cvae_core.evaluation.diagnostics.elbo import unit_scale
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import BATCH, Subject

FIT_IMAGES = 10_000
"""Training images, the first of the split, that the decoder's variance is taken from."""
NO_BOUND = "training images are decoded without any error: there is no {}"


def decoder_variance(subject: Subject, done: float, share: float) -> Generator[float, None, float]:
    """σ², the mean squared error per pixel in [0, 1] of decoded posterior samples.

    It comes from training images whatever is judged: no bound is then better for having seen the
    images that it is of, and test and validation have the same one.

    Args:
        subject: whose decoder it is.
        done: share of the whole before.
        share: of the whole that this is; it yields shares of the whole.
    """
    yield from within(done, done + 2 / 3 * share, subject.encoded("fit"))
    latents = torch.from_numpy(subject.representation("sample", "fit")[:FIT_IMAGES])
    pixels = subject.pixels("fit", FIT_IMAGES)
    error = yield from mean_error(subject, latents, pixels, done + 2 / 3 * share, share / 3)
    return unit_scale(subject.config.data) * error


# Five parameters: what is decoded, what it should become, and where on the way that lies.
def mean_error(
    subject: Subject, latents: Tensor, pixels: Tensor, done: float, share: float = 0.1
) -> Generator[float, None, float]:
    """Mean squared error per pixel, in the model's range, of decoded latents.

    Args:
        subject: whose decoder it is.
        latents: (N, D).
        pixels: what they should become, uint8 (N, C, H, W).
        done: share of the whole before.
        share: of the whole that this is; it yields shares of the whole.
    """
    total = 0.0
    batches = zip(latents.split(BATCH), pixels.split(BATCH), strict=True)
    for batch, (z, originals) in enumerate(batches):
        difference = subject.decode(z) - subject.real(originals)
        total += float(difference.to(torch.float64).square().sum())
        yield done + share * batch * BATCH / len(pixels)
    return total / pixels.numel()
