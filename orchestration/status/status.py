"""State of a sweep, for people and for scripts, from its ledger alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.errors import ConfigError
from orchestration.ledger.at_work import is_at_work
from orchestration.ledger.documents import Evaluated, Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import moved
from orchestration.ledger.mean_image import training_warnings
from orchestration.ledger.names import split_entry, stop_of, stop_text
from orchestration.ledger.told_state import told_state
from orchestration.plan.evaluation_tasks import open_tasks
from orchestration.plan.shared_map_tasks import shared_tasks
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.trial_names import trial_fields
from orchestration.status.nodes import nodes_document
from orchestration.status.state import counts_in, state_of
from orchestration.study.progress import best_of, distinct, objectives_of, progress
from orchestration.study.values import values_of

STATES = ("pending", "running", "finished", "stopped", "failed")


Configs = Mapping[str, TrialConfig]
"""Of trials, by key: for who needs them more than once, as reading thousands takes a while."""


def status_document(
    ledger: Ledger, *, at_work: bool | None = None, configs: Configs | None = None
) -> dict[str, Any]:
    """The state of a sweep as plain values.

    Args:
        ledger: of the sweep.
        at_work: whether somebody works on it; None: that is found out. A run that says at its end
            what came of it does so no more.
        configs: of the planned trials, where they are known.
    """
    alive = is_at_work(ledger.folder) if at_work is None else at_work
    evaluation = evaluation_of(ledger.sweep)
    configs = configs_in(ledger) if configs is None else configs
    trials = [
        trial_document(trial, configs[trial.key], alive=alive, evaluation=evaluation)
        for trial in ledger.planned()
    ]
    counts = counts_in(ledger, alive=alive)
    sweep = ledger.sweep
    return {
        "name": sweep.name,
        "state": state_of(counts, alive=alive),
        "tracking_uri": sweep.tracking_uri,
        "experiment": sweep.experiment,
        "parent_run_id": sweep.parent_run_id,
        "counts": {state: counts.get(state, 0) for state in STATES},
        "nodes": nodes_document(ledger.planned(), alive=alive),
        "left_the_plan": len(ledger.trials) - len(trials),
        **_evaluations(sweep.evaluations),
        "evaluations_open": [
            task.entry for task in (shared_tasks(ledger, evaluation) if evaluation else [])
        ],
        "studies": [study_document(study, ledger.trials) for study in ledger.planned_studies()],
        "trials": _with_studies(trials, ledger.planned_studies()),
    }


def configs_in(ledger: Ledger) -> Configs:
    """The configurations of the planned trials."""
    return {trial.key: TrialConfig.from_settings(trial.config) for trial in ledger.planned()}


def study_document(study: Study, trials: Mapping[str, Trial]) -> dict[str, Any]:
    """A study as plain values: how far it is, and its best trial."""
    done, best = progress(study, trials), best_of(study, trials)
    objectives = objectives_of(study)
    return {
        "key": study.key,
        "name": study.name,
        "sampler": study.sampler,
        "seed": study.seed,
        "objectives": study.objectives,
        "space": study.space,
        "trials": study.trials,
        "asked": done.asked,
        "finished": done.finished,
        "stopped": done.stopped,
        "failed": done.failed,
        "duplicates": done.duplicates,
        "state": study.end or "searching",
        "best": None
        if best is None
        else {"key": best.key, "values": list(values_of(trials[best.key], objectives) or ())},
        "replicates": study.replicates,
    }


def _with_studies(trials: list[dict[str, Any]], studies: list[Study]) -> list[dict[str, Any]]:
    """The trials, each with the study that asked for it, and the numbers of its asks."""
    asked = {ask.key: (study, ask) for study in studies for ask in distinct(study)}
    repeated = {key: study for study in studies for key in study.replicates}
    for trial in trials:
        study, ask = asked.get(trial["key"], (repeated.get(trial["key"]), None))
        trial["study"] = None if study is None else study.key
        trial["ask"] = None if ask is None else ask.number
        grid = "baseline" if trial["baseline"] else "grid"
        trial["origin"] = grid if study is None else "replicate" if ask is None else ask.origin
    return trials


def evaluation_of(sweep: Sweep) -> Evaluation | None:
    """What a sweep wants to be measured; None where another version wrote it down."""
    if sweep.code.get("numerics", str(NUMERICS)) != str(NUMERICS):
        return None
    try:
        evaluation = Evaluation.model_validate(sweep.spec.get("evaluation", {}))
        evaluation.wanted()
    except (ValidationError, ConfigError):
        return None
    return evaluation


def trial_document(
    trial: Trial, config: TrialConfig, *, alive: bool, evaluation: Evaluation | None = None
) -> dict[str, Any]:
    """A trial as plain values; what a dead driver left running is pending."""
    return {
        "key": trial.key,
        "state": told_state(trial.state, alive=alive),
        **trial_fields(config),
        "epoch": trial.epoch,
        "attempts": len(trial.attempts),
        "attempt_epochs": [attempt.from_epoch for attempt in trial.attempts],
        "run_id": trial.run_id,
        "error": None if trial.error is None else trial.error.model_dump(mode="json"),
        "stopped": _stopped(trial),
        "train_s": trial.train_s,
        "images_per_s": trial.epochs[-1].images_per_s if trial.epochs else None,
        "metrics": trial.metrics,
        "checkpoint_metrics": checkpoint_metrics(trial),
        **_evaluations(trial.evaluations),
        "evaluations_open": [
            task.entry for task in (open_tasks(trial, evaluation) if evaluation else [])
        ],
        "warnings": _warnings(trial),
        "notes": trial.notes,
    }


def _warnings(trial: Trial) -> dict[str, list[str]]:
    """Of its training, of the machines it was on, and of each part of its evaluation."""
    other = moved(trial)
    own = {"training": training_warnings(trial), "machine": [other] if other else []}
    own |= {name: part.warnings for name, part in trial.evaluations.items()}
    return {name: said for name, said in own.items() if said}


def _stopped(trial: Trial) -> dict[str, Any] | None:
    """Where and why a scheduler stopped a trial."""
    stop = stop_of(trial)
    if stop is None:
        return None
    return {
        **stop.model_dump(mode="json", include={"epoch", "rung", "metric", "value", "scheduler"}),
        "reason": stop_text(trial, stop),
    }


def checkpoint_metrics(trial: Trial) -> dict[str, dict[str, float]]:
    """What ``evaluate --every-checkpoint`` has found, by epoch and name."""
    by_epoch: dict[int, dict[str, float]] = {}
    for entry, part in trial.evaluations.items():
        _, epoch = split_entry(entry)
        if epoch is not None and part.metrics:
            by_epoch.setdefault(epoch, {}).update(part.metrics)
    return {str(epoch): by_epoch[epoch] for epoch in sorted(by_epoch)}


def _evaluations(evaluations: Mapping[str, Evaluated]) -> dict[str, Any]:
    """What is said of evaluations, of a trial or of the whole sweep, by their names."""
    return {
        "evaluations": {name: part.state for name, part in evaluations.items()},
        "evaluation_errors": {
            name: part.error.model_dump(mode="json")
            for name, part in evaluations.items()
            if part.error is not None and part.state == "failed"
        },
        "evaluations_absent": {
            name: part.error.message
            for name, part in evaluations.items()
            if part.error is not None and part.state == "absent"
        },
        "warnings": {name: part.warnings for name, part in evaluations.items() if part.warnings},
    }
