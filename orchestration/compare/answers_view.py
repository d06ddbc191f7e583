"""Verdicts for a terminal: a sentence for every metric, a table for those that matter most."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.compare.answers import Answers
from orchestration.compare.paired import LEAST_PAIRS, LEVEL
from orchestration.compare.pairs import Cell
from orchestration.compare.verdicts import (
    UNDECIDED,
    Judged,
    is_open,
    more_text,
    other_side,
    row_names,
    sentence,
)
from orchestration.spec.trial_names import short_name
from orchestration.status.metric_columns import head
from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count, rough_duration


def sentences(answers: Answers) -> list[str]:
    """The answer by every metric; empty where nothing is there to be compared."""
    pairs = [len(each.values) for judged in answers.judged.values() for each in judged]
    if not answers.pairings:
        return []
    if not any(pairs):
        one, other = answers.pairings[0].sides
        if any(a.trials.keys() & b.trials.keys() for a, b in _cells(answers)):
            return [f"no verdicts: nothing that compares {one} and {other} was measured in both"]
        return [f"no verdicts: no seed was trained to its end with both {one} and {other}"]
    if max(pairs) < LEAST_PAIRS:
        here = f"here {count(max(pairs), 'seed')}"
        trained = max(len(a.trials.keys() & b.trials.keys()) for a, b in _cells(answers))
        if trained > max(pairs):
            here += f" of {trained} that were trained: the others are not measured in both"
        return [
            f"no verdicts: they take {LEAST_PAIRS} seeds in both, {here} "
            f"(no exact test of fewer pairs reaches {LEVEL:.0%})"
        ]
    paired = {n: each for n, each in answers.judged.items() if any(e.values for e in each)}
    nothing = [head(name) for name, judged in paired.items() if is_open(judged)]
    return [
        *(f"{head(n)}: {sentence(judged)}" for n, judged in paired.items() if not is_open(judged)),
        *([f"undecided everywhere: {', '.join(nothing)}"] if nothing else []),
    ]


def _cells(answers: Answers) -> list[tuple[Cell, Cell]]:
    return [each.cells for each in answers.pairings]


def answers_view(answers: Answers) -> list[Sheet | str]:
    """Sentences, tables, and what would decide what is undecided."""
    if not answers.pairings:
        what = short_name(answers.by, [answers.by])
        return ["", f"no verdicts: no two settings that were trained differ in {what} alone"]
    parts: list[Sheet | str] = ["", *sentences(answers)]
    for name in answers.tables:
        sheet = verdict_sheet(answers, name)
        if sheet is not None:
            parts += ["", sheet]
    return [*parts, *(f"note: {line}" for line in answers.left_out), *more_lines(answers)]


def verdict_sheet(answers: Answers, name: str) -> Sheet | None:
    """The table of one metric; None where no cell has two pairs."""
    judged = [each for each in answers.judged[name] if each.values]
    if all(len(each.values) < 2 for each in judged):
        return None
    return _table(name, judged, answers.by)


def _table(name: str, judged: Sequence[Judged], by: str) -> Sheet:
    (reference,) = {each.pairing.sides[0] for each in judged}
    cells = row_names(judged)
    columns = [
        *([Column("at", cells, setting=True)] if any(cells) else []),
        Column("pairs", [str(len(each.values)) for each in judged], rank=4, right=True),
        Column(f"{other_side(judged)} − {reference}", [_mean(each) for each in judged], right=True),
        Column("95 % interval", [_interval(each) for each in judged], rank=1, right=True),
        Column("p (Holm)", [_p(each) for each in judged], rank=2, right=True),
        Column("won", [_share(each) for each in judged], rank=5, right=True),
        Column("could find", [_detectable(each) for each in judged], rank=6, right=True),
        Column("verdict", [each.verdict for each in judged]),
        Column(
            "to decide", [more_text(e) if e.verdict == UNDECIDED else "" for e in judged], rank=3
        ),
    ]
    what = short_name(by, [by])
    return Sheet(f"{head(name)}: by {what}, paired by seed", columns, cells if any(cells) else ())


def more_lines(answers: Answers) -> list[str]:
    """How many more seeds would decide how much, and the command that trains them."""
    more = answers.more
    if more is None:
        return []
    lines = [
        f"{count(more.seeds, 'more seed')} would decide {more.decides} of the "
        f"{count(more.undecided, 'row')} that the tables leave undecided, at the spread seen "
        f"(about {rough_duration(more.cpu_s)} of CPU for all that the sweep trains)"
    ]
    return lines if more.command is None else [f"{lines[0]}:", more.command]


def _mean(each: Judged) -> str:
    return "-" if each.found is None else f"{each.found.mean:+.3g}"


def _interval(each: Judged) -> str:
    found = each.found
    return "-" if found is None or found.low is None else f"{found.low:+.3g} to {found.high:+.3g}"


def _p(each: Judged) -> str:
    return "-" if each.p_holm is None else f"{each.p_holm:.2g}"


def _share(each: Judged) -> str:
    return "-" if each.won is None else f"{each.won:.0%}"


def _detectable(each: Judged) -> str:
    return "-" if each.detectable is None else f"{each.detectable:.2g}"
