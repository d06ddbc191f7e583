"""Addresses of databases in folders of any name, as SQLAlchemy itself opens them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from orchestration.errors import UserError
from orchestration.sqlite import (
    LONGEST,
    absolute_address,
    check_options,
    sqlite_address,
    sqlite_path,
)
from orchestration.storage import storage_folder
from tests.names import NAMES_AND_BYTES as NAMES


@pytest.fixture(params=NAMES, ids=ascii)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / request.param
    made.mkdir()
    return made


def opened(address: str) -> list[str]:
    """Tables of the database that SQLAlchemy finds there."""
    engine = sqlalchemy.create_engine(address)
    try:
        return sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


def make(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE here (a)")


@pytest.mark.parametrize("own_name", [False, True])
def test_an_address_opens_its_file_and_leads_back_to_it(folder: Path, own_name: bool) -> None:
    path = folder / (folder.name if own_name else "mlflow.db")
    make(path)
    for options in ({}, {"timeout": "5"}, {"mode": "ro", "uri": "true"}):
        address = sqlite_address(path, options)
        assert opened(address) == ["here"]
        assert sqlite_path(address) == path
        assert absolute_address(address) == address
        address.encode()  # it is kept in documents
    assert list(folder.iterdir()) == [path]
    assert len(list(folder.parent.iterdir())) == 1


def test_a_path_from_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    make(folder / "own.db")
    for address in ("sqlite:///own.db", "sqlite:///own.db?timeout=5", "sqlite+pysqlite:///own.db"):
        assert opened(absolute_address(address)) == ["here"]
        assert sqlite_path(absolute_address(address)) == folder.resolve() / "own.db"


def test_plain_paths_have_plain_addresses() -> None:
    """As they stand in the ledgers of sweeps, and as people write them."""
    for path in ("/home/me/runs/mlflow.db", "/a b/Größe/[x]/it's/me@corp/m.db"):
        assert sqlite_address(Path(path)) == f"sqlite:///{path}"
        assert absolute_address(f"sqlite:///{path}") == f"sqlite:///{path}"
    assert sqlite_path("sqlite:////a/b.db?timeout=5") == Path("/a/b.db")


def test_a_question_mark_that_belongs_to_the_path(tmp_path: Path) -> None:
    """SQLAlchemy would take the rest for options, and make a database with half the name."""
    folder = tmp_path / "why?x=1"
    folder.mkdir()
    make(folder / "m.db")
    meant = f"sqlite:///{folder}/m.db"
    for check in (absolute_address, check_options):
        with pytest.raises(UserError, match="SQLite has no option 'x'; if the") as raised:
            check(meant)
        assert opened(str(raised.value).rpartition(" ")[2]) == ["here"]
    assert [each.name for each in tmp_path.iterdir()] == ["why?x=1"]


@pytest.mark.parametrize("address", ["sqlite://", "sqlite://a/b", "sqlite:a.db"])
def test_slashes_that_are_missing(address: str) -> None:
    with pytest.raises(UserError, match="after three slashes; use sqlite:///PATH"):
        absolute_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///?timeout=1",
        "sqlite:///file:x?mode=memory&uri=1",
    ],
)
def test_a_database_in_memory(address: str) -> None:
    with pytest.raises(UserError, match="in memory alone is gone with this command; use"):
        absolute_address(address)


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    """SQLite opens a path of so many bytes, and none that is longer."""
    folder = tmp_path
    while len(os.fsencode(folder)) < LONGEST - 204:
        folder = folder / ("ü" * 50)
    folder = folder / ("d" * (LONGEST - len(os.fsencode(folder)) - 6))
    folder.mkdir(parents=True)
    make(folder / "m.db")
    assert opened(absolute_address(f"sqlite:///{folder}/m.db")) == ["here"]
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        make(folder / "mm.db")
    with pytest.raises(UserError, match="of 505 bytes, and SQLite opens none of more than 504"):
        absolute_address(f"sqlite:///{folder}/mm.db")
    long = "l" * 256
    for refuse in (
        lambda: absolute_address(f"sqlite:///{long}/m.db"),
        lambda: storage_folder(long),
    ):
        with pytest.raises(UserError, match="too long for a file's name; choose a shorter one"):
            refuse()
