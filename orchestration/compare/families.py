"""Families: studies that have a setting of the grid in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.compare.grid import check_by
from orchestration.errors import UserError
from orchestration.ledger.documents import Study
from orchestration.spec.flat_names import flat
from orchestration.spec.trial_names import LABELS, setting_text

ALL = "all"


def families_of(studies: Sequence[Study], by: str | None) -> tuple[str | None, dict[str, str]]:
    """The setting that makes families, and each study's family by the study's key.

    Args:
        studies: of one sweep.
        by: dotted name of a setting; None: the model or, where it is searched, nothing: then all
            studies are one family.

    Raises:
        UserError: the setting is searched, or the studies do not differ in it.
    """
    fixed = {study.key: flat(study.fixed) for study in studies}
    if by is None:
        if not all("model" in settings for settings in fixed.values()):
            return None, dict.fromkeys(fixed, ALL)
        by = "model"
    varied = _varied(list(fixed.values()))
    if any(by in study.space for study in studies):
        choices = f"use one of: {', '.join(varied)}" if varied else "the grid fixes nothing else"
        raise UserError(
            f"--by {by}: it is searched, and families are made by what the grid fixes; {choices}"
        )
    check_by(by, varied)
    return by, {key: _label(by, settings) for key, settings in fixed.items()}


def _varied(fixed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings in which studies differ; the model is always one that can be named."""
    names = list(dict.fromkeys(name for settings in fixed for name in settings))
    several = [name for name in names if len({repr(settings.get(name)) for settings in fixed}) > 1]
    everywhere = all("model" in settings for settings in fixed)
    return list(dict.fromkeys([*(["model"] if everywhere else []), *several]))


def _label(by: str, settings: Mapping[str, Any]) -> str:
    name = LABELS.get(by, by)
    if by not in settings:
        return f"no {name}"
    return str(settings[by]) if by == "model" else f"{name}={setting_text(settings[by])}"
