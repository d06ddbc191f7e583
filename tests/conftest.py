"""Real pseudo-terminals, and what a person would see on them."""

from __future__ import annotations

import fcntl
import gc
import os
import pty
import signal
import struct
import termios
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pyte
import pytest
from filelock import FileLock

LONGEST = (
    # Whole programs. The two whose disturbed sweeps are compared with the same undisturbed one are
    # neighbours, so that as a rule one worker has both.
    "tests/cluster/test_sweeps.py",
    "tests/e2e/test_run.py",
    "tests/e2e/test_hostile.py",
    "tests/e2e/test_signals.py",
    "tests/e2e/test_ui.py",
    "tests/faults/test_faults.py",
    "tests/e2e/test_tracking_down.py",
    "tests/cluster/test_tracking.py",
    "tests/benchmarks/test_grid.py",
    "tests/e2e/test_homes.py",
    # Parts of programs
    "tests/orchestration/engine/test_stopping_trials.py",
    "tests/orchestration/writes/test_every_write.py",
    "tests/cvae_core/evaluation/distances/test_fid.py",
    "tests/cvae_core/test_imports.py",
    "tests/orchestration/ledger/test_damage.py",
    "tests/orchestration/run/test_reuse.py",
    "tests/cvae_core/evaluation/test_style.py",
    "tests/cvae_core/training/packs/test_pack.py",
    "tests/cvae_core/training/test_course.py",
    "tests/orchestration/doctor/test_command.py",
)
"""Files that take ten seconds of CPU and more, the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files: the last one to begin has a worker wait for it."""
    places = {file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """What is imported and collected stays: looking through it for garbage takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``shared_folder("name")``: the same for all workers of one run of the tests."""

    def make(name: str) -> Path:
        if "PYTEST_XDIST_WORKER" not in os.environ:
            return tmp_path_factory.mktemp(name)
        folder = tmp_path_factory.getbasetemp().parent / f"shared-{name}"
        folder.mkdir(exist_ok=True)
        return folder

    return make


@pytest.fixture(scope="session")
def empty_database(shared_folder: Callable[[str], Path]) -> Path:
    """An empty database of MLflow's, made once for all workers, to be copied to where one is."""
    from mlflow import MlflowClient

    from orchestration.tracking.database import make_database

    path = shared_folder("mlflow") / "mlflow.db"
    with FileLock(path.with_suffix(".lock")):
        make_database(path, lambda uri: MlflowClient(tracking_uri=uri))
    return path


@pytest.fixture(scope="session", autouse=True)
def nothing_ignored() -> None:
    """Also under ``nohup`` or behind ``&``, which the commands started here would rightly obey."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Screen:
    """Both ends of a pseudo-terminal; a thread interprets what is written."""

    def __init__(self, width: int, height: int = 24) -> None:
        self._outer, self.inner = pty.openpty()
        self._writers: list[TextIO] = [os.fdopen(self.inner, "w", closefd=True)]
        self.resize(width, height)
        self._screen = pyte.HistoryScreen(width, height, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, width: int, height: int) -> None:
        size = struct.pack("HHHH", height, width, 0, 0)
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, size)

    def stream(self) -> TextIO:
        self._writers.append(os.fdopen(os.dup(self.inner), "w", encoding="utf-8"))
        return self._writers[-1]

    def type(self, keys: bytes) -> None:
        os.write(self._outer, keys)

    @property
    def lines(self) -> list[str]:
        """What is on the screen now, without the empty lines at its end."""
        with self._guard:
            lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def everything(self) -> list[str]:
        """What has left the screen at its upper end, and what is on it."""
        with self._guard:
            columns = range(self._screen.columns)
            past = [
                "".join(row[x].data for x in columns).rstrip() for row in self._screen.history.top
            ]
        return past + self.lines

    @property
    def cursor_shown(self) -> bool:
        return not self._screen.cursor.hidden and b"\x1b[?25l" not in self.raw

    @property
    def cursor_column(self) -> int:
        return int(self._screen.cursor.x)

    def close(self) -> None:
        """End all writing here, and read what is still to come."""
        while self._writers:
            with suppress(OSError):
                self._writers.pop().close()
        self._thread.join(10)

    def hang_up(self) -> None:
        """Close the outer end, as a terminal does whose window is closed."""
        # Not by closing it: the thread that reads would soon read somebody else's file.
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), self._outer)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._outer, 65536)
            except OSError:
                break
            if not chunk:
                break
            with self._guard:
                self.raw += chunk
                self._stream.feed(chunk)


@pytest.fixture
def make_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Screen]]:
    """``make_screen(width, height)``: a terminal of so many columns and lines."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("COLUMNS", "LINES"):  # they would win over the terminal's own size
        monkeypatch.delenv(name, raising=False)
    screens: list[Screen] = []

    def make(width: int, height: int = 24) -> Screen:
        screens.append(Screen(width, height))
        return screens[-1]

    yield make
    for screen in screens:
        screen.close()
