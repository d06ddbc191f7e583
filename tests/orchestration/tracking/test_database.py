"""A new MLflow database, made while others make it too, or cut off."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from orchestration.errors import UserError
from orchestration.tracking import tracker
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.database import make_database
from orchestration.tracking.tracker import Tracker

pytestmark = pytest.mark.slow


def start(storage: Path, name: str) -> ForkProcess:
    """A process that connects to MLflow's database in a storage folder, and makes it for real.

    Forked, because it would take seconds to import MLflow anew.
    """
    temporary = storage / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)

    def work() -> None:
        tempfile.tempdir = str(temporary)
        tracker.make_database = make_database
        connect(storage, name)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    return child


def connect(storage: Path, name: str) -> str:
    uri = f"sqlite:///{storage / 'mlflow.db'}"
    return Tracker(uri, MlflowConfig(), storage).connect(name)[1]


def largest(storage: Path) -> int:
    """Bytes of the largest database below a folder, wherever it is made."""
    sizes = [0]
    for path in storage.rglob("*.db"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


# MLflow 3.10 makes one of 0.6 MB, 3.17 one of 1 MB.
@pytest.mark.parametrize("size", [1, 400_000])
def test_cut_off_while_it_is_made(tmp_path: Path, size: int) -> None:
    child = start(tmp_path, "first")
    until = time.monotonic() + 120
    while largest(tmp_path) < size:
        assert child.is_alive()
        assert time.monotonic() < until
        time.sleep(0.001)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert connect(tmp_path, "first") == "1"


@pytest.mark.program
def test_two_that_begin_at_once(tmp_path: Path) -> None:
    children = [start(tmp_path, name) for name in ("first", "second")]
    for child in children:
        child.join(120)
        assert child.exitcode == 0
    assert {connect(tmp_path, "first"), connect(tmp_path, "second")} == {"1", "2"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "temporary"]
    assert not list((tmp_path / "temporary").iterdir())


def test_one_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    told = r"mlflow\.db is damaged, .*: move it away, and `.*sync NAME --storage .*` fills"
    began = time.monotonic()
    with pytest.raises(UserError, match=told):
        connect(tmp_path, "first")
    assert time.monotonic() - began < 10, "MLflow asks again for two minutes"


def test_the_disk_is_waited_for_only_where_what_is_written_stays(
    tmp_path: Path, sqlite_waits_for_no_disk: Callable[..., None]
) -> None:
    """SQLite knows the first of its ways by 0, off, and the one it begins with by 2, full."""
    found = []

    def create(uri: str) -> None:
        engine = create_engine(uri)
        with engine.connect() as connection:
            found.append(connection.execute(text("PRAGMA synchronous")).scalar())
        engine.dispose()

    event.remove(Engine, "connect", sqlite_waits_for_no_disk)
    try:
        make_database(tmp_path / "mlflow.db", create)
        create(f"sqlite:///{tmp_path / 'mlflow.db'}")
    finally:
        event.listen(Engine, "connect", sqlite_waits_for_no_disk)
    assert found == [0, 2]
