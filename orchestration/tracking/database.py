"""MLflow's own SQLite database: there whole, or not at all.

MLflow makes one in some fifty steps. Cut off between two of them, it leaves a file that no MLflow
can open or mend; and two programs that begin at once get into each other's way.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine, event

from orchestration import store
from orchestration.sqlite import sqlite_address


def check_readable(path: Path) -> None:
    """See whether a file that is there is a database: MLflow asks again for two minutes.

    Raises:
        sqlite3.DatabaseError: it is none.
    """
    if path.exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            try:
                database.execute("PRAGMA schema_version")
            except sqlite3.OperationalError:
                return  # it cannot be read now


def make_database(path: Path, create: Callable[[str], object]) -> None:
    """Make a database where there is none; one that is there is left as it is.

    Args:
        path: of the database; its folder is made as well.
        create: MLflow's way to make one, called with the address of an empty place.

    Raises:
        StorageError: it cannot be written.
    """
    if not path.exists():
        with tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
            new, copy = Path(folder, "new.db"), Path(folder, "copy.db")
            with _without_waiting_for_the_disk():
                create(sqlite_address(new))
            # MLflow may have it open still, and more of it in a file beside.
            with closing(sqlite3.connect(new)) as made, closing(sqlite3.connect(copy)) as whole:
                made.backup(whole)
            store.write_new(path, copy.read_bytes())
    store.remove_parts_of(path)


@contextmanager
def _without_waiting_for_the_disk() -> Iterator[None]:
    """Let SQLite trust the system meanwhile: hundreds of waits, for a file that is only copied."""

    def trust(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", trust)
    try:
        yield
    finally:
        event.remove(Engine, "connect", trust)
