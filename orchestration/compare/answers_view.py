"""Verdicts for a terminal: a sentence for every metric, a table for those that matter most."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestration.compare.answers import Answers
from orchestration.compare.measured import REPEATS
from orchestration.compare.paired import LEAST_PAIRS, LEVEL, MOST_PAIRS, pairs_needed
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
    few = _too_few(answers)
    if few is not None:
        return [few]
    paired = {n: each for n, each in answers.judged.items() if any(e.values for e in each)}
    nothing = [head(name) for name, judged in paired.items() if is_open(judged)]
    return [
        *(f"{head(n)}: {sentence(judged)}" for n, judged in paired.items() if not is_open(judged)),
        *([f"undecided everywhere: {', '.join(nothing)}"] if nothing else []),
    ]


def _too_few(answers: Answers) -> str | None:
    """That no row of any table has the pairs that a verdict takes; None where one has.

    Args:
        answers: that have pairs.
    """
    judged = [each for found in answers.judged.values() for each in found if each.values]
    if any(each.can_tell or each.verdict != UNDECIDED for each in judged):
        return None
    # Of the table that lacks least.
    nearest = min(judged, key=lambda each: _needed(each) - len(each.values))
    rows, most, needed = nearest.tests, len(nearest.values), _needed(nearest)
    here = f"here {count(most, 'seed')}"
    trained = max(
        len({seed for seed, *_ in one.trials.keys() & other.trials.keys()})
        for one, other in _cells(answers)
    )
    if trained > most:
        here += f" of {trained} that were trained: the others are not measured in both"
    over = "" if rows == 1 else f" over {rows} rows"
    return (
        f"no verdicts: they take {needed} seeds in both{over}, {here} "
        f"(no exact test of fewer pairs reaches {LEVEL:.0%})"
    )


def _needed(each: Judged) -> int:
    """Pairs that each row of a table needs."""
    return pairs_needed(math.inf, each.tests) or MOST_PAIRS


def _cells(answers: Answers) -> list[tuple[Cell, Cell]]:
    return [each.cells for each in answers.pairings]


def answers_view(answers: Answers) -> list[Sheet | str]:
    """Sentences, tables, and what would decide what is undecided."""
    notes = [f"note: {line}" for line in answers.left_out]
    if not answers.pairings:
        return ["", f"no verdicts: {why_no_pairs(answers)}", *notes]
    parts: list[Sheet | str] = ["", *sentences(answers)]
    for name in answers.tables:
        sheet = verdict_sheet(answers, name)
        if sheet is not None:
            parts += ["", sheet]
    return [*parts, *notes, *more_lines(answers)]


def why_no_pairs(answers: Answers) -> str:
    """What keeps trained trials from being judged, where there is no pairing."""
    what = short_name(answers.by, [answers.by])
    if answers.by in REPEATS:
        return f"trials that differ in {what} repeat each other, and are averaged over"
    searches = [ledger for ledger in answers.ledgers if ledger.planned_studies()]
    if not searches:
        return f"no two settings that were trained differ in {what} alone"
    rest = "on a search they rest on the replicates of what it found best"
    search = searches[0].sweep.spec.get("search") or {}
    if len(search.get("objectives") or ()) > 1:
        return f"{rest}, and one with several objectives has no best: sweep a grid of its front"
    if not search.get("replicates"):
        return f"{rest}, and it has none: --set search.replicates={LEAST_PAIRS} trains them"
    return f"{rest}, and no two searches that differ in {what} alone have any that were trained"


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
    seeds, rows = count(more.seeds, "more seed"), count(more.undecided, "row")
    of = f"{more.decides} of the {rows} that the tables leave undecided"
    if more.by_spread:
        said = f"{seeds} would decide {of}, at the spread seen"
    else:
        said = f"{seeds} would be the fewest that can decide {of}; one pair shows no spread"
    cost = f"about {rough_duration(more.cpu_s)} of CPU for all that the sweep trains"
    lines = [f"{said} ({cost})"]
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
