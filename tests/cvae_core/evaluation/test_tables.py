"""Tables that are read back as they were written, and that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io

import pandas
import pytest

from cvae_core.evaluation.tables import csv_table

DANGEROUS = "=+-@\t\r\n＝＋－＠"
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
    "＝1",
    "-",
    "-0.5x",
    "- 0.5",
]
HARMLESS = [
    "a",
    "a=b",
    "a,b",
    "a|b",
    'say "so"',
    "it's",
    "",
    " b ",
    "Größe",
    "a\nb",
]


def back(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode(), newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text(text: str) -> None:
    """In a header as well; whoever reads it by a program sees the apostrophe."""
    table = csv_table([text, "b"], [[text, 1], ["a", 2]])
    safe = {"\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1"}.get(text, f"'{text}")
    assert back(table) == [[safe, "b"], [safe, "1"], ["a", "2"]]
    frame = pandas.read_csv(io.BytesIO(table))
    assert list(frame.columns) == [safe, "b"]
    assert frame["b"].tolist() == [1, 2]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_read_back_as_it_was(text: str) -> None:
    assert back(csv_table(["x", text], [[text, "y"]])) == [["x", text], [text, "y"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_cell_begins_like_a_formula_wherever_cells_are_parted(delimiter: str) -> None:
    """Programs of other countries part cells elsewhere."""
    words = [*FORMULAS, *HARMLESS, "a;=1+1", "a\t=1", "a|=1", "a\n=1", 'a"=1', 'a";=1']
    table = csv_table(words, [[word, word] for word in words]).decode()
    rows = csv.reader(io.StringIO(table, newline=""), delimiter=delimiter)
    assert not [cell for row in rows for cell in row if cell.startswith(tuple(DANGEROUS))]


def test_numbers_stay_numbers() -> None:
    rows = [[-0.5, -3, 1e-30, None], [-1.0, 2, float("-inf"), "-0.5"]]
    table = csv_table("abcd", rows)
    assert table == b"a,b,c,d\n-0.5,-3,1e-30,\n-1.0,2,-inf,-0.5\n"
    frame = pandas.read_csv(io.BytesIO(table))
    assert frame.values.tolist()[1] == [-1.0, 2.0, float("-inf"), -0.5]
    assert csv_table("ab", [[-0.5, 1]], ".5f") == b"a,b\n-0.50000,1\n"


def test_what_is_no_text_is_escaped() -> None:
    assert csv_table(["a"], [["\udcff"]]) == b"a\n\\udcff\n"
