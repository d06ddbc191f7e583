"""Frames on a real pseudo-terminal."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from rich.text import Text

from orchestration.terminal.painter import Painter, Terminal

pytestmark = pytest.mark.slow

PERIOD_S = 0.25


@pytest.fixture
def screen(make_screen: Callable[..., Any]) -> Any:
    return make_screen(40, 10)


def painter_on(screen: Any, frame: Callable[[int, int], list[Text]]) -> Painter:
    painter = Painter(Terminal(file=screen.stream(), markup=False), frame)
    painter.start()
    return painter


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.01)


def test_at_most_four_frames_a_second_for_a_thousand_reports(screen: Any) -> None:
    reports, frames = [0], []

    def frame(width: int, height: int) -> list[Text]:
        frames.append(time.monotonic())
        return [Text(f"report {reports[0]}")]

    painter = painter_on(screen, frame)
    began = time.monotonic()
    while time.monotonic() - began < 2.1:
        reports[0] += 1
        if reports[0] % 50 == 0:
            painter.say(Text("lasting"))
        time.sleep(0.001)
    painter.stop()
    assert reports[0] > 500
    assert 6 <= len(frames) <= 4 * 2.1 + 1
    assert min(b - a for a, b in pairwise(frames)) > 0.9 * PERIOD_S
    assert screen.raw.count(b"report ") <= len(frames)


def test_lasting_lines_stay_above_and_the_frame_goes(screen: Any) -> None:
    painter = painter_on(screen, lambda *_: [Text("one"), Text("two")])
    until(lambda: screen.lines == ["one", "two"])
    painter.say(Text("first"))
    until(lambda: screen.lines == ["first", "one", "two"])
    for number in range(20):
        painter.say(Text(f"line {number}"))
    until(lambda: screen.lines[-3:] == ["line 19", "one", "two"])
    painter.say(Text("last"))
    painter.stop()
    expected = ["first", *(f"line {number}" for number in range(20)), "last"]
    until(lambda: screen.everything == expected)
    assert screen.cursor_shown
    assert screen.cursor_column == 0


def test_frames_that_grow_and_shrink_leave_nothing(screen: Any) -> None:
    size = [1]
    painter = painter_on(screen, lambda *_: [Text(f"{n} of {size[0]}") for n in range(size[0])])
    for count in (5, 2, 9, 1):
        size[0] = count
        until(lambda n=count: screen.lines == [f"{k} of {n}" for k in range(n)])  # type: ignore[misc]
    painter.stop()
    until(lambda: screen.everything == [])


def test_a_resized_window_is_followed(screen: Any) -> None:
    painter = painter_on(screen, lambda width, height: [Text(f"{width}x{height}")])
    until(lambda: screen.lines == ["40x10"])
    screen.resize(33, 8)
    until(lambda: screen.lines == ["33x8"])
    painter.stop()


def test_who_reports_does_not_wait_for_a_terminal_that_takes_nothing() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write, True)
    painter = Painter(Terminal(file=os.fdopen(write, "w")), lambda *_: [Text("frame")])
    painter.start()
    time.sleep(0.1)
    lines = [Text("line")] * 1000
    saying = threading.Thread(target=lambda: [painter.say(line) for line in lines], daemon=True)
    saying.start()
    saying.join(5)
    assert not saying.is_alive()
    drain = threading.Thread(target=lambda: [os.read(read, 65536) for _ in range(3)])
    drain.start()
    painter.stop()
    drain.join(5)


def test_a_terminal_that_is_gone_is_not_an_error(screen: Any) -> None:
    stream = screen.stream()
    painter = Painter(Terminal(file=stream), lambda *_: [Text("frame")])
    painter.start()
    until(lambda: screen.lines == ["frame"])
    screen.hang_up()
    painter.say(Text("nobody reads this"))
    time.sleep(2 * PERIOD_S)
    painter.stop()


def test_a_stream_that_is_closed_is_not_an_error(screen: Any) -> None:
    stream = screen.stream()
    painter = Painter(Terminal(file=stream), lambda *_: [Text("frame")])
    painter.start()
    until(lambda: screen.lines == ["frame"])
    stream.close()
    painter.say(Text("nobody reads this"))
    time.sleep(2 * PERIOD_S)
    painter.stop()
