"""Verdicts as CSV, one row a pairing and metric, and as a LaTeX table."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import Any

from cvae_core.evaluation.tables import csv_table
from orchestration.compare.answers import Answers
from orchestration.compare.verdicts import Judged, other_side, row_names
from orchestration.status.metric_columns import head

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "β": r"$\beta$",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "−": "$-$",
    "±": r"$\pm$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


def csv_text(answers: Answers) -> str:
    """One row for every pairing and metric, with everything that the tables show."""
    return csv_table(*verdict_rows(answers)).decode()


def verdict_rows(answers: Answers) -> tuple[list[str], list[list[Any]]]:
    """Names of the columns, and a row for every pairing and metric; empty text: there is none."""
    settings = list(dict.fromkeys(n for p in answers.pairings for n in p.settings))
    rows = [
        [name, *(each.pairing.settings.get(n, "") for n in settings), *_row(each).values()]
        for name, judged in answers.judged.items()
        for each in judged
    ]
    return ["metric", *settings, *_row_names()], rows


def latex_text(answers: Answers) -> str:
    """A ``tabular`` for each metric's table; it needs the package ``booktabs``."""
    tables = []
    for name in answers.tables:
        judged = [each for each in answers.judged[name] if each.values]
        if judged:
            tables.append(_tabular(name, judged))
    notes = [f"% note: {line}\n" for line in answers.left_out]
    return "\n".join([*tables, *(["".join(notes)] if notes else [])])


def _row_names() -> Sequence[str]:
    return (
        *("reference", "other", "pairs", "reference_mean", "reference_sd", "other_mean"),
        *("other_sd", "mean_difference", "sd_difference", "low", "high", "p", "p_holm", "won"),
        *("detectable", "verdict", "more_pairs"),
    )


def _row(each: Judged) -> dict[str, Any]:
    found = each.found
    sides = each.pairing.sides
    reference, other = zip(*each.values, strict=True) if each.values else ((), ())
    values = (
        *(sides[0], sides[1], len(each.values)),
        *(_mean(reference), _sd(reference), _mean(other), _sd(other)),
        *((found.mean, found.sd, found.low, found.high, found.p) if found else (None,) * 5),
        *(each.p_holm, each.won, each.detectable, each.verdict, each.more_pairs),
    )
    return dict(zip(_row_names(), ["" if v is None else v for v in values], strict=True))


def _tabular(name: str, judged: Sequence[Judged]) -> str:
    reference, other = judged[0].pairing.sides[0], other_side(judged)
    lines = [
        r"\begin{tabular}{lrrrrrl}",
        r"\toprule",
        " & ".join(
            (
                latex(head(name)),
                *("pairs", latex(reference), latex(other), "difference", r"$p$ (Holm)"),
                r"verdict \\",
            )
        ),
        r"\midrule",
    ]
    for place, each in zip(row_names(judged), judged, strict=True):
        row, found = _row(each), each.found
        interval = (
            "" if found is None or found.low is None else f" [{found.low:.3g}, {found.high:.3g}]"
        )
        cells = (
            latex(place or other),
            str(row["pairs"]),
            _spread(row["reference_mean"], row["reference_sd"]),
            _spread(row["other_mean"], row["other_sd"]),
            f"{row['mean_difference']:+.3g}{interval}",
            "--" if each.p_holm is None else f"{each.p_holm:.2g}",
            latex(each.verdict),
        )
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def latex(text: str) -> str:
    """Text as LaTeX shows it."""
    return re.sub(".", lambda match: _LATEX.get(match[0], match[0]), text)


def _spread(mean: float, sd: float | str) -> str:
    return f"{mean:.4g}" if sd == "" else rf"{mean:.4g} $\pm$ {sd:.2g}"


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _sd(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None
