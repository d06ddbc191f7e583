"""The report in the sweep's folder: written when a run ends, and shown by MLflow's parent run."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Mapping
from typing import Any

from orchestration import store
from orchestration.compare.figure_files import note_search
from orchestration.ledger.documents import ArtifactRef, Evaluated, Failure
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import REPORT
from orchestration.ledger.paths import REPORT_NOTE, REPORT_PAGE
from orchestration.status.status import status_document
from orchestration.words import states_text


def note_results(ledger: Ledger) -> None:
    """Draw and write down what a sweep has found, unless that was done already.

    Args:
        ledger: of the sweep; its lock is held.
    """
    note_search(ledger)
    _note_report(ledger)


def report_of(ledger: Ledger, *, at_work: bool | None = None) -> str:
    """The report of a sweep as it is now, HTML; ``at_work`` as for ``status_document``."""
    from orchestration.report.content import content_of
    from orchestration.report.page import html_of

    return html_of(content_of(ledger, at_work=at_work))


def _note_report(ledger: Ledger) -> None:
    settings = {"digest": _digest(ledger)}
    noted = ledger.sweep.evaluations.get(REPORT)
    if noted is not None and noted.settings == settings:
        return
    began = time.perf_counter()
    try:
        files = {REPORT_PAGE: report_of(ledger, at_work=False), **_answer_files(ledger)}
        artifacts = [_written(ledger, path, text.encode()) for path, text in files.items()]
        evaluated = Evaluated(state="finished", settings=settings, artifacts=artifacts)
    except Exception as error:  # it is not to end a sweep whose trials are trained
        failure = Failure(
            kind=type(error).__name__, message=str(error), traceback=traceback.format_exc()
        )
        evaluated = Evaluated(state="failed", settings=settings, error=failure)
    evaluated.seconds = time.perf_counter() - began
    evaluated.ended = time.time()
    ledger.note_evaluation("", REPORT, evaluated)


def _answer_files(ledger: Ledger) -> dict[str, str]:
    """The answers in short, Markdown, and the tables, by path in the sweep's folder."""
    from orchestration.compare.answers import Question, answers
    from orchestration.compare.comparison import comparison_sheets
    from orchestration.report.note import note_of
    from orchestration.report.tables import table_files

    document, answered = status_document(ledger, at_work=False), answers([ledger], Question())
    note = note_of(answered, f"{ledger.sweep.name}: {states_text(document['counts'])}")
    sheets = comparison_sheets(ledger, document["trials"])
    return {REPORT_NOTE: note, **table_files(sheets, answered)}


def _written(ledger: Ledger, path: str, content: bytes) -> ArtifactRef:
    store.write_bytes(ledger.folder / path, content)
    digest = hashlib.sha256(content).hexdigest()
    return ArtifactRef(path=path, sha256=digest, bytes=len(content))


def _digest(ledger: Ledger) -> str:
    """A hash of the results that a report shows; how long they took does not make a new one."""
    from orchestration import __version__

    def shown(evaluations: Mapping[str, Evaluated]) -> list[Any]:
        return [
            [name, part.state, part.settings, part.metrics, [ref.sha256 for ref in part.artifacts]]
            for name, part in sorted(evaluations.items())
            if name != REPORT
        ]

    trials = [
        [trial.key, trial.state, trial.epoch, trial.metrics, shown(trial.evaluations)]
        for trial in ledger.planned()
    ]
    everything = [__version__, ledger.sweep.spec, shown(ledger.sweep.evaluations), trials]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
