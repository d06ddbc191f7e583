"""How a trial changes when an evaluation ends, is forgotten, or is put back in line."""

from __future__ import annotations

from orchestration.ledger.checkpoints import without_spares
from orchestration.ledger.documents import DAMAGED, Evaluated, Trial


def _is_damaged(part: Evaluated) -> bool:
    return part.state == "failed" and part.error is not None and part.error.kind == DAMAGED


def enter_evaluation(entry: str, evaluated: Evaluated, trial: Trial) -> None:
    """Enter what an evaluation found."""
    trial.evaluations[entry] = evaluated
    # So the last checkpoint is good, if another part has not sent the trial back to its training.
    if evaluated.state == "finished" and "@" not in entry and trial.is_trained:
        trial.checkpoints = without_spares(trial.checkpoints)


def forget(entry: str, trial: Trial) -> None:
    """Let an evaluation be made again."""
    # What was found before stays until something new is.
    trial.evaluations[entry].state = "pending"
    trial.evaluations[entry].error = None


def put_back(parts: frozenset[str], damaged: bool, trial: Trial) -> None:
    """Let what has failed be done again: training, and these parts of the evaluation.

    Args:
        parts: that the sweep wants by itself.
        damaged: whether its last checkpoint is.
        trial: it is changed.
    """
    if trial.state == "failed":
        trial.state = "pending"
        # Workers lost so far do not count against the retries of the new attempt.
        for attempt in trial.attempts:
            attempt.counted = attempt.counted and attempt.outcome != "lost"
    without_weights = [
        entry for entry, part in trial.evaluations.items() if _is_damaged(part) and "@" not in entry
    ]
    # Of a stopped trial the sweep wants none by itself.
    wanted = frozenset() if trial.state == "stopped" else parts
    for entry in without_weights:  # also what was asked for by name follows on the training
        if entry not in wanted:
            forget(entry, trial)
    trial.evaluations = {
        entry: part
        for entry, part in trial.evaluations.items()
        if part.state != "failed" or entry not in wanted
    }
    # Where its weights are there after all, a trial that was stopped stays so.
    if trial.is_trained and (damaged or (without_weights and trial.state != "stopped")):
        trial.state = "pending"  # it goes on from its newest good checkpoint
