"""A small real sweep under the live table, on real pseudo-terminals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.reports import Report
from orchestration.engine.worker import Worker
from orchestration.signals import Interrupted
from orchestration.spec.evaluation import Evaluation
from orchestration.status.live.board import Board
from orchestration.status.live.table_view import TableView
from orchestration.terminal.console import Console

pytestmark = pytest.mark.slow

STEP_S = 0.12
"""A worker's step, in which two frames are drawn."""


@pytest.fixture(autouse=True)
def drawn_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often users see a frame is tested with the painter."""
    monkeypatch.setattr("orchestration.terminal.painter.PERIOD_S", 0.05)


def work(
    sweep: Any, small: Any, screen: Any, on_step: Callable[[int], None] = lambda _: None
) -> list[list[str]]:
    """Run a sweep under the live table; the screens that were seen before a worker's steps."""
    console = Console(screen.stream())
    assert console.live
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    view = TableView(console, Board(ledger, 1, sweep.spec.evaluation), "small")
    screens: list[list[str]] = []

    class Slow(Worker):
        """Slow enough that frames of every state are drawn."""

        def step(self) -> Report:
            time.sleep(STEP_S)
            screens.append(screen.lines)
            on_step(len(screens))
            return super().step()

    worker = Slow({"digits": small}, sweep.folder, threads=1, gpu=False)
    try:
        with view.shown():
            InProcessEngine(worker).work(queue, sweep.results(ledger, queue, view))
            time.sleep(STEP_S)
            screens.append(screen.lines)
    finally:
        console.line("after it")
        screen.close()
    return screens


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_sweep_with_a_failure(
    local_sweep: Callable[..., Any], small: Any, make_screen: Callable[..., Any], width: int
) -> None:
    grid = [{"model": ["vae", "cvae"]}, {"learning_rate": [1e30]}]
    sweep = local_sweep(
        grid=grid, base={"epochs": 2, "clip_norm": None}, evaluation={"diagnostics": True}
    )
    screen = make_screen(width)
    screens = work(sweep, small, screen)
    first, second, third = sweep.keys
    table = next(lines for lines in screens if any("training" in line for line in lines))
    assert any(line.startswith(first) and "1/2" in line for line in table)
    assert any(line.startswith(second) and "waiting" in line for line in table)
    assert any("0/3 finished" in line for line in table)
    assert any("Ctrl-C stops" in line for line in table)
    assert max(len(line) for lines in screens for line in lines) <= width
    assert any("2/3 finished, 1 failed" in line for line in screens[-1])
    told = screen.everything
    text = "".join(told)
    assert "waiting" not in text, "no frame is left behind"
    for part in (f"{first}  vae", f"{second}  cvae", f"{third}  vae learning_rate=1e+30"):
        assert part in text
    assert text.count("test MSE") == 2
    assert "failed: the loss is not finite" in text
    assert f"logs/{third}-a1.txt" in text
    assert "set clip_norm: 1.0" in text
    assert "the other trials go on" in text
    assert told[-1] == "after it"
    assert screen.cursor_shown
    assert screen.cursor_column == 0


def test_an_error_with_its_traceback(
    local_sweep: Callable[..., Any],
    small: Any,
    make_screen: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> dict[str, float]:
        raise ValueError("[bold]no\x1b[2J")

    monkeypatch.setattr("cvae_core.evaluation.probes.part.evaluate", broken)
    sweep = local_sweep(base={"epochs": 1})
    screen = make_screen(120)
    work(sweep, small, screen)
    text = "\n".join(screen.everything)
    assert r"vae  evaluation (probe) failed: ValueError: [bold]no\x1b[2J" in text
    assert ", in broken" in text
    assert r'raise ValueError("[bold]no\x1b[2J")' in text
    assert f"whole traceback: {sweep.folder}"[:100] in text
    # Its lines may end anywhere, as the path before it is as long as it is.
    assert "cvae-sweepevaluatesweep--onlyprobe" in "".join(text.split())
    assert b"\x1b[2J" not in screen.raw


def test_stopping_is_shown(
    local_sweep: Callable[..., Any], make_screen: Callable[..., Any]
) -> None:
    screen = make_screen(80)
    ledger = local_sweep().open()
    view = TableView(Console(screen.stream()), Board(ledger, 1, Evaluation()), "small")
    with view.shown():
        time.sleep(0.1)
        assert "Ctrl-C stops" in screen.lines[-1]
        view.stopping(at_once=False)
        time.sleep(0.5)
        assert screen.lines[-1].startswith("stopping after the epochs under way; Ctrl-C again")


def test_continuing_and_notes_are_said(
    local_sweep: Callable[..., Any], small: Any, make_screen: Callable[..., Any]
) -> None:
    sweep = local_sweep(base={"epochs": 4})
    (trial,) = sweep.run(stop_after=1).values()
    (sweep.folder / trial.checkpoints[0].path).write_bytes(b"torn")
    screen = make_screen(120)
    work(sweep, small, screen)
    told = screen.everything
    assert f"{trial.key}  vae  continues after epoch 1 (attempt 2)" in told
    assert sum("checkpoint of epoch 1 was not used" in line for line in told) == 1


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt, SystemExit, RuntimeError])
def test_whatever_ends_it_the_terminal_is_left_clean(
    local_sweep: Callable[..., Any],
    small: Any,
    make_screen: Callable[..., Any],
    error: type[BaseException],
) -> None:
    def fail(count: int) -> None:
        if count == 3:
            raise error

    screen = make_screen(60)
    with pytest.raises(error):
        work(local_sweep(), small, screen, fail)
    assert screen.everything == ["after it"]
    assert screen.cursor_shown
