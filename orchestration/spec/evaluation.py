"""The section ``evaluation`` of a sweep file: which parts, how, and on which split."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from cvae_core.errors import ConfigError
from cvae_core.evaluation.parts import PARTS
from cvae_core.settings import build
from orchestration.spec.settings import FORBID

Count = Annotated[int, Strict(), Field(ge=0)]
BESIDES = ("split", "version", "checkpoints")
"""What is noted of a measurement besides its part's settings."""


def _switch_alone(value: Any) -> Any:
    if isinstance(value, bool | dict):
        return value
    raise PydanticCustomError("switch", "must be true, false or a mapping of its settings")


Switch = Annotated[bool | dict[str, Any], BeforeValidator(_switch_alone)]
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

    def located(self, directory: Path) -> Evaluation:
        """The same, its files to be found from every working directory.

        Args:
            directory: where the sweep was started; absolute.
        """
        weights = self.fid.get("weights") if isinstance(self.fid, dict) else None
        if not isinstance(self.fid, dict) or weights is None or weights.startswith("~"):
            return self
        fid = self.fid | {"weights": str(directory / weights)}
        return self.model_copy(update={"fid": fid})

    def _settings(self, part: str) -> dict[str, Any]:
        given = getattr(self, part)
        made: Any = build(PARTS[part].settings, given if isinstance(given, dict) else {})
        settings = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(made).items()
        }
        return {"split": self.split, "version": PARTS[part].version, **settings}


def part_settings(part: str, settings: dict[str, Any]) -> Any:
    """A part's settings as its function takes them."""
    own = {name: value for name, value in settings.items() if name not in BESIDES}
    return build(PARTS[part].settings, own)


def same_settings(
    part: str, one: dict[str, Any], other: dict[str, Any], *, results: bool = False
) -> bool:
    """Whether two notes of a part's settings say the same; what is not noted is at its default.

    Args:
        part: that they are of.
        one: its settings, and what is noted besides.
        other: those to be compared with them.
        results: leave out settings that change nothing of what is found.
    """
    if any(one.get(name) != other.get(name) for name in BESIDES):
        return False
    try:
        a, b = part_settings(part, one), part_settings(part, other)
    except ConfigError:
        return False
    return all(
        getattr(a, field.name) == getattr(b, field.name)
        for field in dataclasses.fields(a)
        if field.metadata["identity"] or not results
    )
