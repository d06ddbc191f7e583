"""Where MLflow's runs go."""

from __future__ import annotations

import http.client
import sqlite3
from contextlib import closing
from pathlib import Path

from orchestration.commands import command_line
from orchestration.doctor.finding import Finding, ok, problem, reason, warning
from orchestration.doctor.subject import Subject
from orchestration.errors import UserError
from orchestration.redact import without_secrets
from orchestration.sqlite import sqlite_path
from orchestration.tracking.config import is_server, load_mlflow_config, resolved_uri
from orchestration.tracking.health import health
from orchestration.tracking.reachable import check_reachable

NAME = "tracking"
CHOOSE = "choose another with --tracking-uri or in mlflow.yaml"


def check_tracking(subject: Subject) -> list[Finding]:
    """Whether MLflow's server answers, or its database can be written."""
    try:
        config = load_mlflow_config(subject.tracking_uri)
        uri = resolved_uri(config, subject.storage)
        if is_server(uri):
            return [_server(uri)]
        check_reachable(uri)
    except UserError as error:
        found, _, advice = without_secrets("; ".join(error.lines)).partition("; ")
        advice = advice or f"mend that, or {CHOOSE}"
        return [problem(NAME, found, f"{advice[0].upper()}{advice[1:]}.")]
    database = sqlite_path(uri)
    if database is not None:
        return [_database(database, uri)]
    return [ok(NAME, f"{without_secrets(uri)} (not logged in to)")]


def _server(uri: str) -> Finding:
    shown = without_secrets(uri)
    try:
        status, text = health(uri)
    except http.client.HTTPException:
        status, text = 0, ""
    except (OSError, ValueError) as error:
        return problem(
            NAME, f"{shown} does not answer: {reason(error)}", f"Start the server, or {CHOOSE}."
        )
    if (status, text) == (200, "OK"):
        return ok(NAME, f"{shown} answers")
    if status in (401, 403):
        return warning(
            NAME,
            f"{shown} asks for a user and password",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
        )
    how = f"with HTTP {status}" if status else "in another way than HTTP"
    return warning(
        NAME, f"{shown} answers /health {how}, unlike MLflow", f"See what runs there, or {CHOOSE}."
    )


def _database(path: Path, shown: str) -> Finding:
    if not path.exists():
        return ok(NAME, f"{shown}, which the first sweep will make")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        fill = command_line("sync", "NAME")
        advice = f"Move the file away ({fill} fills a new one), or {CHOOSE}."
        return problem(NAME, f"{shown} cannot be read: {error}", advice)
    return ok(NAME, shown)
