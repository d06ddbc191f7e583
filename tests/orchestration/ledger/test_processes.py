"""What a killed driver left behind is ended, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestration import store
from orchestration.ledger.paths import PROCESSES
from orchestration.ledger.processes import (
    MARK,
    ProcessRecord,
    driver_alive,
    end_left_behind,
    find_living,
    left_behind,
    process_record,
)

pytestmark = pytest.mark.slow

# A driver with a child and a grandchild; the grandchild ignores SIGTERM.
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
CHILD = f"""
import subprocess, sys, time
p = subprocess.Popen([sys.executable, "-uc", {STUBBORN!r}], stdout=subprocess.PIPE)
p.stdout.readline(); print("up", flush=True); time.sleep(60)
"""
DRIVER = f"""
import subprocess, sys, time
from pathlib import Path
from orchestration.ledger.processes import ProcessRecord
p = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE)
p.stdout.readline()
ProcessRecord(Path(sys.argv[1])).update()
print("up", flush=True); time.sleep(60)
"""

# A container's first process that takes no note of those that end; their driver is killed in it.
CONTAINER = f"""
import ctypes, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
p = subprocess.Popen([sys.executable, "-c", {DRIVER!r}, sys.argv[1]], stdout=subprocess.PIPE)
p.stdout.readline(); p.kill(); p.wait()
print("up", flush=True); time.sleep(60)
"""

LATE = f"""
import subprocess, sys, time
from pathlib import Path
from orchestration.ledger.processes import ProcessRecord
ProcessRecord(Path(sys.argv[1])).update()
p = subprocess.Popen([sys.executable, "-uc", {STUBBORN!r}], stdout=subprocess.PIPE)
p.stdout.readline()
print(p.pid, flush=True); time.sleep(60)
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a test starts before its record bears no mark of the test before; its folders go."""
    monkeypatch.setenv(MARK, "of nobody")
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    running = []

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-uc", code, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_killed_drivers_descendants_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Callable[..., subprocess.Popen[str]]
) -> None:
    monkeypatch.setattr("orchestration.ledger.processes.WAIT_S", 0.5)
    bystander = started("import time; time.sleep(60)")
    driver = started(DRIVER, str(tmp_path))
    assert driver.stdout is not None
    assert driver.stdout.readline() == "up\n"
    family = psutil.Process(driver.pid).children(recursive=True)
    assert len(family) == 2
    assert driver_alive(tmp_path)
    driver.kill()
    driver.wait()
    assert not driver_alive(tmp_path)
    assert all(process.is_running() for process in family)
    assert end_left_behind(tmp_path) == 2
    gone, alive = psutil.wait_procs(family, timeout=2)
    assert len(gone) == 2, alive
    assert bystander.poll() is None
    assert not (tmp_path / PROCESSES).exists()
    assert end_left_behind(tmp_path) == 0


def test_continuing_does_not_wait_for_them(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """Neither for one that does not hear, nor for those that nobody takes note of."""
    container = started(CONTAINER, str(tmp_path))
    assert container.stdout is not None
    assert container.stdout.readline() == "up\n"
    family = psutil.Process(container.pid).children(recursive=True)
    begun = time.monotonic()
    assert end_left_behind(tmp_path) == 2
    assert time.monotonic() - begun < 2
    assert [process.status() for process in family] == [psutil.STATUS_ZOMBIE] * 2


def test_who_started_too_late_to_be_noted_is_ended_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """Such as a worker that Ray was starting, which would make the folder anew."""
    monkeypatch.setattr("orchestration.ledger.processes.WAIT_S", 0.5)
    (tmp_path / "other").mkdir()
    other = started(LATE, str(tmp_path / "other"))
    driver = started(LATE, str(tmp_path))
    assert driver.stdout is not None
    assert other.stdout is not None
    late, others = (psutil.Process(int(process.stdout.readline())) for process in (driver, other))
    driver.kill()
    driver.wait()
    assert [noted["pid"] for noted in store.read_document(tmp_path / PROCESSES)["processes"]] == [
        driver.pid
    ]
    assert left_behind(tmp_path)[0] == [late]
    assert end_left_behind(tmp_path) == 1
    assert psutil.wait_procs([late], timeout=2)[1] == []
    assert others.is_running(), "another sweep's"
    others.kill()


def test_a_process_that_only_has_the_same_number_survives(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    stranger, own = (started("import time; time.sleep(60)") for _ in range(2))
    noted = [process_record(p.pid) or {} for p in (stranger, own)]
    noted[0]["started"] -= 1
    ProcessRecord(tmp_path).update()
    document = store.read_document(tmp_path / PROCESSES)
    store.write_document(tmp_path / PROCESSES, document | {"processes": noted})
    assert end_left_behind(tmp_path) == 1
    assert stranger.poll() is None
    assert not psutil.pid_exists(own.pid)


def test_a_start_is_told_whatever_the_clock_says(
    monkeypatch: pytest.MonkeyPatch, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """Setting the clock moves the time at which the machine began, by which psutil counts."""
    noted = process_record(started("import time; time.sleep(60)").pid)
    assert noted is not None
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 0.0, raising=False)
    monkeypatch.setattr("time.time", lambda: 86400.0)
    found = find_living(noted)
    assert found is not None
    assert found.pid == noted["pid"]


@pytest.mark.parametrize("what", ["boot", "folder"])
def test_processes_of_another_machine_or_folder_are_left_alone(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], what: str
) -> None:
    stranger = started("import time; time.sleep(60)")
    folder = tmp_path / "sweep"
    folder.mkdir()
    ProcessRecord(folder).update()
    document = store.read_document(folder / PROCESSES) | {
        "processes": [process_record(stranger.pid)]
    }
    store.write_document(
        folder / PROCESSES, document | ({"boot": "another"} if what == "boot" else {})
    )
    if what == "folder":
        shutil.copytree(folder, tmp_path / "copy")
        folder = tmp_path / "copy"
    assert not driver_alive(folder)
    assert left_behind(folder) == ([], None)
    assert end_left_behind(folder) == 0
    assert stranger.poll() is None
    assert not (folder / PROCESSES).exists()


def test_a_moved_folder_is_still_the_same(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    own = started("import time; time.sleep(60)")
    (tmp_path / "sweep").mkdir()
    ProcessRecord(tmp_path / "sweep").update()
    document = store.read_document(tmp_path / "sweep" / PROCESSES)
    store.write_document(
        tmp_path / "sweep" / PROCESSES, document | {"processes": [process_record(own.pid)]}
    )
    moved = (tmp_path / "sweep").rename(tmp_path / "moved")
    assert end_left_behind(moved) == 1


@pytest.mark.program
def test_those_whose_parents_have_ended_are_ended_as_well(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    record = ProcessRecord(tmp_path)
    child = started(CHILD)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    (grandchild,) = psutil.Process(child.pid).children()
    with record.following():
        time.sleep(0.6)
    child.kill()
    child.wait()
    assert grandchild.is_running()
    record.clear(patience_s=0.5)
    assert psutil.wait_procs([grandchild], timeout=2)[1] == []
    assert not record.temporary.exists()


def test_those_that_can_no_longer_be_noted_are_ended_as_well(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """The sweep's folder has been removed since."""
    folder = tmp_path / "sweep"
    folder.mkdir()
    record = ProcessRecord(folder)
    record.update()
    child = started(CHILD)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    shutil.rmtree(folder)
    record.clear(patience_s=0.5)
    assert not psutil.pid_exists(child.pid)
    assert not record.temporary.exists()
    assert not folder.exists()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_folder_that_is_gone_is_no_error_of_the_thread_that_follows(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    record = ProcessRecord(folder)
    shutil.rmtree(folder)
    with record.following():
        time.sleep(0.3)
    record.clear()


def test_the_record_holds_the_driver_first_and_is_cleared(tmp_path: Path) -> None:
    record = ProcessRecord(tmp_path)
    record.update()
    noted = store.read_document(tmp_path / PROCESSES)["processes"]
    assert noted[0]["pid"] == os.getpid()
    assert driver_alive(tmp_path)
    record.clear()
    assert not driver_alive(tmp_path)


def test_a_full_temporary_folder_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    """No file can have a byte, as on a disk that is full, which still takes folders."""
    script = """
import resource, sys
from pathlib import Path
from orchestration.errors import UserError
from orchestration.ledger.processes import ProcessRecord
import tempfile
tempfile.gettempdir()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    ProcessRecord(Path(sys.argv[1]))
except UserError as error:
    print(error)
"""
    temporary = tmp_path / "t"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "sweep")],
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    # The line is in a pipe: a limit on files says nothing of those.
    assert f"{temporary}: no temporary files can be written (File too large)" in done.stdout
    assert "set TMPDIR" in done.stdout
    assert list(temporary.iterdir()) == []


def test_a_damaged_record_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / PROCESSES).write_text("{")
    assert end_left_behind(tmp_path) == 0
    assert not driver_alive(tmp_path)
