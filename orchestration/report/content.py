"""What a report says, as plain values: the answer first, then what it rests on."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cvae_core.config import TrialConfig
from orchestration.commands import sweep_command
from orchestration.compare.answers import Answers
from orchestration.compare.answers_view import more_lines, sentences, verdict_sheet, why_no_pairs
from orchestration.compare.comparison import comparison_sheets
from orchestration.compare.figure_files import search_document
from orchestration.ledger.documents import TRAINED
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import cpus_of
from orchestration.report.charts import BASELINE, Chart
from orchestration.report.figures import curves, trade_offs
from orchestration.report.pictures import Columns, picture_columns
from orchestration.report.search_charts import Searched, replicate_charts, search_charts
from orchestration.spec.trial_names import Names, arms_text_by, settings_in
from orchestration.status.metric_columns import head, headlines
from orchestration.status.status import evaluation_of, status_document
from orchestration.status.view import absent_lines, failure_lines, warning_lines
from orchestration.terminal.tables import Sheet
from orchestration.words import count, duration, states_text


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
    replicates: Sequence[Chart]
    """Of searches: what may be quoted of them."""
    searches: Sequence[Chart]
    charts: Sequence[Chart]
    columns: Columns
    trials: Sequence[Mapping[str, Any]]
    metrics: Sequence[tuple[str, str]]
    """Names and heads of the columns of the trials' table."""
    failures: Sequence[str]


def content_of(ledger: Ledger, answered: Answers, *, at_work: bool | None = None) -> Content:
    """The report of a sweep, which may be at work.

    Args:
        ledger: of the sweep.
        answered: what it says of VAE and CVAE.
        at_work: as for ``status_document``.
    """
    document = status_document(ledger, at_work=at_work)
    trials = [trial for trial in document["trials"] if trial["metrics"] or trial["error"]]
    compared = [trial for trial in trials if not trial["baseline"]]
    settings = settings_in(document["trials"])
    names = Names(settings)
    own = {t["key"]: values for t, values in zip(document["trials"], settings, strict=True)}
    family_of = {t["key"]: _family(t, own[t["key"]]) for t in _vae_first(compared)}
    families = list(dict.fromkeys(family_of.values()))
    looks = {key: families.index(family) for key, family in family_of.items()}
    rows = [
        _row(trial, names.name_by(own[trial["key"]]), looks.get(trial["key"], BASELINE))
        for trial in trials
    ]
    shown = headlines(name for trial in trials for name in trial["metrics"])
    searched = _searched(ledger, rows, families)
    return Content(
        name=document["name"],
        state=_state(document),
        made=time.strftime("%Y-%m-%d %H:%M"),
        sentences=sentences(answered) or [_nothing(document, answered)],
        more=more_lines(answered),
        facts=_facts(ledger, document),
        file=_file(ledger),
        tables=comparison_sheets(ledger, document["trials"]),
        verdicts=_verdicts(answered),
        notes=[
            *answered.left_out,
            *warning_lines(document),
            *_not_measured(ledger, document, list(shown)),
        ],
        families=families,
        baselines=len(compared) < len(trials),
        replicates=replicate_charts(searched, answered) if searched else [],
        searches=search_charts(searched) if searched else [],
        charts=[*trade_offs(rows), *curves(ledger, rows)],
        columns=picture_columns(ledger, answered),
        trials=rows,
        metrics=[(name, title) for name, (title, _) in shown.items()],
        failures=[*failure_lines(document, ledger.folder), *absent_lines(document)],
    )


def _searched(
    ledger: Ledger, rows: Sequence[Mapping[str, Any]], families: list[str]
) -> Searched | None:
    """What charts of a search are made of; its families join those that there are."""
    if not ledger.planned_studies():
        return None
    document = search_document(ledger)
    names = [family["family"] for family in document["families"]]
    families += [name for name in names if name not in families]
    looks = {name: families.index(name) for name in names}
    return Searched(document, {row["key"]: row for row in rows}, looks)


def _vae_first(trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(trials, key=lambda trial: bool(trial["model"] != "vae"))


def _family(trial: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """What trials have one look by: the model, and what makes another arm of it."""
    return f"{trial['model']} {arms_text_by(settings)}".rstrip()


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


def _nothing(document: Mapping[str, Any], answered: Answers) -> str:
    """Why there is no answer: what became of the trials that are no baselines."""
    compared = [trial for trial in document["trials"] if not trial["baseline"]]
    states = {trial["state"] for trial in compared}
    # Trials of a search that are still to come are counted alone.
    if states == {"failed"} and not document["counts"]["pending"]:
        all_failed = document["counts"]["failed"] == len(document["trials"])
        whose = "every trial" if all_failed else "every trial but the baselines"
        return f"Nothing to compare: {whose} has failed, and why is said below."
    if not states & set(TRAINED):
        return "No trial has been trained to its end yet."
    models = {trial["model"] for trial in compared if trial["state"] in TRAINED}
    if len(models) == 1:
        return f"There is nothing to compare: of the two models only {models.pop()} was trained."
    return f"There is nothing to compare: {why_no_pairs(answered)}."


def _not_measured(ledger: Ledger, document: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Which figures some trained trials lack that others of their kind have."""
    if document["state"] == "running":
        return []
    kinds: dict[tuple[str, str, bool, bool], list[Mapping[str, Any]]] = {}
    for trial in document["trials"]:
        if trial["state"] == "finished":
            config = TrialConfig.from_settings(trial["config"])
            kind = trial["model"], config.data.name, config.decodes, config.contrasts
            kinds.setdefault(kind, []).append(trial["metrics"])
    parts = {
        name: entry
        for trial in ledger.planned()
        for entry, part in trial.evaluations.items()
        if "@" not in entry
        for name in part.metrics
    }
    asked = evaluation_of(ledger.sweep)
    wanted: Collection[str] = parts.values() if asked is None else asked.wanted()
    lacking: dict[tuple[int, int, str], list[str]] = {}
    command = sweep_command("evaluate", ledger.folder)
    for name in names:
        able = [m for kind in kinds.values() if any(name in m for m in kind) for m in kind]
        having = sum(name in metrics for metrics in able)
        if having < len(able):
            part = parts.get(name)  # what was measured in training alone stays as it is
            how = f" ({command} adds what is missing)" if part in wanted else ""
            if part is not None and part not in wanted:
                how = f" ({command} --only {part} measures it there)"
            lacking.setdefault((having, len(able), how), []).append(head(name))
    return [
        f"not measured in {total - having} of {count(total, 'trained trial')}: "
        f"{', '.join(heads)}{how}"
        for (having, total, how), heads in lacking.items()
    ]


def _facts(ledger: Ledger, document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, on what, and what it cost."""
    sweep, trials = ledger.sweep, ledger.planned()
    cpu = sweep.spec.get("resources", {}).get("cpu", 1)
    cpus = {trial.key: cpus_of(trial, cpu) for trial in trials}
    training_s = sum(trial.train_s * cpus[trial.key] for trial in trials)
    evaluation_s = sum(
        (part.seconds or 0.0) * cpus[trial.key]
        for trial in trials
        for part in trial.evaluations.values()
    )
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
    for what in ("processor", "torch"):
        noted = dict.fromkeys(str(a.worker[what]) for a in attempts if a.worker.get(what))
        if noted:
            facts.append((what, ", ".join(noted)))
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
