"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestration.errors import StorageError
from orchestration.redact import without_secrets

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``advice`` is what to do, None where nothing has to be done."""

    name: str
    status: Status
    found: str
    advice: str | None = None


def ok(name: str, found: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", found)


def warning(name: str, found: str, advice: str) -> Finding:
    """A sweep runs, but not as well as it could, or not as expected."""
    return Finding(name, "warning", found, advice)


def problem(name: str, found: str, advice: str) -> Finding:
    """A sweep does not run, or fails on its way."""
    return Finding(name, "problem", found, advice)


def reason(error: Exception) -> str:
    """The one line of an error that a person wants, without user names and passwords."""
    cause = error.__cause__ if isinstance(error, StorageError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    lines = str(error).strip().splitlines()
    return without_secrets(lines[-1] if lines else type(error).__name__)
