"""The report's tables as MLflow's: what ``compare`` shows, and the verdicts with all digits."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from orchestration.compare.answers import Question, answers
from orchestration.compare.answers_files import csv_text
from orchestration.report.tables import table_files
from orchestration.terminal.tables import Column, Sheet

from .test_note import HOSTILE, answered

SHEET = Sheet("a", [Column("model", ["vae", HOSTILE]), Column("β", ["0.001", "NaN"])])


def read(files: dict[str, str], name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files[f"artifacts/report/{name}.json"])
    return found


def test_a_table_has_the_cells_that_people_see() -> None:
    files = table_files([SHEET, SHEET], answers([], Question()))
    assert list(files) == ["artifacts/report/comparison.json", "artifacts/report/comparison_2.json"]
    assert read(files, "comparison") == {
        "columns": ["model", "β"],
        "data": [["vae", "0.001"], [HOSTILE, "NaN"]],
    }


def test_verdicts_are_those_of_the_csv() -> None:
    found = answered(2)
    table = read(table_files([], found), "verdicts")
    columns, *rows = csv.reader(io.StringIO(csv_text(found)))
    assert table["columns"] == columns
    assert [[str(cell) for cell in row] for row in table["data"]] == rows
    assert len(rows) == 2
    assert "cvae better" in rows[0]


def test_what_is_no_number_in_json_is_text() -> None:
    found = answered(1)
    found.judged["probe/accuracy"][0].pairing.settings.update({"beta": float("nan"), "x": [1, 2]})
    row = read(table_files([], found), "verdicts")["data"][0]
    assert row[1:3] == ["nan", "[1, 2]"]
