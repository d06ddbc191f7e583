"""Why MLflow does not take a database, and what can be done about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cvae_core.shell import shell_line
from orchestration.commands import command_line, program
from orchestration.redact import without_credentials, without_secrets
from orchestration.sqlite import sqlite_path

UNUSABLE = "MLflow cannot be used: "
CHOOSE = "choose another with --tracking-uri or in mlflow.yaml"
DAMAGED = ("not a database", "malformed", "already exists", "no such table", "no such column")
"""What SQLite says of a file that it cannot read, or that MLflow did not make to its end."""
CLOSED = ("readonly", "unable to open")
SCHEMA = re.compile(
    r"database schema \(found version (\w+)|locate revision identified by '([^']*)'"
)
UNKNOWN = "None"
"""Version of a schema that has MLflow's tables and no version."""
CLASS = re.compile(r"^\(\w+\.\w+\) ")
"""Of an error that SQLAlchemy tells of."""
MLFLOWS_ADVICE = re.compile(r"\. Take a backup .*")
"""It names neither the program nor the database."""


@dataclass(frozen=True)
class Refusal:
    """What was said, and what to do, as parts of a sentence."""

    reason: str
    advice: str | None


class FileRefusedError(Exception):
    """A file of a run does not arrive, though all else of it has."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def refusal_of(error: Exception, uri: str, storage: Path) -> Refusal:
    """What an error of MLflow's, SQLAlchemy's or SQLite's means.

    Args:
        error: the error.
        uri: of the tracking database or server.
        storage: folder of all sweeps, from which a new database is filled.
    """
    said = (str(error) or type(error).__name__).strip().splitlines()[0]
    reason = MLFLOWS_ADVICE.sub("", CLASS.sub("", without_secrets(said)))
    return Refusal(reason, _advice(reason, uri, storage))


def _advice(reason: str, uri: str, storage: Path) -> str | None:
    schema = SCHEMA.search(reason)
    version = schema and (schema[1] or schema[2])
    if version is not None and version != UNKNOWN:
        if version not in _own_versions():
            return f"a newer MLflow made it, or another program: update MLflow, or {CHOOSE}"
        upgrade = shell_line(program("mlflow"), "db", "upgrade", without_credentials(uri))
        return f"copy it to be safe, and then bring it up to date with `{upgrade}`"
    database = sqlite_path(uri)
    if database is None:
        return None
    if version == UNKNOWN or any(sign in reason for sign in DAMAGED):
        fill = command_line("sync", "NAME", storage=storage)
        whose = f"{database} is damaged, or another program's"
        return f"{whose}: move it away, and `{fill}` fills a new one"
    if any(sign in reason for sign in CLOSED):
        return f"make it and its folder writable for you, or {CHOOSE}"
    if "locked" in reason:
        return f"wait until the program that holds it is done, or {CHOOSE}"
    return None


def _own_versions() -> set[str]:
    """Of the schema, up to that of this MLflow."""
    import mlflow.store
    from alembic.script import ScriptDirectory

    folder = Path(mlflow.store.__path__[0]) / "db_migrations"
    return {script.revision for script in ScriptDirectory(str(folder)).walk_revisions()}
