"""The charts of a search: replicates first, then budgets, importances, fronts and parameters.

The same as MLflow's figures of a search (``compare/figures.py``), as parts of the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from orchestration.compare.answers import Answers
from orchestration.compare.figures import mean_shares
from orchestration.report.axes import Axis, axis_of, axis_of_names
from orchestration.report.charts import (
    LEFT,
    RIGHT,
    WIDTH,
    Chart,
    Line,
    Point,
    bars,
    lines,
    rows,
    scatter,
    steps,
)
from orchestration.spec.trial_names import LABELS, setting_text, short_name
from orchestration.status.metric_columns import head

JUDGED = "probe/accuracy"
"""Of replicates this is shown beside the objectives."""
PAIRS = 3
"""Pairs of objectives, at most, whose fronts are drawn."""
PARAMETERS = 4
"""Parameters, at most, against which the objective is drawn: those that matter most."""
MANY = 300
"""Of more trials the best are drawn, and whatever is on a front."""


@dataclass(frozen=True)
class Searched:
    """What charts of a search are made of."""

    document: Mapping[str, Any]
    """As ``search_document`` gives it."""
    trials: Mapping[str, Mapping[str, Any]]
    """Rows of the report by key."""
    looks: dict[str, int] = field(default_factory=dict)
    """Families by name."""

    def point(self, key: str, x: float, y: float, said: str, kind: Any = "") -> Point:
        """A trial's mark."""
        row = self.trials.get(key)
        name, look = (row["name"], row["look"]) if row else (key, 0)
        return Point(x, y, look, f"{name}: {said}", key if row else "", kind)

    def rated(self) -> list[Mapping[str, Any]]:
        """Trials that were trained to their end and measured; of many the best."""
        points = [
            point
            for study in self.document["studies"]
            for point in study["points"]
            if point["state"] == "finished" and point["values"] is not None
        ]
        larger = self.document["objectives"][0]["direction"] == "maximize"
        return sorted(points, key=lambda each: each["values"][0], reverse=larger)[:MANY]


def replicate_charts(searched: Searched, answered: Answers) -> list[Chart]:
    """Winners trained again: a row for each study, a mark for each seed, pairs joined.

    Of the first objective, and of the probe where that was measured on test.
    """
    # Studies that found the same have the same replicates, and are one row.
    named: dict[tuple[str, ...], list[str]] = {}
    for study in searched.document["studies"]:
        if study["replicates"] and study["replicates"]["keys"]:
            named.setdefault(tuple(study["replicates"]["keys"]), []).append(study["name"])
    place = {key: n for n, keys in enumerate(named) for key in keys}
    rows_of = [searched.trials[key] for key in place if key in searched.trials]
    pairs = [
        (one.trials[repeat].key, other.trials[repeat].key)
        for one, other in (pairing.cells for pairing in answered.pairings)
        for repeat in one.trials
        if repeat in other.trials
    ]
    charts = []
    for metric in dict.fromkeys((searched.document["objectives"][0]["metric"], JUDGED)):
        measured = {r["key"]: r["metrics"][metric] for r in rows_of if metric in r["metrics"]}
        points = [
            searched.point(key, value, place[key], f"{head(metric)} {value:.4g}")
            for key, value in measured.items()
        ]
        joined = [
            Line(
                [(measured[one], place[one]), (measured[two], place[two])],
                searched.trials[two]["look"],
                f"{searched.trials[two]['name']}: {measured[two] - measured[one]:+.3g} "
                f"{head(metric)} against {searched.trials[one]['name']}",
                two,
                "thin",
            )
            for one, two in pairs
            if one in measured and two in measured
        ]
        title = f"the best again with new seeds: {head(metric)}"
        names = [", ".join(each) for each in named.values()]
        charts.append(rows(title, head(metric), names, points, joined))
    return [chart for chart in charts if chart is not None]


def search_charts(searched: Searched) -> list[Chart]:
    """Budgets, importances, fronts, and the objective against the parameters that matter most."""
    charts = [*_budgets(searched), *_importances(searched), *_fronts(searched)]
    return [chart for chart in [*charts, *_parameters(searched)] if chart is not None]


def _budgets(searched: Searched) -> list[Chart | None]:
    """The best so far, by trials and by CPU time; for one objective."""
    document = searched.document
    label = _label(document, 0)
    charts = []
    for budget, words in (("trials", "trials of a study"), ("cpu_s", "CPU-seconds of a study")):
        drawn = []
        for each in (*document["studies"], *document["families"]):
            curve = each["curves"][budget]
            of_family = "studies" in each
            if not curve or (not of_family and _is_alone(document, each["family"])):
                continue
            name = each["family"] if of_family else each["name"]
            mean = "mean of " if of_family and len(each["studies"]) > 1 else ""
            best = f"{mean}best so far {curve[-1][1]:.4g} at {curve[-1][0]:,.4g} {words}"
            key = each["best"]["key"] if each["best"] is not None else ""
            target = key if key in searched.trials else ""
            look = searched.looks[each["family"]]
            kind = "thick" if of_family else "thin"
            drawn.append(Line(steps(curve), look, f"{name}: {best}", target, kind))
        guides = [document["equal"][budget]] if len(document["studies"]) > 1 else []
        said = f"{words} (dotted: what all have spent)" if guides else words
        title = f"best so far: {label} over {'trials' if budget == 'trials' else 'CPU time'}"
        charts.append(lines(title, said, label, drawn, guides))
    return charts


def _label(document: Mapping[str, Any], number: int) -> str:
    """An objective's head, with the arrow that says which way is better."""
    objective = document["objectives"][number]
    arrow = {"maximize": "↑", "minimize": "↓"}[objective["direction"]]
    return f"{head(objective['metric']).rstrip(' ↑↓')} {arrow}"


def _is_alone(document: Mapping[str, Any], family: str) -> bool:
    return next(len(f["studies"]) == 1 for f in document["families"] if f["family"] == family)


def _importances(searched: Searched) -> list[Chart | None]:
    """How much of the first objective's variation comes from which parameter."""
    document = searched.document
    shares = {f["family"]: mean_shares(document, f["family"])[0] for f in document["families"]}
    names = list(dict.fromkeys(name for of_family in shares.values() for name in of_family))
    of_rows = [
        (searched.looks[family], family, [of_family.get(name) for name in names])
        for family, of_family in shares.items()
        if of_family
    ]
    title = f"importance of the parameters: {_label(document, 0)}"
    words = "share of the objective's variation (fANOVA)"
    return [bars(title, words, [short_name(name, names) for name in names], of_rows)]


def _fronts(searched: Searched) -> list[Chart | None]:
    """Two objectives against one another: large what no other trial of the family beats."""
    document, charts = searched.document, []
    pairs = list(combinations(range(len(document["objectives"])), 2))[:PAIRS]
    for across, up in pairs:
        points, drawn = [], []
        front = {e["key"]: e for family in document["families"] for e in family["front"]}
        # Of many trials those best in the first objective are rated: a front has others as well.
        for trial in ({t["key"]: t for t in searched.rated()} | front).values():
            x, y = trial["values"][across], trial["values"][up]
            said = ", ".join(
                f"{_label(document, n)} {trial['values'][n]:.4g}" for n in (up, across)
            )
            kind = "front" if trial["key"] in front else "faint"
            points.append(searched.point(trial["key"], x, y, said, kind))
        if len(document["objectives"]) == 2:
            # Up to where this trial is as good across as is asked for.
            larger = document["objectives"][across]["direction"] == "maximize"
            for family in document["families"]:
                kept = sorted(entry["values"] for entry in family["front"])
                look, name = searched.looks[family["family"]], family["family"]
                label = f"{name}: front of {len(kept)}"
                drawn.append(Line(steps(kept, first=not larger), look, label, "", "thin"))
        x_title, y_title = _label(document, across), _label(document, up)
        points.sort(key=lambda point: point.kind == "front")  # drawn last, so on top
        charts.append(
            scatter(f"fronts: {y_title} against {x_title}", x_title, y_title, points, drawn)
        )
    return charts


def _parameters(searched: Searched) -> list[Chart | None]:
    """The first objective against the parameters that explain most of it."""
    document, label = searched.document, _label(searched.document, 0)
    space: dict[str, Any] = {}
    for study in document["studies"]:
        space |= study["space"]
    shares = [mean_shares(document, f["family"])[0] for f in document["families"]]
    ordered = sorted(space, key=lambda name: -max(each.get(name, 0.0) for each in shares))
    best = {f["best"]["key"] for f in document["families"] if f["best"] is not None}
    charts = []
    for name in ordered[:PARAMETERS]:
        across, number = _across(space[name])
        points = [
            searched.point(
                trial["key"],
                number(trial["params"][name]),
                trial["values"][0],
                f"{label} {trial['values'][0]:.4g}",
                "front" if trial["key"] in best else "",
            )
            for trial in reversed(searched.rated())
            if name in trial["params"]
        ]
        title = f"{label} by {LABELS.get(name, name)}"
        charts.append(scatter(title, LABELS.get(name, name), label, points, across=across))
    return charts


def _across(stored: Mapping[str, Any]) -> tuple[Axis, Any]:
    """The axis of a parameter, as wide as its space, and where a value stands on it."""
    if stored["kind"] == "choice":
        numbers = {setting_text(choice): n for n, choice in enumerate(stored["choices"])}
        axis = axis_of_names(list(numbers), LEFT, WIDTH - RIGHT)
        return axis, lambda value: numbers.get(setting_text(value), math.nan)
    ends: Sequence[float] = [stored["low"], stored["high"]]
    return axis_of(ends, LEFT, WIDTH - RIGHT, logarithmic=bool(stored["log"])), float
