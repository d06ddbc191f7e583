"""Where the latents of generated images come from: the prior, or what the encoder has made."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from cvae_core.evaluation.distances.declaration import Source
from cvae_core.evaluation.distances.latent_densities import FITTED, Density, gaussian, mixture
from cvae_core.evaluation.distances.real_side import judged_order
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import SHARED_SEED, Subject
from cvae_core.streams import stream

ENCODED, FOUND = 0.3, 0.6


def images_of(source: Source, subject: Subject, count: int) -> Iterator[float | Tensor]:
    """Images decoded from a source's latents, uint8 (count, C, H, W).

    Densities are sampled with the noise that the prior's samples are: so the same for every trial.

    Yields:
        The share that is done, in (0, 1), and at last the images.

    Raises:
        EvaluationError: latents or images are not finite, or a density cannot be fitted.
    """
    if source == "prior":
        yield from subject.decoded(count)
        return
    latents = yield from _latents(source, subject, count)
    yield (yield from within(FOUND, 1, subject.rendered(latents)))


def _latents(source: Source, subject: Subject, count: int) -> Generator[float, None, Tensor]:
    if source == "reconstruction":
        means, _ = yield from within(0, FOUND, subject.encoded("judged"))
        return torch.from_numpy(means)[judged_order(subject, count)]
    means, _ = yield from within(0, ENCODED, subject.encoded("fit"))
    fit = gaussian if source == "gaussian" else mixture
    density: Density = yield from beating(lambda: fit(means[:FITTED]), ENCODED)
    generator = stream(SHARED_SEED, "evaluation/mixture")
    uniform = torch.rand(count, generator=generator, dtype=torch.float64).numpy()
    normal = subject.noise(count).numpy().astype(np.float64)
    return torch.from_numpy(density.sample(uniform, normal))
