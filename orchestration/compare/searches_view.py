"""A comparison of searches for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.spec.trial_names import setting_text, short_name
from orchestration.status.metric_columns import head, headlines
from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count

LISTED = 10
"""Trials of one study's front that are listed."""
NAMED = 4
"""Up to so many studies each is named with its budget."""


def search_view(document: Mapping[str, Any]) -> list[Sheet | str]:
    """Tables and lines: replicates, families, best trials and importances.

    Args:
        document: as ``search_comparison`` makes it, with importances or without.
    """
    parts: list[Sheet | str] = []
    if any(study["replicates"] for study in document["studies"]):
        # First what may be quoted: all else was picked as the best of many.
        parts += [_replicates_table(document), ""]
    parts += [_families(document), *_budget_lines(document)]
    if any(_winners(study) for study in document["studies"]):
        parts += ["", _winners_table(document), *_more_lines(document)]
    if any(study.get("importances") for study in document["studies"]):
        parts += ["", _importances_table(document)]
    return [*parts, *document.get("importances_missing", [])]


def _families(document: Mapping[str, Any]) -> Sheet:
    families = document["families"]
    single = len(document["objectives"]) == 1
    counts = [
        Column(title, [str(each["trials"][state]) for each in families], rank=rank, right=True)
        for title, state, rank in (
            ("trained", "finished", 4),
            ("stopped", "stopped", 5),
            ("failed", "failed", 6),
            ("duplicates", "duplicates", 8),
        )
        if state == "finished" or any(each["trials"][state] for each in families)
    ]
    studies = Column("studies", [str(len(f["studies"])) for f in families], rank=7, right=True)
    columns = [
        Column("family", [each["family"] for each in families]),
        *([studies] if any(len(each["studies"]) > 1 for each in families) else []),
        *counts,
        Column("CPU time", [_seconds(each["cpu_s"]) for each in families], rank=3, right=True),
        *(_best_columns(document) if single else _front_columns(document)),
    ]
    what = ", ".join(head(objective["metric"]) for objective in document["objectives"])
    return Sheet(f"{document['name']}: searches for {what}, side by side", columns)


def _best_columns(document: Mapping[str, Any]) -> list[Column]:
    families, equal = document["families"], document["equal"]
    bests = ["-" if f["best"] is None else f"{f['best']['values'][0]:.4g}" for f in families]
    return [
        Column("best", bests, right=True),
        Column(
            f"best at {count(equal['trials'], 'trial')}",
            [_reached(each, "trials") for each in families],
            rank=1,
            right=True,
        ),
        Column(
            f"best at {equal['cpu_s']:,.1f} CPU-s",
            [_reached(each, "cpu_s") for each in families],
            rank=2,
            right=True,
        ),
    ]


def _front_columns(document: Mapping[str, Any]) -> list[Column]:
    families, equal = document["families"], document["equal"]

    def share(budget: str) -> list[str]:
        owned = [each["at_equal"][budget] for each in families]
        return [f"{each['on_joint_front']} of {each['of']}" for each in owned]

    at_trials = f"of all at {count(equal['trials'], 'trial')}"
    at_cpu_s = f"of all at {equal['cpu_s']:,.1f} CPU-s"
    return [
        Column("on its front", [str(len(each["front"])) for each in families], right=True),
        Column(at_trials, share("trials"), rank=1, right=True),
        Column(at_cpu_s, share("cpu_s"), rank=2, right=True),
    ]


def _reached(family: Mapping[str, Any], budget: str) -> str:
    reached = family["at_equal"][budget]
    if reached is None:
        return "-"
    text = _mean(reached)
    studies = len(family["studies"])
    return text if reached["n"] == studies else f"{text} ({reached['n']} of {studies})"


def _budget_lines(document: Mapping[str, Any]) -> list[str]:
    """Whether budgets are equal, and at which they are compared."""
    studies = [s for s in document["studies"] if s["name"] not in document["left_out"]]
    equal = document["equal"]
    lines = [f"nothing trained yet, and left out: {name}" for name in document["left_out"]]
    if len(studies) > 1:
        trials = [s["trials"]["finished"] + s["trials"]["stopped"] for s in studies]
        names = [s["name"] for s in studies]
        same = len(set(trials)) == 1
        begin = (
            f"equal budgets: {count(trials[0], 'trial')} in each study"
            if same
            else f"unequal budgets: trials {_each(list(map(str, trials)), names)}, "
            f"compared at {equal['trials']}"
        )
        seconds = _each([f"{s['cpu_s']:,.1f}" for s in studies], names)
        end = f"CPU-seconds {seconds}, compared at {equal['cpu_s']:,.1f}"
        lines.insert(0, f"{begin}; {end}")
    if any(len(family["studies"]) > 1 for family in document["families"]):
        lines.append("best at a budget: mean ± standard deviation over a family's studies")
    return lines


def ended_lines(document: Mapping[str, Any]) -> list[str]:
    """Studies that came to an end before they had their trials."""
    return [
        f"{study['name']}: {study['end']} after "
        + count(study["trials"]["finished"] + study["trials"]["stopped"], "trial")
        for study in document["studies"]
        if study["end"] in ("exhausted", "failing")
    ]


def _each(values: Sequence[str], names: Sequence[str]) -> str:
    """``310 (vae) and 295 (cvae)``; of many the smallest and the largest."""
    if len(values) > NAMED:
        ordered = sorted(values, key=lambda value: float(value.replace(",", "")))
        return f"{ordered[0]} to {ordered[-1]}"
    named = [f"{value} ({name})" for value, name in zip(values, names, strict=True)]
    return f"{', '.join(named[:-1])} and {named[-1]}"


def _winners(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [study["best"]] if study["best"] is not None else list(study["front"])


def _winners_table(document: Mapping[str, Any]) -> Sheet:
    rows = [(s, entry) for s in document["studies"] for entry in _winners(s)[:LISTED]]
    names = list(dict.fromkeys(name for _, entry in rows for name in entry["params"]))
    measured = headlines(name for _, entry in rows for name in entry["test"])
    columns = [
        Column("study", [study["name"] for study, _ in rows], setting=True),
        Column("trial", [entry["key"] for _, entry in rows]),
        *(
            Column(
                short_name(name, names),
                [_value(entry["params"].get(name)) for _, entry in rows],
                right=True,
                setting=True,
            )
            for name in names
        ),
        *(
            Column(
                head(objective["metric"]),
                [f"{entry['values'][place]:.4g}" for _, entry in rows],
                rank=0 if place == 0 else 1,
                right=True,
            )
            for place, objective in enumerate(document["objectives"])
        ),
        *(
            Column(title, [_test(entry, name) for _, entry in rows], rank=rank + 2, right=True)
            for name, (title, rank) in measured.items()
        ),
        Column("CPU time", [_seconds(e["cpu_s"]) for _, e in rows], rank=20, right=True),
    ]
    single = len(document["objectives"]) == 1
    title = "best trial of each study" if single else "fronts: trials that no other one beats"
    return Sheet(
        title,
        columns,
        [
            " ".join(
                [
                    s["name"],
                    *(f"{short_name(n, names)}={_value(v)}" for n, v in e["params"].items()),
                ]
            )
            for s, e in rows
        ],
    )


def _more_lines(document: Mapping[str, Any]) -> list[str]:
    return [
        f"{len(study['front']) - LISTED} more of {study['name']}: see --json"
        for study in document["studies"]
        if len(study["front"]) > LISTED
    ]


def _importances_table(document: Mapping[str, Any]) -> Sheet:
    rows = [
        (study, objective["metric"], shares)
        for study in document["studies"]
        for objective, shares in zip(
            document["objectives"], study["importances"] or (), strict=False
        )
        if shares
    ]
    names = list(dict.fromkeys(name for _, _, shares in rows for name in shares))
    several = len(document["objectives"]) > 1
    columns = [
        Column("study", [study["name"] for study, _, _ in rows]),
        *([Column("objective", [head(metric) for _, metric, _ in rows])] if several else []),
        *(
            Column(
                short_name(name, names),
                [f"{shares[name]:.0%}" if name in shares else "-" for _, _, shares in rows],
                rank=place,
                right=True,
            )
            for place, name in enumerate(names)
        ),
    ]
    return Sheet("how much of the objective's variation comes from which parameter", columns)


def _replicates_table(document: Mapping[str, Any]) -> Sheet:
    rows = [(study, study["replicates"]) for study in document["studies"] if study["replicates"]]
    objectives = [objective["metric"] for objective in document["objectives"]]
    others = headlines(name for _, r in rows for name in r["metrics"] if name not in objectives)
    shown = {name: (head(name), place) for place, name in enumerate(objectives)}
    shown |= {name: (title, rank + 3) for name, (title, rank) in others.items()}
    columns = [
        Column("study", [study["name"] for study, _ in rows]),
        Column("seeds", [f"{r['finished']} of {r['wanted']}" for _, r in rows], rank=2, right=True),
        *(
            Column(
                title,
                [_mean(r["metrics"][name]) if name in r["metrics"] else "-" for _, r in rows],
                rank=rank,
                right=True,
            )
            for name, (title, rank) in shown.items()
        ),
        Column(
            "in the search (biased)",
            [_found(r["found_in_search"]) for _, r in rows],
            rank=3,
            right=True,
        ),
    ]
    return Sheet("the best again with new seeds: mean ± standard deviation of these alone", columns)


def _found(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry["values"] is None:
        return "-"
    return ", ".join(f"{value:.4g}" for value in entry["values"])


def _test(entry: Mapping[str, Any], name: str) -> str:
    return f"{entry['test'][name]:.4g}" if name in entry["test"] else "-"


def _mean(spread: Mapping[str, Any]) -> str:
    mean, sd = spread["mean"], spread["sd"]
    return f"{mean:.4g}" if sd is None else f"{mean:.4g} ± {sd:.2g}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s"


def _value(value: Any) -> str:
    """A suggested value, short: all its digits are in the JSON document."""
    return f"{value:.3g}" if isinstance(value, float) else setting_text(value)
