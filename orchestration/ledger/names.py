"""What trials and entries of evaluations are called, and what is said of a stopped trial."""

from __future__ import annotations

from cvae_core.config import TrialConfig
from orchestration.ledger.documents import Decision, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.mean_image import behind_mean_image
from orchestration.spec.trial_names import Names, settings_of

SEARCH = "search"
"""Among the sweep's evaluations: the figures of its searches, which every run draws."""

REPORT = "report"
"""Among them as well: the page that says what came of the sweep."""
DRAWN = (SEARCH, REPORT)
"""What a run makes at its end, and ``retry`` makes again."""

MAP = "shared_umap"
NO_SCHEDULER = "no early stopping"
"""How a trial's note begins that its sweep's scheduler could decide nothing of it."""


def names_in(ledger: Ledger) -> Names:
    """The names of a sweep's trials, also of those that its studies have not asked for yet."""
    studies = ledger.planned_studies()
    settings = [trial.config for trial in ledger.planned()] + [study.fixed for study in studies]
    searched = {name for study in studies for name in study.space}
    if (ledger.sweep.spec.get("search") or {}).get("replicates"):
        searched.add("seed")
    configs = map(TrialConfig.from_settings, settings)
    return Names(map(settings_of, configs), sorted(searched))


def entry_at(part: str, epoch: int) -> str:
    """The name of a part's entry for one of a trial's checkpoints."""
    return f"{part}@{epoch}"


def split_entry(entry: str) -> tuple[str, int | None]:
    """Part and epoch of an entry; None: of what the trial ended with."""
    part, _, epoch = entry.partition("@")
    return part, int(epoch) if epoch else None


def stop_of(trial: Trial) -> Decision | None:
    """The decision that stopped a trial; None where none has."""
    stops = [decision for decision in trial.decisions if decision.stop]
    return stops[-1] if stops and trial.state == "stopped" else None


def stop_text(trial: Trial, decision: Decision) -> str:
    """Such as ``stopped after epoch 5 of 20: val/probe_accuracy 0.4211 (rung 5)``.

    One that had not learned to reconstruct yet is called so: that may be its seed's bad luck.
    """
    rule = decision.scheduler.partition(" ")[0]
    why = f"rung {decision.rung}" if rule == "asha" else "worse than the median"
    metrics = next((e.metrics for e in trial.epochs if e.epoch == decision.epoch), {})
    behind = behind_mean_image(metrics)
    return (
        f"stopped after epoch {decision.epoch} of {trial.config['epochs']}: "
        f"{decision.metric} {decision.value:.4g} ({why})"
        + (f"; there it {behind}" if behind else "")
    )
