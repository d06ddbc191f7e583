"""The answers to a comparison: by every metric that is asked about, a verdict for every pairing."""

from __future__ import annotations

import difflib
import itertools
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.evaluation.metrics import describe
from cvae_core.shell import shell_line
from orchestration.compare.grid import check_by
from orchestration.compare.measured import alike, measured_trials
from orchestration.compare.paired import LEVEL
from orchestration.compare.pairs import Pairing, cells_of, pairings, replicate_pairings
from orchestration.compare.selected import replicates_failed, selected_away
from orchestration.compare.verdicts import UNDECIDED, Judged, judge, sentence
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger
from orchestration.spec.trial_names import LABELS, settings_of
from orchestration.status.metric_columns import head, headlines
from orchestration.storage import storage_flags

PRIMARY = (
    "probe/accuracy_standardised<representation>",
    "probe/accuracy",
    "fid/inception<variant>",
    "fd/<extractor>",
    "test/reconstruction_mse",
)
"""Families of metrics that have a table each where nobody says which; others have a sentence."""


ARROWS_SHOWN = " ↑↓"
"""What a head may end with, and nobody types."""


@dataclass(frozen=True)
class Question:
    """What ``compare`` is asked."""

    by: str | None = None
    """The setting that is compared; None: the model."""
    metrics: tuple[str, ...] = ()
    """Names, or heads of columns; empty: the usual ones."""
    equal_within: Mapping[str, float] = field(default_factory=dict)
    """By metric the difference that counts as none."""


@dataclass(frozen=True)
class More:
    """So many seeds more that half of what is undecided would be decided at the spread seen."""

    seeds: int
    decides: int
    undecided: int
    by_spread: bool
    """Whether that is known by the spread; else they are the fewest that a verdict takes, as there
    is one pair of some, which shows none."""
    cpu_s: float
    """Of the new seeds of every cell, training and evaluation."""
    command: str | None
    """That trains them; None: the ledger does not say how the sweep was started."""


@dataclass(frozen=True)
class Answers:
    """Every pairing judged by every metric."""

    by: str
    pairings: Sequence[Pairing]
    judged: Mapping[str, Sequence[Judged]]
    """By metric, in the order of tables."""
    equal_within: Mapping[str, float]
    tables: Sequence[str]
    """The metrics that have a table each."""
    left_out: Sequence[str]
    """What does not enter the figures, and why."""
    ledgers: Sequence[Ledger]

    @cached_property
    def more(self) -> More | None:
        """What would decide more; None: nothing would, or there are several sweeps."""
        undecided = [
            each
            for name in self.tables
            for each in self.judged[name]
            if each.values and each.verdict == UNDECIDED
        ]
        one_sweep = len(self.ledgers) == 1
        return _more(self.ledgers[0], self.pairings, undecided) if one_sweep else None

    def document(self) -> dict[str, Any]:
        """As plain values, for ``--json``."""
        return {
            "by": self.by,
            "level": LEVEL,
            "metrics": [
                {
                    "metric": name,
                    "title": head(name),
                    "better": getattr(describe(name), "better", None),
                    "unit": getattr(describe(name), "unit", ""),
                    "equal_within": self.equal_within.get(name),
                    "sentence": sentence(judged),
                    "cells": [each.document() for each in judged],
                }
                for name, judged in self.judged.items()
            ],
            "left_out": list(self.left_out),
            "more": None if self.more is None else asdict(self.more),
        }


def answers(ledgers: Sequence[Ledger], question: Question) -> Answers:
    """Judge what sweeps have to say to a question.

    Args:
        ledgers: all of grids, or all of searches; they may be at work.
        question: what is compared, and by which metrics.

    Raises:
        UserError: a metric that no trial has, or no setting to compare by.
    """
    by = whole_name(question.by, ledgers) or "model"
    _check_by(by, ledgers)
    if any(ledger.planned_studies() for ledger in ledgers):
        pairs, left_out = replicate_pairings(ledgers, by)
        left_out += replicates_failed(ledgers)
    else:
        trials, left_out = alike(measured_trials(ledgers))
        pairs = pairings(trials, by)
        left_out += selected_away(ledgers, pairs)
    trained = [t for pair in pairs for cell in pair.cells for t in cell.trials.values()]
    names = list(dict.fromkeys(name for trial in trained for name in trial.metrics))
    # Where nothing makes pairs a name is looked at all the same.
    known = names or list(dict.fromkeys(n for t in measured_trials(ledgers) for n in t.metrics))
    asked = list(dict.fromkeys(_resolved(name, known) for name in question.metrics))
    within = {_resolved(name, known): x for name, x in question.equal_within.items()}
    shown = asked or _usual(names, within)
    judged = {name: judge(pairs, name, within.get(name)) for name in shown}
    tables = asked or [name for name in shown if _is_primary(name) or name in within]
    return Answers(by, pairs, judged, within, tables, left_out, ledgers)


def whole_name(by: str | None, ledgers: Sequence[Ledger]) -> str | None:
    """A setting's whole name: of the head of its column, or where it alone ends so."""
    by = {label: name for name, label in LABELS.items()}.get(by or "", by)
    known = {name for each in _settings(ledgers) for name in each}
    meant = [name for name in known if name.rpartition(".")[2] == by]
    return meant[0] if by not in known and len(meant) == 1 else by


def _settings(ledgers: Sequence[Ledger]) -> list[dict[str, Any]]:
    configs = [trial.config for ledger in ledgers for trial in ledger.planned()]
    compared = [config for config in configs if config["model"] not in BASELINES]
    return [settings_of(TrialConfig.from_settings(config)) for config in compared]


def _check_by(by: str, ledgers: Sequence[Ledger]) -> None:
    """Refuse what is no setting at all; that nothing differs in one is said where tables are made.

    Raises:
        UserError: it names the settings.
    """
    settings = _settings(ledgers)
    names = list(dict.fromkeys(name for each in settings for name in each))
    if names and by not in names:
        varied = [n for n in names if len({repr(e[n]) for e in settings if n in e}) > 1]
        check_by(by, varied or names)


def tolerances(given: Sequence[str]) -> dict[str, float]:
    """By metric the difference that counts as none, from ``M=X`` on the command line.

    Raises:
        UserError: another form, or a number that is no positive one.
    """
    parsed = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            parsed[name] = float(number)
        except ValueError:
            parsed[name] = math.nan
        if not name or not 0 < parsed[name] < math.inf:
            raise UserError(
                f"--equal-within {text}: give a metric and the difference that counts as none, "
                "such as probe/accuracy=0.005"
            )
    return parsed


def _usual(names: Sequence[str], besides: Mapping[str, float]) -> list[str]:
    """The metrics of the tables of which one value is better than another, and these besides."""
    usual = [
        name
        for name in headlines(names)
        if not name.endswith("_floor") and getattr(describe(name), "better", None) is not None
    ]
    return [*usual, *(name for name in besides if name not in usual)]


def _is_primary(name: str) -> bool:
    declared = describe(name)
    return declared is not None and declared.name in PRIMARY


def _resolved(asked: str, names: Sequence[str]) -> str:
    """A metric by its name, or by the head of its column as tables show it.

    Raises:
        UserError: no trial has it, or several metrics have that head.
    """
    if not names or asked in names:
        return asked
    title = asked.rstrip(ARROWS_SHOWN).casefold()
    meant = [name for name in names if head(name).rstrip(ARROWS_SHOWN).casefold() == title]
    if len(meant) == 1:
        return meant[0]
    close = difflib.get_close_matches(asked, names, n=1)
    hint = f"did you mean {close[0]}? There are" if close else "there are"
    what = "several have this head" if meant else "no trial that is compared has it"
    raise UserError(f"metric {asked}: {what}; {hint}: {', '.join(sorted(meant or names))}")


def _more(ledger: Ledger, pairs: Sequence[Pairing], undecided: Sequence[Judged]) -> More | None:
    open_rows = [(each.more_pairs, each) for each in undecided if each.more_pairs is not None]
    if not open_rows:
        return None
    numbers = sorted(number for number, _ in open_rows)
    seeds = numbers[(len(numbers) - 1) // 2]
    decided = [each for number, each in open_rows if number <= seeds]
    if ledger.planned_studies():
        cells = list({id(cell): cell for pairing in pairs for cell in pairing.cells}.values())
    else:  # the command gives every cell of the grid its seeds
        cells = cells_of(measured_trials([ledger]))
    return More(
        seeds,
        decides=len(decided),
        undecided=len(undecided),
        by_spread=all(each.found is not None and each.found.sd is not None for each in decided),
        cpu_s=seeds * sum(cell.cost_s for cell in cells),
        command=_command(ledger, seeds),
    )


def _command(ledger: Ledger, more: int) -> str | None:
    """The command line that trains so many seeds more."""
    command = ledger.sweep.flags.get("command")
    if command is None:
        return None
    if ledger.planned_studies():
        replicates = ledger.sweep.spec.get("search", {}).get("replicates", 0) + more
        return _with_setting(command, ledger.folder, "search.replicates", str(replicates))
    planned = [t.config for t in ledger.planned() if t.config["model"] not in BASELINES]
    used = {config["seed"] for config in planned}
    fresh = islice((seed for seed in itertools.count() if seed not in used), more)
    seeds = ",".join(map(str, sorted([*used, *fresh])))
    return _with_setting(command, ledger.folder, "seeds", f"[{seeds}]")


def _with_setting(command: str, folder: Path, name: str, value: str) -> str:
    """A command line with this ``--set`` in place of one of the same name, and not a quiet one.

    It is for the sweep where it lies now: a folder that was copied or moved is not what was meant.
    """
    words = shlex.split(command)
    before = [n for n, word in enumerate(words) if n and word.startswith(f"{name}=")]
    gone = {place for n in before if words[n - 1] == "--set" for place in (n - 1, n)}
    gone |= {place for n, word in enumerate(words) if word == "--storage" for place in (n, n + 1)}
    gone |= {n for n, word in enumerate(words) if word in ("-q", "--quiet")}
    gone |= {n for n, word in enumerate(words) if word.startswith("--storage=")}
    kept = [word for place, word in enumerate(words) if place not in gone]
    return shell_line(*kept, *storage_flags(folder.parent), "--set", f"{name}={value}")
