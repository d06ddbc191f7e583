"""What a report says, as plain values: the answer first, then what it rests on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.commands import sweep_command
from orchestration.compare.answers import Answers, Question, answers
from orchestration.compare.answers_view import more_lines, sentences, verdict_sheet
from orchestration.compare.comparison import comparison_sheets
from orchestration.ledger.documents import TRAINED
from orchestration.ledger.ledger import Ledger
from orchestration.report.charts import BASELINE, Chart
from orchestration.report.figures import curves, trade_offs
from orchestration.report.pictures import Columns, picture_columns, search_pictures
from orchestration.spec.trial_names import names_of
from orchestration.status.metric_columns import headlines
from orchestration.status.status import status_document
from orchestration.status.view import absent_lines, failure_lines
from orchestration.terminal.tables import Sheet
from orchestration.words import duration, states_text


@dataclass(frozen=True)
class Content:
    """All that the template is given."""

    name: str
    state: str
    """How the sweep stands, in a sentence."""
    made: str
    sentences: Sequence[str]
    more: Sequence[str]
    facts: Sequence[tuple[str, str]]
    file: str
    """The sweep file as it was understood, YAML."""
    tables: Sequence[Sheet]
    verdicts: Sequence[Sheet]
    notes: Sequence[str]
    families: Sequence[str]
    """By the number of their look."""
    baselines: bool
    """Whether there are some among the trials."""
    charts: Sequence[Chart]
    columns: Columns
    figures: Sequence[tuple[str, str]]
    """Of searches: name and data URI."""
    trials: Sequence[Mapping[str, Any]]
    metrics: Sequence[tuple[str, str]]
    """Names and heads of the columns of the trials' table."""
    failures: Sequence[str]


def content_of(ledger: Ledger, *, at_work: bool | None = None) -> Content:
    """The report of a sweep, which may be at work.

    Args:
        ledger: of the sweep.
        at_work: as for ``status_document``.
    """
    document = status_document(ledger, at_work=at_work)
    answered = answers([ledger], Question())
    trials = [trial for trial in document["trials"] if trial["metrics"] or trial["error"]]
    compared = [trial for trial in trials if not trial["baseline"]]
    families = list(dict.fromkeys(trial["model"] for trial in _vae_first(compared)))
    names = names_of(document["trials"])
    rows = [
        _row(trial, names.name(_config(ledger, trial["key"])), _look(trial, families))
        for trial in trials
    ]
    shown = headlines(name for trial in trials for name in trial["metrics"])
    return Content(
        name=document["name"],
        state=_state(document),
        made=time.strftime("%Y-%m-%d %H:%M"),
        sentences=sentences(answered) or [_nothing(document)],
        more=more_lines(answered),
        facts=_facts(ledger, document),
        file=_file(ledger),
        tables=comparison_sheets(ledger, document["trials"]),
        verdicts=_verdicts(answered),
        notes=answered.left_out,
        families=families,
        baselines=len(compared) < len(trials),
        charts=[*trade_offs(rows), *curves(ledger, rows)],
        columns=picture_columns(ledger, answered),
        figures=search_pictures(ledger),
        trials=rows,
        metrics=[(name, title) for name, (title, _) in shown.items()],
        failures=[*failure_lines(document, ledger.folder), *absent_lines(document)],
    )


def _vae_first(trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(trials, key=lambda trial: bool(trial["model"] != "vae"))


def _look(trial: Mapping[str, Any], families: Sequence[str]) -> int:
    return BASELINE if trial["baseline"] else families.index(trial["model"])


def _config(ledger: Ledger, key: str) -> Any:
    from cvae_core.config import TrialConfig

    return TrialConfig.from_settings(ledger.trials[key].config)


def _row(trial: Mapping[str, Any], name: str, look: int) -> dict[str, Any]:
    """A trial as the tables and charts of the report show it."""
    return {
        "key": trial["key"],
        "name": name,
        "model": trial["model"],
        "look": look,
        "state": "stopped early" if trial["state"] == "stopped" else trial["state"],
        "trained": trial["state"] in TRAINED,
        "epoch": trial["epoch"],
        "epochs": trial["config"]["epochs"],
        "train_s": trial["train_s"],
        "metrics": trial["metrics"],
    }


def _state(document: Mapping[str, Any]) -> str:
    counts = states_text(document["counts"]) or "no trials yet"
    if document["state"] == "running":
        return f"still at work: {counts}; what follows is right for what is there"
    return f"{document['state']}: {counts}"


def _nothing(document: Mapping[str, Any]) -> str:
    if not any(trial["state"] in TRAINED for trial in document["trials"]):
        return "No trial has been trained to its end yet."
    return "There is nothing to compare: no two settings that were trained differ in model alone."


def _facts(ledger: Ledger, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, on what, and what it cost."""
    sweep, trials = ledger.sweep, ledger.planned()
    cpu = sweep.spec.get("resources", {}).get("cpu", 1)
    training_s = sum(trial.train_s for trial in trials) * cpu
    parts = [part for trial in trials for part in trial.evaluations.values()]
    evaluation_s = sum(part.seconds or 0.0 for part in parts) * cpu
    attempts = [attempt for trial in trials for attempt in trial.attempts]
    facts = [("state", str(document["state"])), ("trials", states_text(document["counts"]))]
    if attempts:
        facts.append(("begun", time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep.created))))
    facts += [
        ("CPU time of training", duration(training_s)),
        ("CPU time of evaluation", duration(evaluation_s)),
    ]
    machines = dict.fromkeys(
        str(attempt.worker.get("node") or attempt.worker.get("host"))
        for attempt in attempts
        if attempt.worker.get("node") or attempt.worker.get("host")
    )
    if machines:
        facts.append(("machines", ", ".join(machines)))
    facts += [(f"data: {name}", digest[:16]) for name, digest in sweep.data.items()]
    facts += [(name.replace("_", " "), value) for name, value in sweep.code.items() if value]
    if sweep.tracking_uri:
        facts.append(("MLflow", f"{sweep.tracking_uri}, experiment {sweep.experiment}"))
    facts.append(("again", sweep_command("report", ledger.folder)))
    return facts


def _file(ledger: Ledger) -> str:
    import yaml

    written: str = yaml.safe_dump(ledger.sweep.spec, sort_keys=False, allow_unicode=True)
    return written


def _verdicts(answered: Answers) -> list[Sheet]:
    sheets = (verdict_sheet(answered, name) for name in answered.tables)
    return [sheet for sheet in sheets if sheet is not None]
