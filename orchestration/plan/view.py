"""A plan as plain values and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from orchestration.ledger.at_work import is_at_work
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.told_state import told_state
from orchestration.plan.plan import Plan
from orchestration.plan.trials_to_come import asked_keys
from orchestration.spec.dimensions import Dimension
from orchestration.spec.trial_names import (
    LABELS,
    Names,
    setting_text,
    settings_in,
    trial_fields,
)
from orchestration.study.cells import StudyPlan
from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count


def plan_words(plan: Plan) -> str:
    """How much a plan is: ``6 trials``, or ``2 studies of 40 trials each``; baselines apart."""
    baselines = sum(config.model in BASELINES for config in plan.trials.values())
    besides = f", {count(baselines, 'baseline')}" if baselines else ""
    if not plan.studies:
        others = len(plan.trials) - baselines
        return (count(others, "trial") + besides) if others else count(baselines, "baseline")
    study = next(iter(plan.studies.values()))
    several = len(plan.studies) > 1
    words = f"{count(len(plan.studies), 'study')} of {count(study.trials, 'trial')}"
    words += " each" if several else ""
    if study.replicates:
        whose = "each study's best" if several else "the best"
        words += f", and {count(study.replicates, 'replicate')} of {whose}"
    return words + besides


def plan_document(name: str, plan: Plan, storage: Path) -> dict[str, Any]:
    """The trials of a plan, each with the state that ``status`` tells of it, and its studies."""
    ledger = Ledger.open_or_empty(storage / name)
    alive = is_at_work(ledger.folder)
    states = {key: told_state(trial.state, alive=alive) for key, trial in ledger.trials.items()}
    trials = [_trial(key, config, states) for key, config in plan.trials.items()]
    for study in plan.studies.values():
        trials += _trials_of(study, ledger, states)
    studies = [_study(study, ledger) for study in plan.studies.values()]
    return {"name": name, "trials": trials} | ({"studies": studies} if studies else {})


def _trial(key: str, config: TrialConfig, states: Mapping[str, str]) -> dict[str, Any]:
    return {"key": key, "state": states.get(key, "pending"), **trial_fields(config)}


def _trials_of(study: StudyPlan, ledger: Ledger, states: Mapping[str, str]) -> list[dict[str, Any]]:
    """The trials that a study has asked for so far, then its replicates."""
    stored = ledger.studies.get(study.key)
    if stored is None:
        return []
    numbers = {ask.key: ask.number for ask in reversed(stored.asks)}
    params = {ask.key: ask.params for ask in stored.asks}
    trials = []
    for key in [*asked_keys(stored), *stored.replicates]:
        trial = ledger.trials.get(key)
        if trial is None and key not in params:
            continue
        config = TrialConfig.from_settings(trial.config) if trial else study.config(params[key])
        about = {"study": study.key, "number": numbers.get(key)}
        trials.append(_trial(key, config, states) | about)
    return trials


def _study(study: StudyPlan, ledger: Ledger) -> dict[str, Any]:
    stored = ledger.studies.get(study.key)
    keys = asked_keys(stored)
    states = Counter(ledger.trials[key].state for key in keys if key in ledger.trials)
    return {
        "key": study.key,
        "name": study.name,
        "space": {d.name: d.to_json() for d in study.dimensions},
        "objectives": [objective.model_dump() for objective in study.objectives],
        "trials": study.trials,
        "asked": len(keys),
        "done": states["finished"] + states["stopped"],
        "failed": states["failed"],
        "end": None if stored is None else stored.end,
        "replicates": study.replicates,
    }


def plan_tables(document: dict[str, Any]) -> list[Sheet]:
    """A plan for a terminal: its studies, if it has some, and the trials that are known."""
    tables = [_studies_table(document)] if "studies" in document else []
    return tables + ([_trials_table(document)] if document["trials"] or not tables else [])


def _studies_table(document: dict[str, Any]) -> Sheet:
    studies = document["studies"]
    spaces = [
        ", ".join(search_words(Dimension.from_json(*item)) for item in study["space"].items())
        for study in studies
    ]
    columns = [
        Column("study", [study["name"] for study in studies]),
        Column("trials", [str(study["trials"]) for study in studies], right=True),
        Column("asked", [str(study["asked"]) for study in studies], right=True),
        Column("done", [str(study["done"]) for study in studies], right=True),
        Column("searched", spaces, least=20),
    ]
    each = " each" if len(studies) > 1 else ""
    title = f"{count(len(studies), 'study')} of {count(studies[0]['trials'], 'trial')}{each}"
    return Sheet(f"{document['name']}: {title}", columns)


def search_words(dimension: Dimension) -> str:
    """What is searched: such as ``β 1e-08…0.1 (log)``."""
    name = LABELS.get(dimension.name, dimension.name)
    if dimension.kind == "choice":
        return f"{name} {' | '.join(map(setting_text, dimension.choices))}"
    scale = " (log)" if dimension.log else ""
    step = "" if dimension.step is None else f" (step {dimension.step:g})"
    return f"{name} {dimension.low:g}…{dimension.high:g}{scale}{step}"


def _trials_table(document: dict[str, Any]) -> Sheet:
    trials = document["trials"]
    settings = settings_in(trials)
    names = Names(settings)
    columns = [
        Column("trial", [trial["key"] for trial in trials]),
        Column("state", [trial["state"] for trial in trials]),
        *setting_columns(settings, names),
    ]
    if "data.name" not in names.varied:
        columns.append(
            Column("data", [trial["config"]["data"]["name"] for trial in trials], rank=5)
        )
    if "epochs" not in names.varied:
        epochs = [str(trial["config"]["epochs"]) for trial in trials]
        columns.append(Column("epochs", epochs, rank=5, right=True))
    many = _known(trials) if "studies" in document else count(len(trials), "trial")
    return Sheet(f"{document['name']}: {many}", columns, list(map(names.name_by, settings)))


def _known(trials: Sequence[Mapping[str, Any]]) -> str:
    """How much of a search there is so far; what no study has asked for is named apart."""
    asked = sum(trial.get("number") is not None for trial in trials)
    replicates = sum("number" in trial for trial in trials) - asked
    others = {"replicate": replicates, "baseline": len(trials) - asked - replicates}
    parts = [f"{count(asked, 'trial')} asked for so far"] if asked else []
    return ", ".join(parts + [count(number, kind) for kind, number in others.items() if number])


def setting_columns(settings: Sequence[Mapping[str, Any]], names: Names) -> list[Column]:
    """Model, β, λ, τ, whatever else varies, and seed; those that vary are the last to go.

    Args:
        settings: of each trial, under flat names.
        names: of the trials.
    """
    shown = list(dict.fromkeys(("model", "beta", "lambda", "tau", *names.varied, "seed")))
    return [
        Column(
            LABELS.get(name) or names.labels.get(name, name),
            [setting_text(values.get(name)) for values in settings],
            rank=0 if varies else 9,
            setting=varies,
        )
        for name in shown
        for varies in [name in names.varied or name == "model" or (name == "seed" and names.seeds)]
    ]
