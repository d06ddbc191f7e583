"""A command that is asked to end from outside: real signals, locks and folders."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.at_work import is_at_work, silence
from orchestration.ledger.lock import holder, locked
from orchestration.ledger.paths import HOLDER, STOP
from orchestration.run.stop import stop_sweep, stoppable
from orchestration.signals import InterruptHandler, ended_by_signals
from orchestration.terminal.console import Console


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.mkdir()
    return path


def test_a_command_ends_whose_folder_is_removed(folder: Path) -> None:
    """Also while it has nothing to write."""
    warnings: list[str] = []
    with (
        pytest.raises(KeyboardInterrupt),
        ended_by_signals(),
        locked(folder),
        stoppable(folder, warnings.append),
    ):
        shutil.rmtree(folder)
        time.sleep(20)
    assert len(warnings) == 1
    assert f"{folder} was removed or renamed" in warnings[0]
    assert not folder.exists()


def test_a_request_hurries_nobody_who_is_ending(folder: Path) -> None:
    reached = False
    with (
        ended_by_signals(),
        locked(folder),
        stoppable(folder, print),
        InterruptHandler(lambda: None) as handler,
    ):
        os.kill(os.getpid(), signal.SIGINT)
        (folder / STOP).touch()
        until = time.monotonic() + 20
        while (folder / STOP).exists() and time.monotonic() < until:
            time.sleep(0.05)
        reached = True
    assert reached
    assert not (folder / STOP).exists()
    assert not handler.hurried


def test_other_machines_see_that_it_lives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though an evaluation of an hour writes nothing."""
    monkeypatch.setattr("orchestration.run.stop.BEAT_S", 0.0)
    with ended_by_signals(), locked(folder), stoppable(folder, print):
        os.utime(folder / HOLDER, (0.0, 0.0))
        assert silence(folder) > 1e9
        until = time.monotonic() + 20
        while silence(folder) > 60 and time.monotonic() < until:
            time.sleep(0.05)
        assert silence(folder) < 60


HOLD = """
import sys, time
from pathlib import Path
from orchestration.ledger.lock import locked
from orchestration.run.stop import stoppable
from orchestration.signals import ended_by_signals
folder, ends_in = Path(sys.argv[1]), float(sys.argv[2])
with ended_by_signals(), locked(folder), stoppable(folder, print):
    print("held", flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(ends_in)
"""
DEAF = """
import sys, time
from pathlib import Path
from orchestration.ledger.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holding(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``holding(code, …)``: a process that holds the folder's lock."""
    running = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(folder), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.program
def test_one_that_has_heard_is_waited_for(
    folder: Path,
    holding: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long Ray and MLflow take to come to their end."""
    monkeypatch.setattr("orchestration.run.stop.PATIENCE_S", 3.0)
    other = holding(HOLD, "5")
    out = io.StringIO()
    stop_sweep(folder, Console(out))
    assert "small: stopped" in out.getvalue()
    assert other.wait(20) == 0
    assert not (folder / HOLDER).exists()


@pytest.mark.slow
def test_a_command_that_prepares_is_at_work(
    folder: Path, holding: Callable[..., subprocess.Popen[str]]
) -> None:
    """It has no workers yet, and has noted none."""
    other = holding(DEAF)
    assert is_at_work(folder)
    other.kill()
    other.wait()
    assert not is_at_work(folder)
    with locked(folder):
        assert not is_at_work(folder), "as its own command says how the sweep stands"
    other = holding(DEAF.replace("Path(sys.argv[1])", "Path(sys.argv[1]), trains=False"))
    assert holder(folder) is not None
    assert not is_at_work(folder), "that MLflow is told of it makes no sweep run"


@pytest.mark.slow
def test_one_that_does_not_hear_is_not(
    folder: Path,
    holding: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.run.stop.PATIENCE_S", 0.3)
    other = holding(DEAF)
    with pytest.raises(UserError, match=f"does not hear; `kill -9 {other.pid}` ends it"):
        stop_sweep(folder, Console(io.StringIO()))
    assert not (folder / STOP).exists()


def test_a_file_in_the_place_of_a_folder_is_held_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    assert holder(tmp_path / "mlflow.db") is None
    assert not is_at_work(tmp_path / "mlflow.db")


@pytest.mark.parametrize("ending", [{}, {"ending": False}, {"ending": True}])
def test_of_another_machine_nothing_can_be_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ending: dict[str, bool]
) -> None:
    """Neither that it lives, nor that there is anything to kill."""
    monkeypatch.setattr("orchestration.run.stop.PATIENCE_S", 0.3)
    holds = {
        "process": {"pid": 1, "started": 1},
        "host": "elsewhere",
        "command": "cvae-sweep run x",
    }
    store.write_document(folder / HOLDER, {**holds, "since": 0.0, **ending})
    with pytest.raises(UserError) as raised:
        stop_sweep(folder, Console(io.StringIO()))
    said, command = raised.value.lines
    assert "on elsewhere" in said
    assert "it may be dead" in said
    assert "kill" not in said
    assert command == "cvae-sweep run x"
    assert not (folder / STOP).exists()
