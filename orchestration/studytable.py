"""The studies of a sweep as a table for a terminal."""

from __future__ import annotations

from typing import Any

from orchestration.tables import Column, Sheet

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
