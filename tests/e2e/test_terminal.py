"""The installed command with real Ray, seen on a terminal and in a pipe."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cvae_core.evaluation.parts import PARTS
from tests.orchestration.written import Written

COMMAND = Path(sys.executable).with_name("cvae-sweep")
SPEC = """\
name: digits
baselines: false
base: {data: {name: digits}, epochs: 300}
grid: {model: [vae, cvae], beta: [0.1, 0.2]}
checkpoints: {min_interval_s: 3600}
evaluation: {umap: false, fd: false, pictures: false, diagnostics: false}
"""
PATIENCE_S = 90.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def used(folder: Path, empty_database: Path) -> None:
    """A storage folder that was used before, which saves a second."""
    (folder / "runs").mkdir()
    shutil.copy(empty_database, folder / "runs" / "mlflow.db")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Ray's sockets need a short path; nothing is kept yet, so that loading takes a while."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "RAY", "CVAE"))}
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:
        cache = str(Path(short) / "cache")
        yield {**kept, "TMPDIR": short, "TERM": "xterm-256color", "CVAE_SWEEP_CACHE": cache}


@pytest.fixture
def start(
    folder: Path, environment: dict[str, str]
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """``start(screen, …)``: the command, with a screen as its controlling terminal."""
    drivers: list[subprocess.Popen[bytes]] = []

    def begin(screen: Any, *arguments: str) -> subprocess.Popen[bytes]:
        drivers.append(
            subprocess.Popen(
                [str(COMMAND), *arguments],
                cwd=folder,
                env=environment,
                stdin=screen.inner,
                stdout=screen.inner,
                stderr=screen.inner,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        )
        return drivers[-1]

    yield begin
    for driver in drivers:
        if driver.poll() is None:
            for process in [*psutil.Process(driver.pid).children(recursive=True), driver]:
                process.kill()
            driver.wait()


def seen(screen: Any, driver: subprocess.Popen[bytes], text: str) -> list[str]:
    """The screen as soon as this is on it."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        lines: list[str] = screen.lines
        if any(text in line for line in lines):
            return lines
        assert driver.poll() is None, "\n".join(screen.everything)
        time.sleep(0.05)
    raise AssertionError(f"{text!r} does not come: {screen.lines}")


@pytest.mark.usefixtures("used")
def test_ctrl_c_on_a_terminal(
    make_screen: Callable[..., Any], start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    screen = make_screen(80)
    driver = start(screen, "run", "sweep.yaml", "--max-concurrent", "1")
    seen(screen, driver, "loading digits … ")
    seen(screen, driver, "digits: 4 trials; starting Ray on this machine … ")
    seen(screen, driver, "0/4 finished")
    lines = seen(screen, driver, " left")
    lines = seen(screen, driver, "training")
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if "vae β=0." in line] != []
    screen.type(b"\x03")
    assert driver.wait(PATIENCE_S) == 130
    screen.close()
    told = screen.everything
    assert told[-1].endswith("run sweep.yaml --max-concurrent 1")
    text = "\n".join(told)
    assert "waiting" not in text
    assert "Ctrl-C" not in text
    assert "nothing is lost" in text
    assert "raylet" not in text, "Ray prints into its log"
    assert screen.cursor_shown


def test_sigterm_before_the_first_trial(
    make_screen: Callable[..., Any], start: Callable[..., subprocess.Popen[bytes]], folder: Path
) -> None:
    screen = make_screen(80)
    driver = start(screen, "run", "sweep.yaml")
    seen(screen, driver, "loading digits")
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(PATIENCE_S) == 130
    screen.close()
    assert not any("loading" in line for line in screen.everything)
    assert screen.everything[0].startswith("interrupted; nothing is lost")
    assert not (folder / "runs").exists()


def test_status_on_a_narrow_terminal(
    make_screen: Callable[..., Any],
    start: Callable[..., subprocess.Popen[bytes]],
    folder: Path,
) -> None:
    written = Written(folder / "runs" / "digits")
    written.ledger.sweep.spec["evaluation"] = dict.fromkeys(PARTS, False)
    for model in ("vae", "cvae"):
        written.trial(epochs=1, model=model, data={"name": "digits"})
    screen = make_screen(40)
    assert start(screen, "status", "digits").wait(PATIENCE_S) == 0
    screen.close()
    rows = [line for line in screen.everything if " finished" in line and "is finished" not in line]
    assert len(rows) == 2
    assert all(line.endswith("1/1") or "1/1 " in line for line in rows)
