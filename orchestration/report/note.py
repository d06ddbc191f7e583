"""The answers as Markdown, for MLflow's notes and whatever else shows that."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.compare.answers import Answers
from orchestration.compare.answers_view import more_lines, sentences, verdict_sheet
from orchestration.terminal.tables import Sheet

LONGEST = 4000
"""Characters: MLflow's servers before 2.21 take tags of 5,000."""


def note_of(answers: Answers, state: str) -> str:
    """How a sweep stands, a sentence for every metric, and the tables for which there is room.

    Args:
        answers: of the sweep.
        state: in words.
    """
    note = "\n".join([_text(state), "", *(f"- {_text(line)}" for line in sentences(answers))])
    for name in answers.tables:
        sheet = verdict_sheet(answers, name)
        table = "" if sheet is None else f"\n\n{_table(sheet)}"
        note += table if len(note) + len(table) <= LONGEST else ""
    sentence, *command = [*more_lines(answers), ""]
    more = f"\n\n{_text(sentence)}" if sentence else ""
    more += "".join(f"\n\n    {line}" for line in command if line)
    return (note + more if len(note) + len(more) <= LONGEST else note)[:LONGEST]


def _table(sheet: Sheet) -> str:
    titles = [column.title for column in sheet.columns]
    rules = ["---:" if column.right else "---" for column in sheet.columns]
    rows = zip(*(column.cells for column in sheet.columns), strict=True)
    return "\n".join([f"**{_text(sheet.title)}**", "", *map(_row, (titles, rules, *rows))])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _text(text: str) -> str:
    """Text that Markdown shows as it stands."""
    for sign in "\\`*_<>[]|#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
