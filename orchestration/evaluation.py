"""The section ``evaluation`` of a sweep file: which parts, how, and on which split."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Strict

from cvae_core.config import build
from cvae_core.evaluation.parts import PARTS
from orchestration.settings import FORBID

Count = Annotated[int, Strict(), Field(ge=0)]
BESIDES = ("split", "checkpoints")
"""What is noted of a measurement besides its part's settings."""
Switch = Annotated[bool, Strict()] | dict[str, Any]
"""Off, on with defaults, or on with these settings."""


def _switch(part: str) -> Any:
    return Field(PARTS[part].on, description=PARTS[part].title)


class Evaluation(BaseModel):
    """What is measured besides the losses."""

    model_config = FORBID
    probe_every: Count = Field(
        5, description="epochs between two validation probes, also after the last; 0: never"
    )
    fd_every: Count = Field(
        0,
        description="epochs between two `val/fd_<data>-cnn`, also after the last; 0: never",
    )
    split: Literal["test", "validation"] = Field(
        "test", description="what the parts below are measured on, once, after training"
    )
    probe: Switch = _switch("probe")
    diagnostics: Switch = _switch("diagnostics")
    pictures: Switch = _switch("pictures")
    umap: Switch = _switch("umap")
    fd: Switch = _switch("fd")
    fid: Switch = _switch("fid")

    def wanted(self, only: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """Every part that is on, with all of its settings and the split.

        Args:
            only: these parts instead, also where they are off; empty: those that are on.
        """
        parts = only or tuple(part for part in PARTS if getattr(self, part) is not False)
        return {part: self._settings(part) for part in PARTS if part in parts}

    def _settings(self, part: str) -> dict[str, Any]:
        given = getattr(self, part)
        made: Any = build(PARTS[part].settings, given if isinstance(given, dict) else {})
        settings = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(made).items()
        }
        return {"split": self.split, **settings}


def part_settings(part: str, settings: dict[str, Any]) -> Any:
    """A part's settings as its function takes them."""
    own = {name: value for name, value in settings.items() if name not in BESIDES}
    return build(PARTS[part].settings, own)
