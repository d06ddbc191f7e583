"""What is said of studies that came to their end before they had their trials."""

from __future__ import annotations

from typing import Any

from orchestration.counting import count
from orchestration.studystate import DUPLICATES, FAILURES


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
