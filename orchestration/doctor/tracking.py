"""Where MLflow's runs go."""

from __future__ import annotations

from pathlib import Path

from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.errors import UserError
from orchestration.redact import DATABASES, without_credentials, without_secrets
from orchestration.sqlite import sqlite_path
from orchestration.tracking.config import is_server, load_mlflow_config, resolved_uri
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.refusals import CHOOSE, refusal_of

NAME = "tracking"


def check_tracking(subject: Subject) -> list[Finding]:
    """Whether MLflow's server answers, or its database can be written."""
    try:
        config = load_mlflow_config(subject.tracking_uri)
        uri = resolved_uri(config, subject.storage)
        check_reachable(uri)
        if is_server(uri):
            _check_server(uri)
            return [ok(NAME, f"{without_credentials(uri)} answers")]
    except UserError as error:
        what, _, advice = without_secrets("; ".join(error.lines)).partition("; ")
        advice = advice or f"mend that, or {CHOOSE}"
        return [problem(NAME, what, _sentence(advice))]
    database = sqlite_path(uri)
    if database is not None:
        return [_database(database, uri, subject.storage)]
    return [_other_database(uri)]


def _other_database(uri: str) -> Finding:
    import sqlalchemy

    shown = without_secrets(uri)
    try:
        if uri.startswith(DATABASES):
            sqlalchemy.create_engine(uri)  # imports its driver, and connects to nothing
    except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
        said = without_secrets(str(error)).splitlines()[0]
        advice = "Install the driver for it (PostgreSQL's is psycopg2-binary), or name another."
        return problem(NAME, f"{shown} cannot be used: {said}", advice)
    return ok(NAME, f"{shown} (not logged in to)")


def _check_server(uri: str) -> None:
    from orchestration.tracking.asking import check_answer, without_login  # imports MLflow

    check_answer(without_login(uri), "doctor")


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
