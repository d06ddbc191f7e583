"""What the trials of a ledger are called."""

from __future__ import annotations

from cvae_core.config import TrialConfig
from orchestration.ledger.ledger import Ledger
from orchestration.spec.trial_names import Names


def names_in(ledger: Ledger) -> Names:
    """The names of a sweep's trials, also of those that its studies have not asked for yet."""
    studies = ledger.planned_studies()
    settings = [trial.config for trial in ledger.planned()] + [study.fixed for study in studies]
    searched = {name for study in studies for name in study.space}
    if (ledger.sweep.spec.get("search") or {}).get("replicates"):
        searched.add("seed")
    return Names(map(TrialConfig.from_settings, settings), sorted(searched))
