"""A figure of an objective against each searched parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestration.compare.figure_style import figure_of_panels, look_of, metric_label, set_scale
from orchestration.ledger.documents import TRAINED
from orchestration.spec.trial_names import LABELS, setting_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def parameters_figure(document: Mapping[str, Any], number: int = 0) -> Figure | None:
    """One objective against each searched parameter: a panel each, with the same upright axis."""
    space: dict[str, Mapping[str, Any]] = {}
    for study in document["studies"]:
        space |= study["space"]
    points = [
        (study["family"], point) for study in document["studies"] for point in study["points"]
    ]
    values = [point["values"][number] for _, point in points if point["values"] is not None]
    if not values:
        return None
    best = {each["best"]["key"] for each in document["families"] if each["best"] is not None}
    states = {point["state"] for _, point in points}
    notes = ["ringed: the best trial"] if len(document["objectives"]) == 1 else []
    notes += ["crosses: stopped by the scheduler"] if "stopped" in states else []
    notes += ["strokes at the foot: failed"] if "failed" in states else []
    subtitle = "; ".join(notes or ["every finished trial"])
    figure, axes = figure_of_panels(
        document, f"{metric_label(document, number)} by parameter", subtitle, len(space)
    )
    for ax, (name, stored) in zip(axes, space.items(), strict=True):
        texts = [setting_text(choice) for choice in stored["choices"]]
        for family, point in points:
            if name in point["params"]:
                value = point["params"][name]
                if stored["kind"] == "choice":
                    value = texts.index(setting_text(value)) + _aside(document, family)
                _point(ax, look_of(document, family), point, value, number)
                if point["key"] in best:
                    at = point["values"][number]
                    ax.plot(value, at, "o", color="black", markersize=12, fillstyle="none")
        _across(ax, name, stored, texts)
        ax.set_ylabel(metric_label(document, number), fontsize=9)
        set_scale(ax, values)
        if ax is not axes[0]:
            ax.sharey(axes[0])
    return figure


def _point(
    ax: Axes, look: tuple[str, str], point: Mapping[str, Any], x: float, number: int
) -> None:
    """A trial's mark, or what stands for one that was stopped or has failed."""
    colour, mark = look
    if point["state"] == "failed":
        ax.plot(x, 0.015, "|", color=colour, markersize=9, transform=ax.get_xaxis_transform())
    elif point["values"] is None or point["state"] not in TRAINED:
        return
    elif point["state"] == "stopped":
        ax.plot(x, point["values"][number], "x", color=colour, markersize=5, alpha=0.7)
    else:
        ax.plot(x, point["values"][number], mark, color=colour, markersize=6, alpha=0.75)


def _aside(document: Mapping[str, Any], family: str) -> float:
    """How far beside a choice a family's points stand, so that none covers another's."""
    names = [each["family"] for each in document["families"]]
    return 0.5 * ((names.index(family) + 0.5) / len(names) - 0.5)


def _across(ax: Axes, name: str, stored: Mapping[str, Any], texts: Sequence[str]) -> None:
    """The axis of a parameter: as wide as its space, on the scale on which it was searched."""
    ax.set_xlabel(LABELS.get(name, name), fontsize=10)
    if stored["kind"] == "choice":
        ax.set_xticks(range(len(texts)), texts)
        ax.set_xlim(-0.5, len(texts) - 0.5)
        return
    low, high = stored["low"], stored["high"]
    if stored["log"]:
        ax.set_xscale("log")
        margin = (high / low) ** 0.03
        ax.set_xlim(low / margin, high * margin)
    else:
        margin = (high - low) * 0.03 or 0.5
        ax.set_xlim(low - margin, high + margin)
