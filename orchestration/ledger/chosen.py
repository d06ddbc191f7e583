"""Trials that a person names: by whole keys, or by the beginnings of keys."""

from __future__ import annotations

from collections.abc import Iterable

from orchestration.commands import sweep_command
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger

MOST_NAMED = 8


def chosen(ledger: Ledger, typed: Iterable[str]) -> tuple[str, ...]:
    """Keys of trials of the plan, each once.

    Raises:
        UserError: no key begins so, or several do.
    """
    planned, name = ledger.planned_keys(), ledger.sweep.name
    keys: dict[str, None] = {}
    for text in typed:
        fitting = [key for key in planned if text and key.startswith(text)]
        if text in fitting:
            fitting = [text]
        if not fitting:
            status = sweep_command("status", ledger.folder)
            raise UserError(f"there is no trial {text!r} in {name}; see {status}")
        if len(fitting) > 1:
            raise UserError(
                f"the keys of {len(fitting)} trials of {name} begin with {text!r}: "
                f"{some(fitting)}; give more of the one that is meant"
            )
        keys[fitting[0]] = None
    return tuple(keys)


def some(keys: list[str]) -> str:
    """The first few of many keys."""
    return ", ".join(keys[:MOST_NAMED]) + (", …" if len(keys) > MOST_NAMED else "")
