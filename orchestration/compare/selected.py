"""What is not in a comparison because of how it went: then the rest is no fair sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cvae_core.baselines import BASELINES
from orchestration.compare.measured import measured
from orchestration.compare.pairs import Cell, Pairing
from orchestration.ledger.documents import Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.words import count

HOW = {"stopped": "stopped early", "failed": "failed"}


def selected_away(ledgers: Iterable[Ledger], pairings: Sequence[Pairing]) -> list[str]:
    """A line where trials of the cells that are paired were stopped early or have failed.

    Seeds that a scheduler kept, or that did not diverge, are those that did well on one side or the
    other: a verdict is on them alone.
    """
    compared = {cell.name for pairing in pairings for cell in pairing.cells}
    done: set[str] = set()
    gone: dict[str, str] = {}
    for ledger in ledgers:
        for trial in ledger.planned():
            if trial.state == "finished":
                done.add(trial.key)
            elif _cell(trial, ledger.sweep) in compared:
                gone[trial.key] = trial.state
    # One that another of the sweeps has finished is in its pair.
    states = Counter(state for key, state in gone.items() if key not in done)
    return _line(states, "trial", "settings")


def replicates_failed(ledgers: Iterable[Ledger]) -> list[str]:
    """A line where trials that were to repeat what searches found have failed."""
    states: Counter[str] = Counter()
    for ledger in ledgers:
        for study in ledger.planned_studies():
            found = [ledger.trials[key].state for key in study.replicates if key in ledger.trials]
            states.update(state for state in found if state in HOW)
    return _line(states, "replicate", "searches")


def _cell(trial: Trial, sweep: Sweep) -> str | None:
    """Name of the cell of a trial that was stopped or has failed; None: it is none, or in none."""
    if trial.state not in HOW or trial.config["model"] in BASELINES:
        return None
    return Cell(measured(trial, sweep).cell, {}).name


def _line(states: Counter[str], what: str, of: str) -> list[str]:
    if not states:
        return []
    how = " and ".join(f"{number} {HOW[state]}" for state, number in states.items())
    verb = "is" if states.total() == 1 else "are"
    return [
        f"{count(states.total(), what)} of the compared {of} {verb} in no pair ({how}): verdicts "
        "are on those that are left, which is no fair sample"
    ]
