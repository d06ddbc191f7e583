"""Bars of the KL divergence of each latent dimension."""

from __future__ import annotations

import math

import numpy as np

from cvae_core.evaluation.diagnostics.latent_use import LatentUse
from cvae_core.evaluation.figures import HEADING, heading, new_figure, png
from cvae_core.evaluation.style import own_style
from cvae_core.evaluation.subject import Subject

WIDTH, HEIGHT = 1000, 480
LOWEST, HIGHEST = 1e-4, 1e2
NUMBERED = 40
"""Dimensions, at most, that are called by their number below the bars."""
ACTIVE, INACTIVE = "#0072b2", "#e69f00"


@own_style()
def kl_bars_png(subject: Subject, use: LatentUse, threshold: float) -> bytes:
    """Bars from the largest to the smallest, on an axis that is the same for every trial."""
    from matplotlib.patches import Patch

    figure = new_figure(WIDTH, HEIGHT)
    heading(figure, "KL divergence of each latent dimension", subject)
    ax = figure.add_axes((0.075, 0.115, 0.91, 1 - 0.115 - (HEADING + 24) / HEIGHT))
    order = np.argsort(-use.kl, kind="stable")
    active = use.active(threshold)[order]
    legend = []
    for chosen, colour, words in ((active, ACTIVE, "active"), (~active, INACTIVE, "not active")):
        ax.bar(np.flatnonzero(chosen), use.kl[order][chosen], 0.8, color=colour)
        # Of no bars at all matplotlib would show another colour.
        label = f"{words}: {int(chosen.sum())} of {len(order)}"
        legend.append(Patch(color=colour, label=label))
    top = HIGHEST
    if use.kl.max() > HIGHEST:
        top = 10.0 ** math.ceil(math.log10(use.kl.max()))
    ax.set_yscale("log")
    ax.set_ylim(LOWEST, top)
    ax.set_xlim(-0.75, len(order) - 0.25)
    ax.set_ylabel("nats, mean over images", fontsize=10)
    ax.tick_params(labelsize=9)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    if len(order) <= NUMBERED:
        ax.set_xticks(range(len(order)), [str(dimension) for dimension in order])
        ax.set_xlabel("latent dimension, sorted by its KL divergence", fontsize=10)
    else:
        ax.set_xlabel("latent dimensions, sorted by their KL divergence", fontsize=10)
    ax.legend(
        handles=legend,
        title=f"active: variance of the mean over images above {threshold:g}",
        title_fontsize=9,
        fontsize=9,
        loc="upper right",
        framealpha=0.9,
    )
    notes = [f"sum: {use.kl.sum():.4g} nats"]
    low = int((use.kl < LOWEST).sum())
    if low:
        notes.append(f"{low} below {LOWEST:g}: no bar")
    if top > HIGHEST:
        notes.append(f"axis widened: usually ends at {HIGHEST:g}")
    ax.set_title(", ".join(notes), fontsize=10, loc="left")
    return png(figure)
