"""Databases that MLflow takes, and those that it refuses: found out without changing them."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow.store
import optuna
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from mlflow.store.tracking.dbmodels.initial_models import Base

from orchestration.doctor.finding import Finding
from orchestration.doctor.subject import Subject
from orchestration.doctor.tracking import check_tracking
from orchestration.errors import UserError
from orchestration.sqlite import sqlite_address, sqlite_path
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.tracker import Tracker
from tests.names import WORST

pytestmark = pytest.mark.slow

Make = Callable[..., Subject]
SCRIPTS = Path(mlflow.store.__path__[0]) / "db_migrations"
_, BEFORE, *_, OLDER, _ = (
    script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    Tracker(sqlite_address(folder / "mlflow.db"), MlflowConfig(), folder).connect("sweep")
    return folder / "mlflow.db"


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Path:
    """In the storage folder, whose name is the worst."""
    (tmp_path / WORST).mkdir()
    return Path(shutil.copy(made, tmp_path / WORST))


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def examine(subject: Make, database: Path, uri: str | None = None) -> Finding:
    """What is found; the database and all beside it stay as they are."""
    before = {path: path.read_bytes() for path in database.parent.iterdir()}
    (finding,) = check_tracking(subject(storage=database.parent, tracking_uri=uri))
    assert {path: path.read_bytes() for path in database.parent.iterdir()} == before
    assert finding.status == "ok" or str(finding.advice).endswith(".")
    return finding


def refused(subject: Make, database: Path, found: str, advice: str) -> str:
    """The advice; MLflow itself refuses, too."""
    finding = examine(subject, database)
    assert finding.status == "problem"
    assert f" cannot be used: {found}" in finding.found
    assert re.search(advice, str(finding.advice)), finding.advice
    storage = database.parent
    with pytest.raises(UserError) as raised:
        Tracker(sqlite_address(database), MlflowConfig(), storage).connect("sweep")
    assert found in str(raised.value)
    assert str(finding.advice)[1:-1] in str(raised.value)
    return str(finding.advice)


def test_one_that_mlflow_takes(subject: Make, database: Path) -> None:
    assert examine(subject, database).status == "ok"
    database.write_bytes(b"")  # is filled by MLflow
    assert examine(subject, database).status == "ok"


def test_of_a_newer_mlflow(subject: Make, database: Path) -> None:
    change(database, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    refused(subject, database, "Detected out-of-date database schema", "A newer MLflow made it, or")


def test_of_an_older_one_that_mlflow_does_not_update_by_itself(
    subject: Make, database: Path
) -> None:
    """The command that is shown is MLflow's way to do so."""
    change(database, f"UPDATE alembic_version SET version_num = '{BEFORE}'")
    advice = refused(
        subject, database, f"Detected out-of-date database schema (found version {BEFORE}", "`.*`"
    )
    _, *arguments, uri = shlex.split(advice.partition("`")[2].rpartition("`")[0])
    assert (arguments, sqlite_path(uri)) == (["db", "upgrade"], database)


def test_of_an_older_one_that_mlflow_updates(subject: Make, database: Path) -> None:
    """It is none that lacks a table, as newer ones have more."""
    database.unlink()
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    engine = sqlalchemy.create_engine(sqlite_address(database))
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    engine.dispose()
    finding = examine(subject, database)
    assert (finding.status, "an older MLflow" in finding.found) == ("warning", True)
    assert "Copy the file first" in str(finding.advice)


@pytest.mark.parametrize("content", [b"nonsense" * 1000, None])
def test_what_is_no_database(subject: Make, database: Path, content: bytes | None) -> None:
    database.write_bytes(content or database.read_bytes()[:200_000])
    found = "file is not a database" if content else "database disk image is malformed"
    fill = r"`.*cvae-sweep sync NAME --storage .*` fills a new one\.$"
    refused(subject, database, found, f"another program's: move it away, and {fill}")


def test_of_another_program(subject: Make, database: Path) -> None:
    database.unlink()
    change(database, "CREATE TABLE runs (a)")
    refused(subject, database, "no such column: runs.run_uuid", "another program's: move it away")


def test_of_optuna(subject: Make, database: Path) -> None:
    database.unlink()
    optuna.create_study(storage=sqlite_address(database))
    refused(subject, database, "Can't locate revision identified by", "or another program")


def test_one_that_cannot_be_written(subject: Make, database: Path) -> None:
    uri = sqlite_address(database, {"mode": "ro", "uri": "true"})
    finding = examine(subject, database, uri)
    assert (finding.status, "attempt to write a readonly" in finding.found) == ("problem", True)
    assert "Make it and its folder writable for you, or choose" in str(finding.advice)


def test_one_that_is_locked(subject: Make, database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        uri = sqlite_address(database, {"timeout": "0.1"})
        (finding,) = check_tracking(subject(storage=database.parent, tracking_uri=uri))
    assert (finding.status, "database is locked" in finding.found) == ("problem", True)
    assert "Wait until the program that holds it is done" in str(finding.advice)
    assert examine(subject, database).status == "ok"


@pytest.mark.program
def test_a_deleted_experiment_is_restored_by_the_command_that_is_shown(database: Path) -> None:
    tracker = Tracker(sqlite_address(database), MlflowConfig(), database.parent)
    change(database, "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'sweep'")
    with pytest.raises(UserError) as raised:
        tracker.connect("sweep")
    restore = str(raised.value).partition("`")[2].rpartition("`")[0]
    subprocess.run(["sh", "-c", restore], check=True, cwd="/", capture_output=True)
    assert tracker.connect("sweep") == ("sweep", "1")
