"""What is said of a trial that a scheduler has stopped."""

from __future__ import annotations

from orchestration.ledger.documents import Decision, Trial


def stop_of(trial: Trial) -> Decision | None:
    """The decision that stopped a trial; None where none has."""
    stops = [decision for decision in trial.decisions if decision.stop]
    return stops[-1] if stops and trial.state == "stopped" else None


def stop_text(trial: Trial, decision: Decision) -> str:
    """Such as ``stopped after epoch 5 of 20: val/probe_accuracy 0.4211 (rung 5)``."""
    rule = decision.scheduler.partition(" ")[0]
    why = f"rung {decision.rung}" if rule == "asha" else "worse than the median"
    return (
        f"stopped after epoch {decision.epoch} of {trial.config['epochs']}: "
        f"{decision.metric} {decision.value:.4g} ({why})"
    )
