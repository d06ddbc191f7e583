"""The report in the sweep's folder: written when a run ends, and shown by MLflow's parent run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

from orchestration.compare.answers import Answers, Question, answers
from orchestration.compare.comparison import comparison_sheets
from orchestration.compare.drawn import Drawing, note_drawn
from orchestration.compare.figure_files import note_search
from orchestration.ledger.documents import Evaluated, Failure
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import REPORT
from orchestration.ledger.paths import REPORT_NOTE, REPORT_PAGE
from orchestration.report.note import note_of
from orchestration.report.tables import table_files
from orchestration.status.status import status_document
from orchestration.words import states_text


def note_results(ledger: Ledger) -> None:
    """Draw and write down what a sweep has found, unless that was done already.

    Args:
        ledger: of the sweep; its lock is held.
    """
    note_search(ledger)
    note_drawn(ledger, REPORT, partial(_drawing, ledger))


def report_of(
    ledger: Ledger, *, at_work: bool | None = None, answered: Answers | None = None
) -> str:
    """The report of a sweep as it is now, HTML.

    Args:
        ledger: of the sweep.
        at_work: as for ``status_document``.
        answered: what the sweep says, where that is known.
    """
    from orchestration.report.content import content_of
    from orchestration.report.page import html_of

    answered = answered or answers([ledger], Question())
    return html_of(content_of(ledger, answered, at_work=at_work))


def _drawing(ledger: Ledger) -> Drawing:
    def files() -> dict[str, bytes]:
        answered = answers([ledger], Question())
        document = status_document(ledger, at_work=False)
        sheets = comparison_sheets(ledger, document["trials"])
        counts = states_text(document["counts"])
        texts = {
            REPORT_PAGE: report_of(ledger, at_work=False, answered=answered),
            REPORT_NOTE: note_of(answered, f"{ledger.sweep.name}: {counts}"),
            **table_files(sheets, answered),
        }
        return {PurePath(path).name: text.encode() for path, text in texts.items()}

    return Drawing(_digest(ledger), files)


def _digest(ledger: Ledger) -> str:
    """A hash of the results that a report shows; how long they took does not make a new one."""
    from orchestration import __version__

    def reason(error: Failure | None) -> list[Any]:
        return [error.kind, error.message, error.traceback, error.log] if error else []

    def shown(evaluations: Mapping[str, Evaluated]) -> list[Any]:
        return [
            [
                name,
                part.state,
                part.settings,
                part.metrics,
                [ref.sha256 for ref in part.artifacts],
                reason(part.error),
            ]
            for name, part in sorted(evaluations.items())
            if name != REPORT
        ]

    trials = [
        [
            trial.key,
            trial.state,
            trial.epoch,
            trial.metrics,
            reason(trial.error),
            shown(trial.evaluations),
        ]
        for trial in ledger.planned()
    ]
    everything = [__version__, ledger.sweep.spec, shown(ledger.sweep.evaluations), trials]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
