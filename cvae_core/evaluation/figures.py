"""Figures as PNG files: no pyplot, no state that outlives them, the same bytes every time."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from cvae_core.evaluation import fonts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cvae_core.evaluation.subject import Subject

DPI = 100
HEADING = 62
"""Pixels at a figure's top that its heading takes."""
LONGEST = 130
"""Letters of a trial's label that a figure has room for."""
BLUE, ORANGE, OTHERS = "#0072b2", "#d55e00", ("#009e73", "#cc79a7", "#56b4e9", "#000000")
"""Told apart by colour-blind eyes as well (Okabe and Ito, 2008)."""
GREY = "#7f7f7f"
"""Of baselines."""


def new_figure(width: int, height: int) -> Figure:
    """An empty white figure of so many pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")


def heading(figure: Figure, what: str, subject: Subject, seen: str | None = None) -> None:
    """Write at the top what is shown, of which trial, and on which images.

    Args:
        figure: written on.
        what: is shown.
        subject: the trial.
        seen: which images; without it those that are judged.
    """
    label = subject.label
    if len(label) > LONGEST:
        label = label[: LONGEST - 1] + "…"
    put_text(figure, what, 16, 10, size=14, weight="bold")
    seen = seen or f"{subject.split} images"
    put_text(figure, f"{seen}, epoch {subject.epoch}", figure.bbox.width - 16, 13, ha="right")
    put_text(figure, label, 16, 37)


def put_text(figure: Figure, text: str, x: float, y: float, **look: Any) -> None:
    """Write text that begins so many pixels right of and below the figure's upper left corner."""
    width, height = figure.bbox.width, figure.bbox.height
    whole: dict[str, Any] = {"size": 10, "va": "top", "parse_math": False} | look
    figure.text(x / width, 1 - y / height, text, None, **whole)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; call it in the style that the figure was made in."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    fonts.find_letters(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # There is one word for all letters that no font has: fonts.no_font_for.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
