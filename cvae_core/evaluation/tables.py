"""Tables as CSV in which spreadsheet programs find text and numbers, and never a formula.

As OWASP has it ("CSV Injection"): text that begins like a formula gets an apostrophe before it, and
text that holds what some program takes for the end of a cell stands in quotes. Behind such an end
there is an apostrophe as well: who parts cells at semicolons does not see where quotes begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMULA = re.compile(r"^(?=[=+\-@\t\r\n＝＋－＠])|(?<=[;|\t\r\n])(?=[=+\-@＝＋－＠])")
NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
ENDS_A_CELL = re.compile(r"[,;|\t\r\n\"']")


def csv_table(header: Iterable[str], rows: Iterable[Iterable[object]], floats: str = "") -> bytes:
    """A CSV file in UTF-8.

    Args:
        header: names of the columns.
        rows: text, numbers and None, which is an empty cell.
        floats: how they are written, such as ``.5f``; empty: with all their digits.
    """
    lines = [",".join(_cell(cell, floats) for cell in row) for row in (header, *rows)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _cell(value: object, floats: str) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format(value, floats)
    text = str(value)
    if not NUMBER.fullmatch(text):
        text = FORMULA.sub("'", text)
    return '"' + text.replace('"', '""') + '"' if ENDS_A_CELL.search(text) else text
