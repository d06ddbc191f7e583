"""Figures of a sweep's searches: families in the same colours and marks on each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from cvae_core.evaluation.figures import BLUE, HEADING, ORANGE, OTHERS, new_figure, png, put_text
from orchestration.ledger.documents import TRAINED
from orchestration.spec.trial_names import LABELS, setting_text, short_name
from orchestration.status.metric_columns import head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
LOOKS = {"vae": (BLUE, "o"), "cvae": (ORANGE, "^")}
"""Told apart by colour-blind eyes and on grey paper as well."""
OTHER_LOOKS = tuple(zip((OTHERS[0], OTHERS[1], OTHERS[3]), "sDv", strict=True))
COLUMNS = 3
"""Panels beside one another."""
WIDTH, PANEL = 1180, 400
"""Pixels: of a figure, and the height of one row of its panels."""
DECADES = 1.5
"""Values that are so far apart stand on a logarithmic axis."""
PAIRS = 6
"""Pairs of objectives, at most, that are drawn."""


def search_figures(document: Mapping[str, Any]) -> dict[str, bytes]:
    """PNG files by name; those for which there is nothing to be drawn yet are left out.

    Args:
        document: as ``search_comparison`` makes it, with importances or without.
    """
    figures: dict[str, Figure | None] = {
        "budget.png": budget_figure(document),
        "pareto.png": pareto_figure(document),
        "importances.png": importances_figure(document),
    }
    for number, objective in enumerate(document["objectives"]):
        name = objective["metric"].replace("/", "_")
        figures[f"parameters_{name}.png"] = parameters_figure(document, number)
    return {name: png(figure) for name, figure in figures.items() if figure is not None}


def budget_figure(document: Mapping[str, Any]) -> Figure | None:
    """The best so far against trials and against CPU-seconds; for one objective."""
    if not any(family["curves"]["trials"] for family in document["families"]):
        return None
    subtitle = "dotted: the budget that all studies have spent"
    if any(len(family["studies"]) > 1 for family in document["families"]):
        subtitle += "; thick: the mean over a family's studies"
    figure, axes = _figure(document, "Best so far at equal budgets", subtitle, 2, 460)
    for ax, budget, words in zip(
        axes,
        ("trials", "cpu_s"),
        ("trials of a study, in the order of asks", "CPU-seconds of a study"),
        strict=True,
    ):
        values = []
        for family in document["families"]:
            colour, mark = _look(document, family["family"])
            studies = [s for s in document["studies"] if s["family"] == family["family"]]
            for study in studies if len(studies) > 1 else ():
                values += _steps(
                    ax, study["curves"][budget], color=colour, linewidth=0.8, alpha=0.5
                )
            values += _steps(
                ax, family["curves"][budget], color=colour, linewidth=2.2, marker=mark, markersize=5
            )
        ax.axvline(document["equal"][budget], color="0.4", linestyle=":", linewidth=1.2)
        ax.set_xlabel(words, fontsize=9)
        ax.set_ylabel(_metric(document, 0), fontsize=9)
        _scale(ax, values)
        ax.set_xlim(left=0)
    return figure


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
    states = {point["state"] for _, point in points}
    notes = ["ringed: the best trial"] if len(document["objectives"]) == 1 else []
    notes += ["crosses: stopped by the scheduler"] if "stopped" in states else []
    notes += ["strokes at the foot: failed"] if "failed" in states else []
    subtitle = "; ".join(notes or ["every finished trial"])
    figure, axes = _figure(
        document, f"{_metric(document, number)} by parameter", subtitle, len(space)
    )
    for ax, (name, stored) in zip(axes, space.items(), strict=True):
        texts = [setting_text(choice) for choice in stored["choices"]]
        for family, point in points:
            if name in point["params"]:
                value = point["params"][name]
                if stored["kind"] == "choice":
                    value = texts.index(setting_text(value)) + _aside(document, family)
                _point(ax, document, family, point, value, number)
        _across(ax, name, stored, texts)
        ax.set_ylabel(_metric(document, number), fontsize=9)
        _scale(ax, values)
        if ax is not axes[0]:
            ax.sharey(axes[0])
    return figure


def importances_figure(document: Mapping[str, Any]) -> Figure | None:
    """Bars of how much each parameter matters: of a family the mean over its studies."""
    shares = {
        family["family"]: _mean_shares(document, family["family"])
        for family in document["families"]
    }
    names = list(
        dict.fromkeys(n for each in shares.values() for objective in each for n in objective)
    )
    if not names:
        return None
    subtitle = "share of the objective's variation over the finished trials of a study (fANOVA)"
    objectives = document["objectives"]
    able = [family for family, each in shares.items() if any(each)]
    figure, axes = _figure(
        document, "Importance of the parameters", subtitle, len(objectives), 150 + 50 * len(names)
    )
    thick = 0.8 / len(able)
    for number, ax in enumerate(axes):
        for place_, family in enumerate(able):
            known = shares[family][number]
            rows = [row for row, name in enumerate(names) if name in known]
            bars = ax.barh(
                [row + (place_ - (len(able) - 1) / 2) * thick for row in rows],
                [known[names[row]] for row in rows],
                thick * 0.9,
                color=_look(document, family)[0],
            )
            ax.bar_label(bars, fmt="{:.0%}", fontsize=9, padding=3)
        ax.set_yticks(range(len(names)), [short_name(name, names) for name in names])
        ax.invert_yaxis()
        ax.set_xlim(0, 1.12)
        ax.set_xlabel(f"share, {_metric(document, number)}", fontsize=9)
    return figure


def pareto_figure(document: Mapping[str, Any]) -> Figure | None:
    """Several objectives against one another, a panel for each two of them."""
    pairs = list(combinations(range(len(document["objectives"])), 2))[:PAIRS]
    if not pairs or not any(family["front"] for family in document["families"]):
        return None
    subtitle = "large: the front, trials that no other one of the family beats in every objective"
    figure, axes = _figure(document, "Pareto fronts", subtitle, len(pairs), 520)
    for ax, (across, up) in zip(axes, pairs, strict=True):
        everything = [
            point["values"]
            for study in document["studies"]
            for point in study["points"]
            if point["state"] == "finished" and point["values"] is not None
        ]
        for family in document["families"]:
            colour, mark = _look(document, family["family"])
            for study in document["studies"]:
                if study["family"] == family["family"]:
                    rated = [
                        p["values"]
                        for p in study["points"]
                        if p["state"] == "finished" and p["values"] is not None
                    ]
                    ax.scatter(
                        [values[across] for values in rated],
                        [values[up] for values in rated],
                        s=16,
                        color=colour,
                        marker=mark,
                        alpha=0.35,
                        linewidths=0,
                    )
            kept = sorted(entry["values"] for entry in family["front"])
            ax.plot(
                [values[across] for values in kept],
                [values[up] for values in kept],
                mark,
                color=colour,
                markersize=9,
                markeredgecolor="black",
            )
            if len(document["objectives"]) == 2:
                # Up to where this trial is as good across as is asked for.
                larger = document["objectives"][across]["direction"] == "maximize"
                _steps(ax, kept, where="pre" if larger else "post", color=colour, linewidth=1.2)
        ax.set_xlabel(_metric(document, across), fontsize=9)
        ax.set_ylabel(_metric(document, up), fontsize=9)
        _scale(ax, [values[up] for values in everything])
        _scale(ax, [values[across] for values in everything], upright=False)
    return figure


def _figure(
    document: Mapping[str, Any], title: str, subtitle: str, panels: int, height: int = PANEL
) -> tuple[Figure, list[Axes]]:
    """A figure with its heading, its legend and so many panels."""
    columns = min(panels, COLUMNS)
    rows = math.ceil(panels / columns)
    full = height * rows + HEADING
    figure = new_figure(WIDTH, full)
    put_text(figure, title, 16, 10, size=14, weight="bold")
    put_text(figure, f"{document['name']}: {subtitle}", 16, 37)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.085, 60 / full, 0.985, 1 - (HEADING + 14) / full, 0.25, 0.28)
    axes = list(grid.flat)
    for ax in axes[panels:]:
        ax.set_axis_off()
    for ax in axes[:panels]:
        ax.tick_params(labelsize=9)
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
    _legend(figure, document)
    return figure, axes[:panels]


def _legend(figure: Figure, document: Mapping[str, Any]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for family in document["families"]:
        colour, mark = _look(document, family["family"])
        studies = len(family["studies"])
        label = family["family"] + (f" ({studies} studies)" if studies > 1 else "")
        handles.append(Line2D([], [], color=colour, marker=mark, linewidth=2.2, label=label))
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.99, 1 - 8 / figure.bbox.height),
        ncols=len(handles),
        fontsize=10,
        frameon=False,
    )


def _look(document: Mapping[str, Any], family: str) -> tuple[str, str]:
    names = [each["family"] for each in document["families"] if each["family"] not in LOOKS]
    return LOOKS.get(family) or OTHER_LOOKS[names.index(family) % len(OTHER_LOOKS)]


def _steps(
    ax: Axes,
    curve: Sequence[Sequence[float]],
    *,
    where: Literal["pre", "post"] = "post",
    **look: Any,
) -> list[float]:
    """Draw a curve that holds each value up to the next point; the values."""
    values = [value for _, value in curve]
    ax.step([at for at, _ in curve], values, where=where, **look)
    return values


def _point(
    ax: Axes,
    document: Mapping[str, Any],
    family: str,
    point: Mapping[str, Any],
    x: float,
    number: int,
) -> None:
    colour, mark = _look(document, family)
    if point["state"] == "failed":
        ax.plot(x, 0.015, "|", color=colour, markersize=9, transform=ax.get_xaxis_transform())
    elif point["values"] is None or point["state"] not in TRAINED:
        return
    elif point["state"] == "stopped":
        ax.plot(x, point["values"][number], "x", color=colour, markersize=5, alpha=0.7)
    else:
        ax.plot(x, point["values"][number], mark, color=colour, markersize=6, alpha=0.75)
    keys = {each["best"]["key"] for each in document["families"] if each["best"] is not None}
    if point["key"] in keys:
        ax.plot(x, point["values"][number], "o", color="black", markersize=12, fillstyle="none")


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


def _scale(ax: Axes, values: Sequence[float], *, upright: bool = True) -> None:
    """A logarithmic axis where values are positive and far apart."""
    low, high = min(values), max(values)
    if low > 0 and math.log10(high / low) > DECADES:
        (ax.set_yscale if upright else ax.set_xscale)("log")


def _mean_shares(document: Mapping[str, Any], family: str) -> list[dict[str, float]]:
    """Per objective: each parameter's mean share over the studies that have one."""
    own = [s.get("importances") for s in document["studies"] if s["family"] == family]
    known = [shares for shares in own if shares]
    found = []
    for number in range(len(document["objectives"])):
        each = [shares[number] for shares in known]
        names = dict.fromkeys(name for shares in each for name in shares)
        found.append({n: sum(s.get(n, 0.0) for s in each) / len(each) for n in names})
    return found


def _metric(document: Mapping[str, Any], number: int) -> str:
    """An objective's name, with the arrow that says which way is better."""
    name = document["objectives"][number]["metric"]
    arrow = {"maximize": "↑", "minimize": "↓"}[document["objectives"][number]["direction"]]
    short = head(name).rstrip(" ↑↓")
    return f"{short} {arrow}" if short == name else f"{name} {arrow}"
