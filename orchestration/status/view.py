"""A sweep's state as a table for a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvae_core.evaluation.parts import baseline_lacks
from orchestration.commands import sweep_command
from orchestration.ledger.at_work import elsewhere, silence
from orchestration.ledger.chosen import some
from orchestration.ledger.names import split_entry
from orchestration.plan.view import setting_columns
from orchestration.spec.trial_names import Names, names_of, settings_in, settings_of
from orchestration.status.failures import failure_details, failure_text, innermost, what_to_do
from orchestration.status.metric_columns import head, headlines
from orchestration.status.notes import missing_notes
from orchestration.status.status import Configs
from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count, rough_duration, states_text

STYLES = {
    **dict.fromkeys(("running", "trained"), "cyan"),
    "finished": "green",
    "stopped": "yellow",
    "failed": "red",
}
SENTENCE = re.compile(r"\.? \(|[:;,] |\. ")
"""Where what is said first of a reason ends."""
TRAINING = {"val/loss": 8, "val/probe_accuracy": 7}
"""Metrics of training that have a column beside those of the evaluation, and its rank."""


def status_table(document: dict[str, Any], configs: Configs | None = None) -> Sheet:
    """One row a trial.

    Args:
        document: as ``status --json`` prints it.
        configs: of its trials, where they are known.
    """
    counts = states_text(document["counts"])
    trials = document["trials"]
    settings = (
        settings_in(trials)
        if configs is None
        else [settings_of(configs[trial["key"]]) for trial in trials]
    )
    names = Names(settings)
    states = [_state(trial) for trial in trials]
    epochs = [f"{trial['epoch']}/{trial['config']['epochs']}" for trial in trials]
    shown = {name: (head(name), rank) for name, rank in TRAINING.items()}
    shown |= headlines(name for trial in trials for name in trial["metrics"])
    columns = [
        Column("trial", [trial["key"] for trial in trials]),
        Column("state", states, styles=[STYLES.get(state, "") for state in states]),
        *setting_columns(settings, names),
        Column("epoch", epochs, right=True),
        *(
            Column(title, [_metric(trial, name) for trial in trials], rank=rank, right=True)
            for name, (title, rank) in shown.items()
        ),
    ]
    title = f"{document['name']} is {document['state']}: {counts or 'no trials'}"
    return Sheet(title, columns, list(map(names.name_by, settings)))


def _state(trial: dict[str, Any]) -> str:
    """As people see it: a trial is not finished before it is evaluated."""
    waits = trial["state"] == "finished" and trial["evaluations_open"]
    return "trained" if waits else str(trial["state"])


def rename_lines(document: dict[str, Any], folder: Path) -> list[str]:
    """What has to be done first where the folder was moved or copied to another name."""
    name = document["name"]
    if name == folder.name:
        return []
    return [
        f"this is the sweep {name!r} in a folder of another name: rename {folder} to {name} "
        "before you continue it"
    ]


def next_lines(document: dict[str, Any], folder: Path) -> list[str]:
    """What is left to be done, and the command that does it."""
    missing = sum(len(each["evaluations_open"]) for each in (*document["trials"], document))
    other = elsewhere(folder)
    if document["state"] == "running":
        to_come = [f"{count(missing, 'evaluation')} of trained trials to come"] if missing else []
        return [*to_come, *([f"at work: {other}"] if other else [])]
    if document["state"] != "interrupted":
        if not missing:
            return []
        add = sweep_command("evaluate", folder)
        return [f"{count(missing, 'evaluation')} missing; add with: {add}"]
    again = f"continue with: {sweep_command('resume', folder)}"
    if other is None:
        return [again]
    return [
        f"{other} has noted no end and written nothing for {rough_duration(silence(folder))}; "
        "whether it lives cannot be told from here",
        f"if it does not, {again}",
    ]


def failure_lines(document: dict[str, Any], folder: Path, *, brief: bool = False) -> list[str]:
    """What went wrong, where, and what to do; what befell several trials is said once.

    Args:
        document: as ``status --json`` prints it.
        folder: the sweep's.
        brief: without the places in the code, which were said when it happened.
    """
    called = _called(document["trials"], [t for t in document["trials"] if _failures(t)])
    running = document["state"] == "running"
    alike: dict[tuple[str, ...], list[str]] = {}
    """By what is said of them behind their names: the first one's name, then the others' keys."""
    details: dict[tuple[str, ...], list[str]] = {}

    def enter(who: str, key: str, what: str, failure: dict[str, Any], then: str) -> None:
        said = (
            f"{what}: {failure_text(failure)}",
            then,
            *innermost(failure.get("traceback") or ""),
        )
        if said in alike:
            alike[said].append(key)
            return
        alike[said] = [who]
        details[said] = [f"    {then}"] if brief else failure_details(failure, folder, then)

    for trial, name in called:
        for part, failure in _failures(trial).items():
            what = f"evaluation ({part}) failed" if part else "failed"
            then = what_to_do(failure, trial["config"], folder, running=running, entry=part)
            enter(f"{trial['key']}  {name}  ", trial["key"], what, failure, then)
    for entry, failure in document["evaluation_errors"].items():
        then = what_to_do(failure, {}, folder, running=running, entry=entry)
        enter("", "", f"evaluation of all trials ({entry}) failed", failure, then)
    lines = []
    for said, (first, *others) in alike.items():
        lines += [first + said[0], *details[said]]
        if others:
            lines.append(f"    the same in {count(len(others), 'other trial')}: {some(others)}")
    return lines


def _failures(trial: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By part of the evaluation what went wrong; that of the training is under an empty name."""
    own = {"": trial["error"]} if trial["state"] == "failed" and trial["error"] else {}
    return {**trial["evaluation_errors"], **own}


def _called(
    trials: list[dict[str, Any]], those: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], str]]:
    """Some of the trials, each with its name, which depends on all of them."""
    if not those:
        return []
    names = names_of(trials)
    return [
        (trial, name)
        for trial, settings in zip(those, settings_in(those), strict=True)
        for name in [names.name_by(settings)]
    ]


def left_lines(left: int) -> list[str]:
    """What the folder holds besides the trials that are shown.

    Args:
        left: how many trials are in the ledger and no longer in the plan.
    """
    if not left:
        return []
    return [
        f"{count(left, 'trial')} of an earlier plan not shown; settings that are in the sweep file "
        "again bring theirs back"
    ]


def absent_lines(document: dict[str, Any], *, brief: bool = False) -> list[str]:
    """What could not be measured, and why; a reason that several trials share is said once.

    Args:
        document: as ``status --json`` prints it.
        brief: of each reason the beginning alone.
    """

    def why(reason: str) -> str:
        return SENTENCE.split(reason, maxsplit=1)[0] if brief else reason

    counts: dict[tuple[str, str], int] = {}
    for trial in document["trials"]:
        for part, reason in trial["evaluations_absent"].items():
            if baseline_lacks(trial.get("model", ""), split_entry(part)[0]) is not None:
                continue  # that a baseline has no decoder is no news
            counts[part, reason] = counts.get((part, reason), 0) + 1
    return [
        f"{part} is missing for {count(trials, 'trial')}: {why(reason)}"
        for (part, reason), trials in counts.items()
    ] + [
        f"{entry} is missing: {why(reason)}"
        for entry, reason in document["evaluations_absent"].items()
    ]


def warning_lines(document: dict[str, Any]) -> list[str]:
    """What is odd about how trials were trained, or could not be measured meanwhile.

    Of trials of which the same is said the first has a line.

    Args:
        document: as ``status --json`` prints it.
    """
    trials = document["trials"]
    alike: dict[str, list[dict[str, Any]]] = {}
    odd = [trial for trial in trials if trial["warnings"].get("training")]
    if odd:
        alike[" ".join(odd[0]["warnings"]["training"])] = odd
    for trial in trials:
        for note in missing_notes(trial["notes"], trial["model"]):
            alike.setdefault(note, []).append(trial)
    return [*_lines_of_first(trials, alike), *_machine_lines(document)]


def _machine_lines(document: dict[str, Any]) -> list[str]:
    """Trials that went on with what may compute otherwise: all of them in one line."""
    noted = [trial for trial in document["trials"] if trial["warnings"].get("machine")]
    if not noted:
        return []
    first, *others = noted
    named = f"{first['key']} ({' '.join(first['warnings']['machine'])})"
    return [
        f"{count(len(noted), 'trial')} went on where sums may end in other last digits: "
        f"{', '.join([named, *([some([trial['key'] for trial in others])] if others else [])])}"
    ]


def _lines_of_first(
    trials: list[dict[str, Any]], alike: Mapping[str, list[dict[str, Any]]]
) -> list[str]:
    """What is said of some of the trials, each once: behind the name of the first."""
    lines = []
    called = _called(trials, [those[0] for those in alike.values()])
    for (said, (first, *others)), (_, name) in zip(alike.items(), called, strict=True):
        lines.append(f"{first['key']}  {name}  {said}")
        if others:
            keys = [trial["key"] for trial in others]
            lines.append(f"    the same in {count(len(others), 'other trial')}: {some(keys)}")
    return lines


def _metric(trial: dict[str, Any], name: str) -> str:
    return f"{trial['metrics'][name]:.4g}" if name in trial["metrics"] else "-"
