"""Errors that are a person's to mend, and what a command ends with."""

from __future__ import annotations

INTERRUPTED = 130
"""Exit code of a command that ended before its work was done; 128 + SIGINT, as shells have it."""


class UserError(Exception):
    """A request that cannot be carried out: what, where, and what to do. Exit code 2.

    Several problems found at once are given as several lines.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class DamagedError(UserError):
    """A file is torn, or was altered since it was written."""


class StorageError(UserError):
    """A file cannot be written: the disk is full, or the folder cannot be written to."""
