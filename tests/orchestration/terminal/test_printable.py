from __future__ import annotations

import pytest

from orchestration.terminal.printable import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain [bold]text[/]", "plain [bold]text[/]"),
        ("β=0.1 λ τ × ± é 漢", "β=0.1 λ τ × ± é 漢"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("\x9b31m\u2028", r"\x9b31m\u2028"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_lines_stay_lines() -> None:
    assert printable_lines("a\n  \x1b[2J\x85b\n") == "a\n  \\x1b[2J\\x85b\n"
