"""Verdicts: which side of a pairing is better by a metric, and how many more seeds would tell."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cvae_core.evaluation.metrics import describe
from orchestration.compare.paired import (
    LEAST_PAIRS,
    LEVEL,
    MOST_PAIRS,
    Paired,
    holm,
    paired,
    pairs_needed,
)
from orchestration.compare.pairs import Pairing
from orchestration.words import count, rough_duration

UNDECIDED = "undecided"
NAMED = 3
"""Of more pairings with the same verdict a sentence says how many."""


@dataclass(frozen=True)
class Judged:
    """One pairing judged by one metric."""

    pairing: Pairing
    metric: str
    values: Sequence[tuple[float, float]]
    """Of reference and other, one a pair."""
    found: Paired | None
    """None where there is no pair."""
    p_holm: float | None
    """Corrected over the table; None where there are too few pairs for a verdict."""
    verdict: str
    tests: int
    """Rows of the table that have pairs at all."""
    corrected_over: int
    """Those of them that have enough for a verdict, over which Holm corrects."""

    @property
    def more_pairs(self) -> int | None:
        """So many more pairs would decide it at the spread seen; None: decided, or not to say."""
        return self._missing[0]

    @property
    def why(self) -> str:
        """What stands in the way of a verdict; empty where there is one, or pairs alone do."""
        return self._missing[1]

    @property
    def can_tell(self) -> bool:
        """Whether so many pairs could have a verdict, were they all of one sign."""
        needed = pairs_needed(math.inf, max(self.corrected_over, 1))
        return needed is not None and len(self.values) >= needed

    @property
    def won(self) -> float | None:
        """Share of pairs in which the other side is better, or higher where neither is better."""
        if not self.values:
            return None
        sign = -1 if _better(self.metric) == "lower" else 1
        wins = (math.copysign(1, d) if d else 0 for d in self.differences)
        return statistics.fmean((1 + sign * win) / 2 for win in wins)

    @property
    def detectable(self) -> float | None:
        """The smallest true difference that such a table finds in four of five cases.

        None where it can find none: below the least pairs, or of too many rows for so few.
        """
        return None if self.found is None else self.found.detectable(max(self.corrected_over, 1))

    @property
    def differences(self) -> list[float]:
        """Other minus reference, one a pair."""
        return [other - one for one, other in self.values]

    @property
    def more_cpu_s(self) -> float | None:
        """CPU-seconds of the pairs that are missing: a trial of either side each."""
        if self.more_pairs is None:
            return None
        return self.more_pairs * sum(cell.cost_s for cell in self.pairing.cells)

    @cached_property
    def _missing(self) -> tuple[int | None, str]:
        """How many more pairs would decide it, or why that cannot be said."""
        found = self.found
        if self.verdict != UNDECIDED:
            return None, ""
        if found is None:
            if not self.pairing.comparable(self.metric):
                return None, f"{self.metric} does not measure the same on both sides"
            return None, "no seed for which both have it"
        if found.sd is None:
            least = pairs_needed(math.inf, self.tests) or LEAST_PAIRS
            return least - found.n, f"a verdict takes {least} pairs"
        if found.mean == 0 and found.sd == 0:
            return None, "no difference at all in any pair"
        needed = pairs_needed(math.inf if found.sd == 0 else found.mean / found.sd, self.tests)
        if needed is None:
            return None, f"{MOST_PAIRS} pairs would not tell so small a difference from none"
        return max(needed - found.n, 1), ""

    def document(self) -> dict[str, Any]:
        """As plain values, for ``--json``."""
        found, (reference, other) = self.found, self.pairing.sides
        return {
            "name": self.pairing.name,
            "settings": self.pairing.settings,
            "reference": _side(reference, self.pairing.reference.trials),
            "other": _side(other, self.pairing.other.trials),
            "n": len(self.values),
            "mean_difference": found and found.mean,
            "sd": found and found.sd,
            "interval": [found.low, found.high] if found and found.low is not None else None,
            "p": found and found.p,
            "exact": None if found is None else found.exact,
            "p_holm": self.p_holm,
            "won": self.won,
            "detectable": self.detectable,
            "verdict": self.verdict,
            "more_pairs": self.more_pairs,
            "more_cpu_s": self.more_cpu_s,
            "why": self.why,
        }


def judge(
    pairings: Sequence[Pairing], metric: str, equal_within: float | None = None
) -> list[Judged]:
    """Judge every pairing by one metric; Holm corrects over those that have enough pairs.

    A side is better where the exact sign-flip test, corrected, says so at 5 %. Two are equal where
    the whole 95 % interval lies within what a person called equal; without that none ever is.

    Args:
        pairings: the rows of a table.
        metric: by which they are judged.
        equal_within: differences that count as none, in the metric's unit; None: not said.
    """
    values = [pairing.values(metric) for pairing in pairings]
    found = [paired([b - a for a, b in pairs]) if pairs else None for pairs in values]
    able = [i for i, each in enumerate(found) if each is not None and each.n >= LEAST_PAIRS]
    p_values = [each.p for each in found if each and each.n >= LEAST_PAIRS and each.p is not None]
    corrected = dict(zip(able, holm(p_values), strict=True))
    tests = sum(bool(pairs) for pairs in values)
    judged = []
    for number, (pairing, each) in enumerate(zip(pairings, found, strict=True)):
        p_holm = corrected.get(number)
        verdict = _verdict(pairing, metric, each, p_holm, equal_within)
        judged.append(
            Judged(pairing, metric, values[number], each, p_holm, verdict, tests, len(able))
        )
    return judged


def sentence(judged: Sequence[Judged]) -> str:
    """The answer by one metric in a sentence: what was decided where, by how much, what was not."""
    groups: dict[str, list[tuple[str, Judged]]] = {}
    for place, each in zip(row_names(judged), judged, strict=True):
        if each.values:
            groups.setdefault(each.verdict, []).append((place, each))
    total = sum(map(len, groups.values()))
    parts = []
    for verdict, members in sorted(groups.items(), key=lambda item: item[0] == UNDECIDED):
        share = "" if total == 1 else f" in all {total}" if len(groups) == 1 else ""
        share = share or (f" in {len(members)} of {total}" if total > 1 else "")
        named = verdict != UNDECIDED or len(groups) > 1
        few = named and len(members) <= NAMED
        words = [_where(place, each) for place, each in members] if few else []
        parts.append(f"{verdict}{share}" + (f" ({'; '.join(words)})" if any(words) else ""))
    return ", ".join(parts) or "no pairs"


def is_open(judged: Sequence[Judged]) -> bool:
    """Whether nothing is decided by a metric, though there are pairs."""
    return all(each.verdict == UNDECIDED for each in judged if each.values)


def other_side(judged: Sequence[Judged]) -> str:
    """What all rows of a table set beside the reference, or ``other`` where that is not one."""
    others = {each.pairing.sides[1] for each in judged}
    return others.pop() if len(others) == 1 else "other"


def row_names(judged: Sequence[Judged]) -> list[str]:
    """What tells a table's rows apart: their settings, after the other side where it is not one."""
    several = len({each.pairing.sides[1] for each in judged}) > 1
    return [
        " ".join(filter(None, (each.pairing.sides[1] if several else "", each.pairing.name)))
        for each in judged
    ]


def _where(place: str, each: Judged) -> str:
    """A row's name and, where it is decided, the difference."""
    found = each.found
    decided = found is not None and each.verdict != UNDECIDED
    difference = f"{found.mean:+.3g}" if decided and found is not None else ""
    return " ".join(filter(None, (place, difference)))


def more_text(each: Judged) -> str:
    """How many more seeds one pairing takes, and what they cost."""
    if each.more_pairs is None or each.more_cpu_s is None:
        return each.why
    return f"{count(each.more_pairs, 'more seed')}, {rough_duration(each.more_cpu_s)} of CPU"


def _verdict(
    pairing: Pairing,
    metric: str,
    found: Paired | None,
    p_holm: float | None,
    equal_within: float | None,
) -> str:
    if found is None or p_holm is None or found.low is None or found.high is None:
        return UNDECIDED
    if equal_within is not None and -equal_within < found.low and found.high < equal_within:
        return f"equal within {equal_within:g}"
    if p_holm > LEVEL:
        return UNDECIDED
    reference, other = pairing.sides
    better = _better(metric)
    if better is None:
        return f"{other if found.mean > 0 else reference} higher"
    return f"{other if (found.mean > 0) == (better == 'higher') else reference} better"


def _side(name: str, trials: Mapping[Any, Any]) -> dict[str, Any]:
    return {"name": name, "keys": [trial.key for trial in trials.values()]}


def _better(metric: str) -> str | None:
    declared = describe(metric)
    return None if declared is None else declared.better
