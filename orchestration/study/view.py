"""The studies of a sweep for a terminal: a table, and what is said of those that ended early."""

from __future__ import annotations

from typing import Any

from orchestration.study.progress import DUPLICATES, FAILURES
from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count

STYLES = {"searching": "cyan", "complete": "green", "failing": "red", "exhausted": "yellow"}


def study_table(document: dict[str, Any]) -> Sheet:
    """One row a study.

    Args:
        document: as ``status --json`` prints it, with at least one study.
    """
    studies = document["studies"]
    states = [study["state"] for study in studies]
    trained = [f"{study['finished'] + study['stopped']}/{study['trials']}" for study in studies]
    counts = {"asked": 3, "stopped": 2, "failed": 1, "duplicates": 4}
    columns = [
        Column("study", [study["name"] for study in studies], least=12),
        Column("state", states, styles=[STYLES.get(state, "") for state in states]),
        Column("trained", trained, right=True),
        *(
            Column(name, [str(study[name]) for study in studies], rank=rank, right=True)
            for name, rank in counts.items()
        ),
        Column("best", [_best(study) for study in studies], right=True),
    ]
    return Sheet(f"studies of {document['name']}: {_goal(studies[0])}", columns)


def _best(study: dict[str, Any]) -> str:
    return "-" if study["best"] is None else f"{study['best']['values'][0]:.4g}"


def _goal(study: dict[str, Any]) -> str:
    return ", ".join(f"{each['direction']} {each['metric']}" for each in study["objectives"])


def study_lines(document: dict[str, Any]) -> list[str]:
    """One line per study that is exhausted or failing, with what to do.

    Args:
        document: as ``status --json`` prints it.
    """
    return [
        f"study {study['name']}: {study['state']} after "
        f"{study['finished'] + study['stopped']} of {count(study['trials'], 'trial')}: "
        + WHY[study["state"]]
        for study in document["studies"]
        if study["state"] in WHY
    ]


WHY = {
    "exhausted": f"{DUPLICATES} suggestions in a row had been there before; "
    "widen search.space, or lower search.trials",
    "failing": f"{FAILURES} trials in a row failed; mend what makes them fail and run retry, or "
    "search a narrower search.space, which begins another study",
}
