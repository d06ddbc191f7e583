"""What ``compare`` shows of a sweep, and ``run`` at its end: a grid's rows, or its searches."""

from __future__ import annotations

from typing import Any

from orchestration.compare.figure_files import digest_of, place_of
from orchestration.compare.grid import comparison_document, comparison_table
from orchestration.compare.searches import add_importances, search_comparison
from orchestration.compare.searches_view import ended_lines, search_view
from orchestration.ledger.documents import TRAINED
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import SEARCH
from orchestration.status.status import status_document
from orchestration.terminal.tables import Sheet


def comparison_of(ledger: Ledger, by: str | None = None) -> dict[str, Any]:
    """What ``compare --json`` prints.

    Args:
        ledger: of the sweep.
        by: the setting whose values stand side by side; None: the model.

    Raises:
        UserError: nothing differs in that setting.
    """
    status = status_document(ledger)
    if not ledger.planned_studies():
        return comparison_document(status, by or "model")
    document = search_comparison(ledger, by)
    add_importances(document, ledger)
    noted = ledger.sweep.evaluations.get(SEARCH)
    document["state"] = status["state"]
    document["figures"] = [ref.path for ref in noted.artifacts] if noted is not None else []
    return document


def comparison_view(ledger: Ledger, by: str | None = None) -> list[Sheet | str]:
    """The same for a terminal.

    Raises:
        UserError: nothing differs in that setting.
    """
    if ledger.planned_studies():
        document = comparison_of(ledger, by)
        return [*search_view(document), *ended_lines(document), *_figure_lines(ledger)]
    sheet = comparison_table(status_document(ledger)["trials"], by or "model")
    return [sheet] if sheet.names else [f"{ledger.sweep.name}: no trial has been trained yet"]


def summary_view(ledger: Ledger, trials: list[dict[str, Any]]) -> list[Sheet | str]:
    """What a run says of its results at its end: of searches all that needs no Optuna.

    Args:
        ledger: of the sweep.
        trials: as in ``status --json``.
    """
    if not any(trial["state"] in TRAINED for trial in trials):
        return []
    if not ledger.planned_studies():
        return [comparison_table(trials)]
    return [*search_view(search_comparison(ledger)), *_figure_lines(ledger), ""]


def _figure_lines(ledger: Ledger) -> list[str]:
    """Where the figures of a sweep's searches lie, and whether they show all that there is."""
    noted = ledger.sweep.evaluations.get(SEARCH)
    if noted is None or not noted.artifacts:
        return []
    old = noted.settings.get("digest") != digest_of(search_comparison(ledger))
    note = " (of an earlier state; the next run draws them anew)" if old else ""
    return [f"figures: {place_of(ledger)}{note}"]
