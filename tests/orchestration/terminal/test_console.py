"""What is said where: terminals, pipes, quiet ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from orchestration.terminal.console import Console
from orchestration.terminal.tables import Column, Sheet


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
from orchestration.terminal.console import Console
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
    script = "from orchestration.terminal.console import Console; Console().line('β=1')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env=environment
    )
    assert done.stdout == b"\\u03b2=1\n"


def test_the_encoding_stays_while_others_print_to_a_log(tmp_path: Path) -> None:
    script = SCRIPT.replace("ours", "ä β")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert done.stdout.splitlines() == [b"busy \\u2026", b"\xe4 \\u03b2", b"at the end"]
    assert done.stderr.splitlines() == [b"warning: \xe4 \\u03b2 too"]


def test_a_terminal_without_unicode_gets_lines(make_screen: Callable[..., Any]) -> None:
    screen = make_screen(40)
    stream = TextIOWrapper(os.fdopen(os.dup(screen.inner), "wb"), encoding="latin-1")
    console = Console(stream)
    with console.busy("starting"):
        console.line("β", style="red")
    stream.close()
    screen.close()
    assert screen.everything == ["starting \\u2026", "\\u03b2"]
    assert b"\x1b[2K" not in screen.raw


def say_all(console: Console) -> None:
    for style in ("", "red"):
        console.line("line", style=style)
    console.table(Sheet("title", [Column("a", ["b"])]))
    console.warning("warning")
    with console.busy("busy"):
        console.line("more")


def test_a_pipe_that_nobody_reads_does_not_end_the_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    console = Console(stream)
    say_all(console)
    with pytest.raises(BrokenPipeError):
        stream.close()
    assert stream.closed
    console.line("and where it is closed")
    monkeypatch.setattr(sys, "stderr", stream)
    Console(quiet=True).warning("and on standard error")
    assert capsys.readouterr().out == ""


def test_a_terminal_that_hangs_up_does_not_end_the_work(make_screen: Callable[..., Any]) -> None:
    screen = make_screen(40)
    console = Console(screen.stream())
    screen.hang_up()
    say_all(console)


BROKEN = """
import sys
from pathlib import Path
from orchestration.terminal.console import Console
console = Console()
sys.stdin.read()
console.line("nobody reads this")
with console.others_to(Path(sys.argv[1])):
    console.line("nor this")
    print("a library")
console.line("nor that")
print("the end", file=sys.stderr)
"""


def test_a_broken_pipe_while_others_print_to_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", BROKEN, str(log)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.readline() == "the end\n"
    assert "a library" in log.read_text()


class Ending(Console):
    """Its painting ends just after somebody has looked whether there is one."""

    @property
    def _painter(self) -> Any:
        return self.painters.pop(0)

    @_painter.setter
    def _painter(self, painter: Any) -> None:
        self.painters = [painter, None]


def test_a_painting_that_ends_while_somebody_says_something() -> None:
    said: list[str] = []

    class Said:
        def say(self, text: Any) -> None:
            said.append(text.plain)

    console = Ending(StringIO())
    console._painter = Said()
    console.line("a warning of another thread")
    assert said == ["a warning of another thread"]
