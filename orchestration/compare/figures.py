"""Figures of a sweep's searches: families in the same colours and marks on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cvae_core.evaluation.figures import png
from cvae_core.evaluation.style import own_style
from orchestration.compare.figure_style import (
    draw_steps,
    figure_of_panels,
    look_of,
    metric_label,
    set_scale,
)
from orchestration.compare.parameters_figure import parameters_figure
from orchestration.spec.trial_names import short_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIRS = 6
"""Pairs of objectives, at most, that are drawn."""


@own_style()
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
    figure, axes = figure_of_panels(document, "Best so far at equal budgets", subtitle, 2, 460)
    for ax, budget, words in zip(
        axes,
        ("trials", "cpu_s"),
        ("trials of a study, in the order of asks", "CPU-seconds of a study"),
        strict=True,
    ):
        values = []
        for family in document["families"]:
            colour, mark = look_of(document, family["family"])
            studies = [s for s in document["studies"] if s["family"] == family["family"]]
            for study in studies if len(studies) > 1 else ():
                values += draw_steps(
                    ax, study["curves"][budget], color=colour, linewidth=0.8, alpha=0.5
                )
            values += draw_steps(
                ax, family["curves"][budget], color=colour, linewidth=2.2, marker=mark, markersize=5
            )
        ax.axvline(document["equal"][budget], color="0.4", linestyle=":", linewidth=1.2)
        ax.set_xlabel(words, fontsize=9)
        ax.set_ylabel(metric_label(document, 0), fontsize=9)
        set_scale(ax, values)
        ax.set_xlim(left=0)
    return figure


def importances_figure(document: Mapping[str, Any]) -> Figure | None:
    """Bars of how much each parameter matters: of a family the mean over its studies."""
    shares = {
        family["family"]: mean_shares(document, family["family"]) for family in document["families"]
    }
    names = list(
        dict.fromkeys(n for each in shares.values() for objective in each for n in objective)
    )
    if not names:
        return None
    subtitle = "share of the objective's variation over the finished trials of a study (fANOVA)"
    objectives = document["objectives"]
    able = [family for family, each in shares.items() if any(each)]
    figure, axes = figure_of_panels(
        document, "Importance of the parameters", subtitle, len(objectives), 150 + 50 * len(names)
    )
    thick = 0.8 / len(able)
    for number, ax in enumerate(axes):
        for place_, family in enumerate(able):
            share_of = shares[family][number]
            rows = [row for row, name in enumerate(names) if name in share_of]
            bars = ax.barh(
                [row + (place_ - (len(able) - 1) / 2) * thick for row in rows],
                [share_of[names[row]] for row in rows],
                thick * 0.9,
                color=look_of(document, family)[0],
            )
            ax.bar_label(bars, fmt="{:.0%}", fontsize=9, padding=3)
        ax.set_yticks(range(len(names)), [short_name(name, names) for name in names])
        ax.invert_yaxis()
        ax.set_xlim(0, 1.12)
        ax.set_xlabel(f"share, {metric_label(document, number)}", fontsize=9)
    return figure


def pareto_figure(document: Mapping[str, Any]) -> Figure | None:
    """Several objectives against one another, a panel for each two of them."""
    pairs = list(combinations(range(len(document["objectives"])), 2))[:PAIRS]
    if not pairs or not any(family["front"] for family in document["families"]):
        return None
    subtitle = "large: the front, trials that no other one of the family beats in every objective"
    figure, axes = figure_of_panels(document, "Pareto fronts", subtitle, len(pairs), 520)
    for ax, (across, up) in zip(axes, pairs, strict=True):
        everything = [
            point["values"]
            for study in document["studies"]
            for point in study["points"]
            if point["state"] == "finished" and point["values"] is not None
        ]
        for family in document["families"]:
            colour, mark = look_of(document, family["family"])
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
                draw_steps(ax, kept, where="pre" if larger else "post", color=colour, linewidth=1.2)
        ax.set_xlabel(metric_label(document, across), fontsize=9)
        ax.set_ylabel(metric_label(document, up), fontsize=9)
        set_scale(ax, [values[up] for values in everything])
        set_scale(ax, [values[across] for values in everything], upright=False)
    return figure


def mean_shares(document: Mapping[str, Any], family: str) -> list[dict[str, float]]:
    """Per objective: each parameter's mean share over the studies that have one."""
    own = [s.get("importances") for s in document["studies"] if s["family"] == family]
    computed = [shares for shares in own if shares]
    means = []
    for number in range(len(document["objectives"])):
        each = [shares[number] for shares in computed]
        names = dict.fromkeys(name for shares in each for name in shares)
        means.append({n: sum(s.get(n, 0.0) for s in each) / len(each) for n in names})
    return means
