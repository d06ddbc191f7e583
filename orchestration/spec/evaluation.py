"""The section ``evaluation`` of a sweep file: which parts, how, and on which split."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, Strict, create_model
from pydantic_core import PydanticCustomError

from cvae_core.errors import ConfigError
from cvae_core.evaluation.parts import PARTS
from cvae_core.settings import build, plain
from orchestration.spec.settings import FORBID

Count = Annotated[int, Strict(), Field(ge=0)]
BESIDES = ("split", "version", "checkpoints")
"""What is noted of a measurement besides its part's settings."""
ADDITIONS = "additions"
"""Noted as well: how often metrics had joined the part. Those that were there are the same."""


def _switch_alone(value: Any) -> Any:
    if isinstance(value, bool | dict):
        return value
    raise PydanticCustomError("switch", "must be true, false or a mapping of its settings")


Switch = Annotated[bool | dict[str, Any], BeforeValidator(_switch_alone)]
"""Off, on with defaults, or on with these settings."""


class _Evaluation(BaseModel):
    """What is measured besides the losses."""

    model_config = FORBID
    probe_every: Count = Field(
        5, description="epochs between two validation probes, also after the last; 0: never"
    )
    fd_every: Count = Field(
        0,
        description="epochs between two `val/fd_<data>-cnn` (`docs/evaluation.md`), also after the "
        "last; 0: never",
    )
    split: Literal["test", "validation"] = Field(
        "test", description="what the parts below are measured on, once, after training"
    )

    def wanted(self, only: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """Every part that is on, with all of its settings and the split.

        Args:
            only: these parts instead, also where they are off; empty: those that are on.
        """
        parts = only or tuple(part for part in PARTS if getattr(self, part) is not False)
        return {
            part: {
                "split": self.split,
                "version": PARTS[part].version,
                ADDITIONS: PARTS[part].additions,
                **self._plain_settings_of(part),
            }
            for part in PARTS
            if part in parts
        }

    def settings_of(self, part: str) -> Any:
        """A part's settings as its function takes them, also where it is off."""
        given = getattr(self, part)
        return build(PARTS[part].settings, given if isinstance(given, dict) else {})

    def _plain_settings_of(self, part: str) -> dict[str, Any]:
        if isinstance(getattr(self, part), dict):
            settings: dict[str, Any] = plain(self.settings_of(part))
            return settings
        return _usual_settings(part)

    def located(self, directory: Path) -> Self:
        """The same, its files to be found from every working directory.

        Args:
            directory: where the sweep was started; absolute.
        """
        switches = {part.name: getattr(self, part.name) for part in PARTS.values() if part.paths}
        given = {part: value for part, value in switches.items() if isinstance(value, dict)}
        update = {part: _located(part, value, directory) for part, value in given.items()}
        return self.model_copy(update=update)


@cache
def _usual_settings(part: str) -> dict[str, Any]:
    """A part's settings where none is given, to be copied: asked for at whatever a trial does."""
    settings: dict[str, Any] = plain(build(PARTS[part].settings, {}))
    return settings


if TYPE_CHECKING:
    Evaluation = _Evaluation

else:
    Evaluation = create_model(
        "Evaluation",
        __base__=_Evaluation,
        __module__=__name__,
        __doc__=_Evaluation.__doc__,
        **{name: (Switch, Field(part.on, description=part.title)) for name, part in PARTS.items()},
    )
    """With a switch for each part; mypy, which cannot know them, sees what is there without."""


def _located(part: str, settings: dict[str, Any], directory: Path) -> dict[str, Any]:
    paths = {name: settings[name] for name in PARTS[part].paths if settings.get(name) is not None}
    return settings | {
        name: str(directory / path) for name, path in paths.items() if not path.startswith("~")
    }


def part_settings(part: str, settings: dict[str, Any]) -> Any:
    """A part's settings as its function takes them."""
    besides = (*BESIDES, ADDITIONS)
    own = {name: value for name, value in settings.items() if name not in besides}
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
