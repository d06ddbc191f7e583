"""Where a setting means something, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.spec.trial_names import setting_text


def meant_where(where: Mapping[str, Any]) -> str:
    """What to write so that a setting means something: ``model: cvae or augment: true``.

    Args:
        where: as ``settings.where_meant`` gives it, not empty.
    """
    return " or ".join(f"{name}: {setting_text(value)}" for name, value in where.items())


def pointless(where: Mapping[str, Any]) -> str:
    """That a setting means nothing elsewhere: ``means nothing to a VAE``.

    Args:
        where: as ``settings.where_meant`` gives it, not empty.
    """
    others = {name: value for name, value in where.items() if name != "model"}
    words = ["to a VAE"] if "model" in where else []
    words += [f"without {meant_where(others)}"] if others else []
    return f"means nothing {' '.join(words)}"
