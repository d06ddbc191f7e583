"""What is said where: terminals, pipes, quiet ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from orchestration.console import Console
from orchestration.tables import Column, Sheet


def test_quiet_says_warnings_alone_and_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(quiet=True)
    console.line("progress")
    console.table(Sheet("title", [Column("a", ["b"])]))
    with console.busy("working"):
        pass
    console.warning("look out\x1b[1m")
    console.quiet = False
    console.line("result")
    assert capsys.readouterr() == ("result\n", "warning: look out\\x1b[1m\n")


def test_lines_in_a_pipe() -> None:
    out = StringIO()
    console = Console(out)
    assert not console.live
    with console.busy("starting"):
        console.line("a [red]line[/]\x07", style="red")
    with console.busy("not worth a line", plain=False):
        console.warning("two\nlines")
    console.table(Sheet("t" * 150, [Column("a", ["b" * 190])]))
    assert out.getvalue().splitlines()[:4] == [
        "starting …",
        "a [red]line[/]\\x07",
        "warning: two\\nlines",
        "t" * 150,
    ]
    assert "b" * 190 in out.getvalue()


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_terminals_that_cannot_be_steered_get_lines(
    make_screen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    screen = make_screen(40)
    console = Console(screen.stream())
    assert not console.live
    with console.busy("starting"):
        console.line("β", style="red")
    screen.close()
    assert screen.everything == ["starting …", "β"]
    assert b"\x1b[2K" not in screen.raw


def test_a_spinner_that_goes(make_screen: Callable[..., Any]) -> None:
    screen = make_screen(20)
    console = Console(screen.stream())
    with console.busy("a rather long description"):
        time.sleep(0.4)
        (line,) = screen.lines
        assert line[1:] == " a rather long des…"
        console.line("said meanwhile")
    screen.close()
    assert screen.everything == ["said meanwhile"]
    assert screen.cursor_shown


SCRIPT = """
import os, sys
from pathlib import Path
from orchestration.console import Console
console = Console()
with console.others_to(Path(sys.argv[1])), console.busy("busy"):
    os.system("echo a child; echo its error >&2")
    print("a library")
    console.line("ours")
    console.quiet = True
    console.warning("ours too")
    console.quiet = False
console.line("at the end")
"""


def test_what_others_print_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(log)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["busy …", "ours", "at the end"]
    assert done.stderr.splitlines() == ["warning: ours too"]
    assert sorted(log.read_text().splitlines()) == ["a child", "a library", "its error"]


def test_an_encoding_without_greek_letters() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    script = "from orchestration.console import Console; Console().line('β=1')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env=environment
    )
    assert done.stdout == b"\\u03b2=1\n"
