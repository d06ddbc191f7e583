"""Where MLflow's runs go."""

from __future__ import annotations

import http.client
from pathlib import Path

from orchestration.doctor.finding import Finding, ok, problem, reason, warning
from orchestration.doctor.subject import Subject
from orchestration.errors import UserError
from orchestration.redact import without_secrets
from orchestration.sqlite import sqlite_path
from orchestration.tracking.config import is_server, load_mlflow_config, resolved_uri
from orchestration.tracking.health import health
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.refusals import CHOOSE, refusal_of

NAME = "tracking"


def check_tracking(subject: Subject) -> list[Finding]:
    """Whether MLflow's server answers, or its database can be written."""
    try:
        config = load_mlflow_config(subject.tracking_uri)
        uri = resolved_uri(config, subject.storage)
        if is_server(uri):
            return [_server(uri)]
        check_reachable(uri)
    except UserError as error:
        what, _, advice = without_secrets("; ".join(error.lines)).partition("; ")
        advice = advice or f"mend that, or {CHOOSE}"
        return [problem(NAME, what, _sentence(advice))]
    database = sqlite_path(uri)
    if database is not None:
        return [_database(database, uri, subject.storage)]
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


def _database(path: Path, uri: str, storage: Path) -> Finding:
    if not path.exists():
        return ok(NAME, f"{uri}, which the first sweep will make")
    from orchestration.tracking.rehearsal import would_upgrade  # imports MLflow

    try:
        upgrade = would_upgrade(uri)
    except Exception as error:  # MLflow raises its own and SQLAlchemy's errors
        refusal = refusal_of(error, uri, storage)
        advice = _sentence(refusal.advice or f"mend that, or {CHOOSE}")
        return problem(NAME, f"{uri} cannot be used: {refusal.reason}", advice)
    if upgrade:
        return warning(
            NAME,
            f"{uri} was made by an older MLflow, which cannot read it after the next sweep",
            "Copy the file first, if that MLflow is still to read it.",
        )
    return ok(NAME, uri)


def _sentence(advice: str) -> str:
    return f"{advice[0].upper()}{advice[1:]}."
