"""What makes a trial the trial that it is: all that decides what it computes, and its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.identity import relevant

KEY_LENGTH = 10


def trial_key(config: TrialConfig) -> str:
    """A short hash of all that decides what a trial computes, hexadecimal."""
    return short_hash(canonical(config))


def short_hash(content: dict[str, Any]) -> str:
    """A hash of plain values, whatever the order of their names."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def canonical(config: TrialConfig) -> dict[str, Any]:
    """A configuration's identity: defaults filled in, irrelevant settings dropped.

    Settings that joined later are left out at their default, so that old keys stay. ``numerics``
    is raised whenever the project's arithmetic changes, and with it every key.
    """
    return {"numerics": NUMERICS, **relevant(config)}
