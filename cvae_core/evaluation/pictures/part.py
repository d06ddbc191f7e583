"""Pictures to look at: reconstructions, samples and training curves, alike for every trial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from cvae_core.baselines import BASELINES
from cvae_core.data.scaling import to_stored
from cvae_core.evaluation.figures import HEADING, heading, new_figure, png, put_text
from cvae_core.evaluation.part import UNTRAINED
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.pictures.curves import curves_csv, curves_png
from cvae_core.evaluation.pictures.declaration import PicturesConfig
from cvae_core.evaluation.pictures.image_grid import cells, choose, grid
from cvae_core.evaluation.style import own_style
from cvae_core.evaluation.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 16
NARROWEST = 900
LABELS = 124
"""Pixels left of reconstructions."""
NAMES = 18
"""Pixels above originals."""
SPACE = 10
"""Pixels between two pairs of rows."""


def evaluate(subject: Subject, settings: PicturesConfig) -> Iterator[float | Findings]:
    """Draw what a model makes of images and of noise, and how its training went.

    Pixels keep one scale, that of the stored images, and are enlarged without interpolation.

    Yields:
        The share that is done, and the findings: ``reconstructions.png``, ``samples.png`` and,
        where epochs are recorded, ``curves.png`` and ``curves.csv``.

    Raises:
        EvaluationError: decoded images are not finite.
    """
    files: dict[str, bytes] = {}
    warnings = []
    if subject.config.decodes:
        files["reconstructions.png"] = reconstructions_png(subject, settings.reconstructions)
        yield 0.3
        files["samples.png"] = samples_png(subject, settings.samples)
        yield 0.6
    else:
        warnings.append(f"no reconstructions and no samples: {UNTRAINED}")
    if subject.config.model in BASELINES:
        pass  # it has no epochs that a curve could join
    elif subject.epochs:
        files["curves.csv"] = curves_csv(subject.epochs)
        files["curves.png"] = curves_png(subject)
    else:
        warnings.append("no epochs are recorded for this trial: there are no curves")
    yield Findings(files=files, warnings=warnings)


@own_style()
def reconstructions_png(subject: Subject, count: int) -> bytes:
    """Images over what the decoder makes of their latent means, in pairs of rows."""
    chosen = choose(subject.labels("judged"), count)
    originals = subject.pixels("judged")[torch.from_numpy(chosen)]
    with torch.no_grad():
        mu, _ = subject.model.encode(subject.real(originals.to(subject.device)))
    decoded = to_stored(subject.decode(mu), subject.config.data)
    layout = cells(originals.shape[1:], 10)
    pair = NAMES + layout.top(2) + SPACE
    pairs = range(0, len(chosen), layout.columns)
    columns = min(len(chosen), layout.columns)
    figure = new_figure(
        max(NARROWEST, LABELS + layout.left(columns) + MARGIN),
        HEADING + len(pairs) * pair + MARGIN,
    )
    heading(figure, "Reconstructions", subject)
    for number, start in enumerate(pairs):
        these = slice(start, start + layout.columns)
        y = HEADING + number * pair
        for column, label in enumerate(subject.labels("judged")[chosen[these]]):
            name = _short(subject.classes[label], layout.width)
            put_text(figure, name, LABELS + layout.left(column) + layout.width / 2, y, ha="center")
        for row, (words, images) in enumerate(
            [("original", originals[these]), ("reconstruction", decoded[these])]
        ):
            top = y + NAMES + layout.top(row)
            middle = top + layout.height / 2
            put_text(figure, words, LABELS - 8, middle, ha="right", va="center")
            _paste(figure, grid(images.numpy(), layout), LABELS, top)
    return png(figure)


@own_style()
def samples_png(subject: Subject, count: int) -> bytes:
    """What the decoder makes of latents drawn from the prior, the same for every trial."""
    images = subject.generated(count).numpy()
    layout = cells(images.shape[1:], math.ceil(math.sqrt(count)))
    canvas = grid(images, layout)
    height, width = canvas.shape[:2]
    figure = new_figure(max(NARROWEST, width + 2 * MARGIN), HEADING + height + MARGIN)
    heading(figure, "Samples", subject, "decoded from the prior")
    _paste(figure, canvas, MARGIN, HEADING)
    return png(figure)


def _paste(figure: Figure, canvas: NDArray[np.uint8], x: int, y: int) -> None:
    """Put pixels on a figure as they are, so far from its upper left corner."""
    below = round(figure.bbox.height) - y - len(canvas)
    figure.figimage(canvas, x, below, origin="upper")


def _short(name: str, width: int) -> str:
    """A class's name, cut to what an image of that width has room for."""
    room = max(3, width // 7)
    return name if len(name) <= room else name[: room - 1] + "…"
