"""What is said while something takes its time."""

from __future__ import annotations

import time

import pytest

from orchestration.terminal.busy import Busy


def line(busy: Busy, width: int = 120) -> str:
    (text,) = busy.frame(width, 24)
    return text.plain


def test_a_bar_is_as_full_as_the_work_is_done() -> None:
    busy = Busy("loading folder")
    assert "loading folder … 0 s" in line(busy)
    for done, filled in ((0, 0), (250, 5), (500, 10), (1000, 20)):
        busy.progress("decoding", done, 1000)
        text = line(busy)
        assert (text.count("━"), text.count("╌")) == (filled, 20 - filled)
        assert f"decoding {'━' * filled}" in text
        assert f"{done:,} of 1,000" in text


def test_the_time_left_is_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    busy = Busy("loading")
    now[0] = 110.0
    busy.progress("decoding", 0, 100)
    now[0] = 130.0
    busy.progress("decoding", 25, 100)
    # A quarter took twenty seconds of its own; the rest takes three times that.
    assert line(busy).endswith("25 of 100, 1:00 left")


def test_an_unknown_total_has_neither_bar_nor_time() -> None:
    busy = Busy("loading")
    busy.progress("fetching kB", 1234, 0)
    assert line(busy).endswith("fetching kB 1,234")


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_frame_fits(width: int) -> None:
    busy = Busy("loading a data set of a long name")
    busy.progress("decoding", 10, 1000)
    assert len(line(busy, width)) <= width


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines: list[str] = []
    busy = Busy("loading", lines.append)
    for second in range(15):
        now[0] = float(second)
        busy.progress("decoding", second, 15)
    assert lines == [f"loading: decoding: {second} of 15" for second in (2, 7, 12)]
