"""What is not in a comparison because of how it went: then the rest is no fair sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cvae_core.baselines import BASELINES
from orchestration.compare.measured import measured
from orchestration.compare.pairs import Cell, Pairing
from orchestration.ledger.ledger import Ledger
from orchestration.words import count

HOW = {"stopped": "stopped early", "failed": "failed"}


def selected_away(ledgers: Iterable[Ledger], pairings: Sequence[Pairing]) -> list[str]:
    """A line where trials of the cells that are paired were stopped early or have failed.

    Seeds that a scheduler kept, or that did not diverge, are those that did well on one side or the
    other: a verdict is on them alone.
    """
    compared = {cell.name for pairing in pairings for cell in pairing.cells}
    gone: Counter[str] = Counter()
    for ledger in ledgers:
        for trial in ledger.planned():
            if trial.state in HOW and trial.config["model"] not in BASELINES:
                own = measured(trial, ledger.sweep)
                gone[trial.state] += Cell(own.cell, {}).name in compared
    how = " and ".join(f"{number} {HOW[state]}" for state, number in gone.items() if number)
    if not how:
        return []
    return [
        f"{count(gone.total(), 'trial')} of the compared settings are in no pair ({how}): verdicts "
        "are on those that are left, which is no fair sample"
    ]
