"""Storage, sockets, MLflow's address, versions and what was left behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from packaging.requirements import Requirement

from orchestration.commands import program
from orchestration.doctor.filesystem import check_storage, file_system
from orchestration.doctor.leftovers import check_leftovers
from orchestration.doctor.network import BELOW, check_loopback, check_port, check_temporary
from orchestration.doctor.subject import Subject
from orchestration.doctor.tracking import check_tracking
from orchestration.doctor.versions import check_versions, compare
from orchestration.redact import without_secrets
from orchestration.spec.packaged import constrained_versions
from tests.answering_server import Answer, AnsweringServer

Make = Callable[..., Subject]


def test_storage_that_works_is_left_as_it_was(subject: Make, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    asked = subject(sweep=False, storage=tmp_path / "new" / "runs")
    assert check_storage(asked)[0].status == "ok"
    assert str(tmp_path / "new" / "runs") in check_storage(asked)[0].found
    assert sorted(tmp_path.rglob("*")) == before
    assert check_storage(subject(sweep=False, storage=Path("runs")))[0].status == "ok"


def test_storage_that_cannot_be_written(subject: Make, mount: Callable[[str], Path]) -> None:
    finding = check_storage(subject(storage=mount("ro") / "runs"))[0]
    assert finding.status == "problem"
    assert "Read-only file system" in finding.found
    assert "--storage" in str(finding.advice)


def test_storage_on_a_full_disk(subject: Make, mount: Callable[[str], Path]) -> None:
    folder = mount("size=64k")
    with (folder / "fill").open("wb") as file, pytest.raises(OSError, match="space"):
        while True:
            os.write(file.fileno(), bytes(4096))
    finding = check_storage(subject(storage=folder))[0]
    assert finding.status == "problem"
    assert "No space left" in finding.found
    assert [path.name for path in folder.iterdir()] == ["fill"]


def test_storage_below_a_file(subject: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for storage in (tmp_path / "file", tmp_path / "file" / "runs"):
        finding = check_storage(subject(storage=storage))[0]
        assert (finding.status, "is a file" in finding.found) == ("problem", True)


class NoLock:
    """What a file system does that lets everybody in."""

    def acquire(self, **_: object) -> AbstractContextManager[None]:
        return nullcontext()


def test_a_file_system_whose_locks_hold_nobody(
    subject: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.doctor.filesystem.file_lock", lambda _: NoLock())
    finding = check_storage(subject())[0]
    assert finding.status == "problem"
    assert "two processes" in finding.found


def test_a_file_system_without_locks(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    finding = check_storage(subject())[0]
    assert finding.status == "problem"
    assert "there are no file locks (Function not implemented)" in finding.found


def test_file_systems(subject: Make, mount: Callable[[str], Path], tmp_path: Path) -> None:
    if shutil.which("findmnt") is None:
        pytest.skip("findmnt is not installed")
    for folder in (tmp_path, Path("/proc"), Path("/dev/shm"), mount("size=64k")):
        command = ["findmnt", "-no", "FSTYPE", "--target", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert file_system(folder) == done.stdout.splitlines()[-1]


def test_a_network_file_system(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.doctor.filesystem.file_system", lambda _: "nfs4")
    finding = check_storage(subject())[0]
    assert finding.status == "warning"
    assert "nfs4" in finding.found


@pytest.mark.parametrize("option", ["nolock", "local_lock=all", "localflock"])
def test_locks_that_other_machines_do_not_see(
    subject: Make, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    mount = SimpleNamespace(mountpoint="/", fstype="nfs", opts=f"rw,{option},vers=3")
    monkeypatch.setattr("psutil.disk_partitions", lambda all: [mount])
    first, second = check_storage(subject())
    assert f"mounted with {option}: its locks hold on this machine alone" in first.found
    assert {first.status, second.status} == {"warning"}


def test_loopback(subject: Make) -> None:
    assert check_loopback(subject())[0].status == "ok"


@pytest.mark.slow
def test_a_port_that_somebody_has(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.tracking.health.TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("MLFLOW_PORT", str(port))
        finding = check_port(subject())[0]
    assert finding.status == "warning"
    assert f"127.0.0.1:{port}" in finding.found
    assert f"(process {os.getpid()})" in finding.found
    assert f"`export MLFLOW_PORT={port + 1}`" in str(finding.advice)
    assert check_port(subject())[0].status == "ok"


def test_a_port_where_mlflow_is(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with AnsweringServer() as server:
        monkeypatch.setenv("MLFLOW_PORT", str(server.port))
        finding = check_port(subject())[0]
    assert finding.status == "ok"
    assert server.uri in finding.found


def test_a_host_that_is_not_here(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HOST", "192.0.2.1")
    assert check_port(subject())[0].status == "warning"


@pytest.mark.parametrize(("room", "status"), [(0, "ok"), (1, "problem")])
def test_the_length_of_sockets_paths(
    subject: Make, monkeypatch: pytest.MonkeyPatch, room: int, status: str
) -> None:
    """Held against the system itself: it takes the longest path, and one more byte is refused."""
    parent = tempfile.mkdtemp(dir="/tmp")
    try:
        folder = Path(parent) / ("x" * (107 - len(BELOW) - len(parent) - 1 + room))
        path = Path(f"{folder}{BELOW}")
        path.parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as unix:
            if status == "ok":
                unix.bind(str(path))
            else:
                with pytest.raises(OSError, match="too long"):
                    unix.bind(str(path))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        assert check_temporary(subject())[0].status == status
    finally:
        shutil.rmtree(parent)


@pytest.mark.slow
def test_a_tracking_server(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(uri: str) -> tuple[str, str]:
        finding = check_tracking(subject(tracking_uri=uri))[0]
        assert finding.status == "ok" or str(finding.advice).endswith(".")
        return finding.status, finding.found

    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    with AnsweringServer() as good:
        assert check(good.uri) == ("ok", f"{good.uri} answers")
        assert check(f"{good.uri}/") == ("ok", f"{good.uri}/ answers")
    for answer in (Answer(404, "no"), Answer(200, "<html>"), Answer(500)):
        with AnsweringServer(answer) as bad:
            assert check(bad.uri)[0] == "problem"
    with AnsweringServer(login="Basic Ym9iOnNlY3JldDI=") as locked:
        assert "asks for a user and password" in check(locked.uri)[1]
        known = locked.uri.replace("//", "//bob:secret2@")
        assert check(known) == ("ok", f"{locked.uri} answers")


@pytest.mark.parametrize(
    "uri",
    [
        "http://bob:secret@127.0.0.1:9",
        "http://bob:sec/secret@127.0.0.1:9",
        "http://bob:secret@127.0.0.1:port",
        "http://bob:secret@[::1",
        "bob:secret@127.0.0.1/x",
        "postgresql://bob:secret@127.0.0.1:9/mlflow",
        "http://bob:secret@127.0.0.1:99999",
        "http://bob:secret@no-such-host.invalid",
    ],
)
def test_no_finding_has_a_password(subject: Make, uri: str) -> None:
    finding = check_tracking(subject(tracking_uri=uri))[0]
    shown = f"{finding.found} {finding.advice}"
    assert "secret" not in shown
    assert "bob" not in shown
    assert finding.status == "problem"
    assert str(finding.advice).endswith(".")


def test_what_is_no_address_stays() -> None:
    for text in (
        *("mlflow.yaml:3: ui.port: a number", "http://127.0.0.1:5000/x", "a@b"),
        *("sqlite:////me@corp/m.db: no", "sqlite+pysqlite:///file:/me@corp/m.db?uri=true"),
        "'file:///me@corp/d' file:/me@corp",
    ):
        assert without_secrets(text) == text


def test_a_tracking_database(subject: Make, tmp_path: Path) -> None:
    file = tmp_path / "runs" / "mlflow.db"
    assert check_tracking(subject())[0].status == "ok"
    file.parent.mkdir()
    file.write_bytes(b"nonsense" * 1000)
    finding = check_tracking(subject())[0]
    assert (finding.status, str(file) in finding.found) == ("problem", True)
    elsewhere = check_tracking(subject(tracking_uri="sqlite:////proc/none/mlflow.db"))[0]
    assert elsewhere.status == ("ok" if os.access("/proc", os.W_OK) else "problem")


def test_a_database_with_options_in_its_address(subject: Make, tmp_path: Path) -> None:
    file = tmp_path / "own.db"
    file.write_bytes(b"nonsense" * 1000)
    finding = check_tracking(subject(tracking_uri=f"sqlite:///{file}?timeout=5"))[0]
    assert (finding.status, str(file) in finding.found) == ("problem", True)


def test_a_broken_mlflow_yaml(subject: Make) -> None:
    Path("mlflow.yaml").write_text("ui: {port: many}\n")
    finding = check_tracking(subject())[0]
    assert finding.status == "problem"
    assert "mlflow.yaml:1: ui.port" in finding.found
    assert check_port(subject()) == []


def test_plain_folders_are_refused_with_what_to_do(subject: Make) -> None:
    finding = check_tracking(subject(tracking_uri="mlruns"))[0]
    assert finding.status == "problem"
    assert finding.advice == "Use sqlite:///PATH/mlflow.db or http://HOST:PORT."


def test_versions_are_compared() -> None:
    def statuses(line: str, tested: dict[str, str]) -> list[tuple[str, str, str | None]]:
        found = compare([Requirement(line)], tested, "Python")
        return [(f.status, f.found, f.advice) for f in found]

    import numpy

    there = numpy.__version__
    assert statuses("numpy>=1", {"numpy": there})[0][0] == "ok"
    ((status, found, advice),) = statuses("numpy>=1", {"numpy": "1.0.1"})
    assert status == "warning"
    assert f"numpy {there} (1.0.1)" in found
    assert "numpy==1.0.1" in str(advice)
    ((status, found, advice),) = statuses("numpy<1", {"numpy": "1.0.1"})
    assert status == "problem"
    assert f"numpy {there} is not <1" in found
    assert advice == f"`{program('pip')} install 'numpy<1'`"
    ((status, found, _),) = statuses("no-such-distribution>=2", {})
    assert (status, found) == ("problem", "no-such-distribution is not installed")


def test_the_constrained_versions_are_those_of_the_repository(repository: Path) -> None:
    tested = constrained_versions()
    lines = (repository / "constraints.txt").read_text().splitlines()
    assert [f"{k}=={v}" for k, v in tested.items()] == [line for line in lines if "==" in line]
    assert check_versions(Subject(storage=Path("runs")))[0].name == "versions"


DRIVER = """
import subprocess, sys, time
from pathlib import Path
from orchestration.ledger.processes import ProcessRecord
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
record = ProcessRecord(Path(sys.argv[1]))
record.update()
print(record.temporary, flush=True); time.sleep(60)
"""


def test_leftovers(
    subject: Make,
    tmp_path: Path,
    local_sweep: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local_sweep("runs/small").open()  # type: ignore[attr-defined]
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "runs" / "small")]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    temporary = Path(driver.stdout.readline().strip())
    (child,) = psutil.Process(driver.pid).children()
    try:
        assert [f.status for f in check_leftovers(subject())] == ["ok"]  # its driver lives
        driver.kill()
        driver.wait()
        (finding,) = check_leftovers(subject())
        assert finding.status == "warning"
        assert f"processes {child.pid}" in finding.found
        assert str(temporary) in finding.found
        assert f"resume small --storage {tmp_path / 'runs'}` ends" in str(finding.advice)
        monkeypatch.setenv("CVAE_SWEEP_STORAGE", str(tmp_path / "runs"))
        assert "resume small` ends" in str(check_leftovers(subject())[0].advice)
        assert child.is_running()
    finally:
        child.send_signal(signal.SIGKILL)
        driver.stdout.close()
    psutil.wait_procs([child], timeout=5)
    assert "processes" not in check_leftovers(subject())[0].found
    temporary.rmdir()
    assert [f.status for f in check_leftovers(subject())] == ["ok"]
