"""The tables of a report as MLflow's ``log_table`` keeps them: its pages show them as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from orchestration.compare.answers import Answers
from orchestration.compare.answers_files import verdict_rows
from orchestration.ledger.paths import report_table
from orchestration.terminal.tables import Sheet


def table_files(sheets: Sequence[Sheet], answers: Answers) -> dict[str, str]:
    """Texts by path in the sweep's folder: the comparison as people see it, the verdicts whole.

    Args:
        sheets: tables of the comparison; a search has several.
        answers: of the sweep; without a row they have no file.
    """
    names = ["comparison", *(f"comparison_{number}" for number in range(2, len(sheets) + 1))]
    tables = dict(zip(names, map(_cells, sheets), strict=False))
    columns, rows = verdict_rows(answers)
    if rows:
        tables["verdicts"] = (columns, rows)
    return {report_table(name): _split(*table) for name, table in tables.items()}


def _cells(sheet: Sheet) -> tuple[list[str], list[list[Any]]]:
    columns = [column.title for column in sheet.columns]
    return columns, [list(row) for row in zip(*(c.cells for c in sheet.columns), strict=True)]


def _split(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """What pandas writes with ``orient="split"`` and without an index."""
    data = [[_plain(cell) for cell in row] for row in rows]
    return json.dumps({"columns": list(columns), "data": data}, allow_nan=False)


def _plain(cell: Any) -> Any:
    finite = not isinstance(cell, float) or math.isfinite(cell)
    return cell if finite and isinstance(cell, str | int | float | None) else str(cell)
