"""Bars of a distance by where the latents come from, and what they say of decoder and prior."""

from __future__ import annotations

from collections.abc import Mapping

from cvae_core.evaluation.distances.decoder_share import HALF, decoder_share, mostly
from cvae_core.evaluation.figures import (
    BLUE,
    HEADING,
    ORANGE,
    OTHERS,
    heading,
    new_figure,
    png,
)
from cvae_core.evaluation.style import own_style
from cvae_core.evaluation.subject import Subject

WIDTH, HEIGHT = 1000, 420
BARS = {
    "prior": ("prior", BLUE),
    "reconstruction": ("reconstruction", ORANGE),
    "gaussian": ("Gaussian", OTHERS[0]),
    "mixture": ("mixture", OTHERS[1]),
    "floor": ("real images (floor)", "0.6"),
}


@own_style()
def sources_png(subject: Subject, title: str, count: int, distances: Mapping[str, float]) -> bytes:
    """A bar for each source and for the floor, each with its number.

    Args:
        subject: the trial.
        title: of the distance.
        count: images on either side.
        distances: by source, and ``floor``.
    """
    share = decoder_share(distances)
    verdict = "" if share is None else f": {mostly(share)}"
    figure = new_figure(WIDTH, HEIGHT)
    heading(figure, f"{title}{verdict}", subject, f"{count:,} {subject.split} images")
    ax = figure.add_axes((0.075, 0.1, 0.91, 1 - 0.1 - (HEADING + 24) / HEIGHT))
    shown = [source for source in BARS if source in distances]
    bars = ax.bar(
        range(len(shown)),
        [distances[source] for source in shown],
        0.7,
        color=[BARS[source][1] for source in shown],
    )
    ax.bar_label(bars, [f"{distances[source]:.3g}" for source in shown], fontsize=10, padding=2)
    ax.set_xticks(range(len(shown)), [BARS[source][0] for source in shown], fontsize=10)
    ax.margins(y=0.12)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"{title} of images decoded from…", fontsize=10)
    ax.tick_params(axis="y", labelsize=9)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    if share is not None:
        ax.set_title(
            f"decoder's share, (reconstruction − real) / (prior − real): {share:.0%}; "
            f"from {HALF:.0%} on it is mostly the decoder",
            fontsize=10,
            loc="left",
        )
    return png(figure)
