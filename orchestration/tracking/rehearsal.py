"""What MLflow would do with a database, done with a copy of its tables that has no rows."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.pool import NullPool

from orchestration.sqlite import sqlite_address

TABLES = (
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
    "ORDER BY type != 'table', rowid"
)
VERSION = "SELECT version_num FROM alembic_version"


def would_upgrade(uri: str) -> bool:
    """Whether MLflow would take an SQLite database to another version of its schema.

    Args:
        uri: of the database, which is left as it is. It is there.

    Raises:
        Exception: it cannot be written to, or MLflow would refuse it; of SQLAlchemy or MLflow.
    """
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    engine = sqlalchemy.create_engine(uri, poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        number = connection.exec_driver_sql("PRAGMA user_version").scalar()
        connection.exec_driver_sql(f"PRAGMA user_version = {number}")  # a write, never carried out
        tables = list(connection.exec_driver_sql(TABLES).scalars())
        is_made = "alembic_version" in sqlalchemy.inspect(connection).get_table_names()
        versions = list(connection.exec_driver_sql(VERSION).scalars()) if is_made else []
        connection.exec_driver_sql("ROLLBACK")
    with tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
        copy = Path(folder, "copy.db")
        with closing(sqlite3.connect(copy)) as database:
            database.execute("PRAGMA synchronous = OFF")
            for table in tables:
                database.execute(table)
            for version in versions:
                database.execute("INSERT INTO alembic_version VALUES (?)", (version,))
            database.commit()
        SqlAlchemyStore(sqlite_address(copy), Path(folder).as_uri())
        with closing(sqlite3.connect(copy)) as database:
            after = [version for (version,) in database.execute(VERSION)]
    return versions not in ([], after)
