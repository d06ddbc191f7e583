"""The sweep file, validated: every error at once, each with its line, path and a way out."""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, Strict, TypeAdapter, ValidationError

from cvae_core.config import TrialConfig, merge
from cvae_core.errors import ConfigError
from orchestration.errors import UserError
from orchestration.settings import FORBID, field_annotation, setting_names, settings_model
from orchestration.yamlfile import Location, YamlFile, parse_value, read_yaml

MAX_TRIALS = 100_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Int = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class Resources(BaseModel):
    """What one trial gets."""

    model_config = FORBID
    cpu: Annotated[Int, Field(ge=1)] = Field(1, description="CPUs, and threads, of one trial")
    gpu: Annotated[Number, Field(ge=0)] = Field(0, description="GPUs of one trial, may be a share")


class Checkpoints(BaseModel):
    """Which checkpoints stay, besides the last."""

    model_config = FORBID
    every_epochs: Annotated[Int, Field(ge=1)] | None = Field(
        None, description="also keep the checkpoint of every n-th epoch"
    )
    keep: Annotated[Int, Field(ge=1)] | Literal["all"] = Field(
        "all", description="how many of those stay: the newest so many, or all"
    )
    min_interval_s: Annotated[Number, Field(ge=0)] = Field(
        5.0, description="seconds between two writes of the rolling last checkpoint, at least"
    )


class Evaluation(BaseModel):
    """What is measured besides the losses."""

    model_config = FORBID
    probe: Annotated[bool, Strict()] = Field(
        True, description="linear probes and reconstruction error on test, after training"
    )
    probe_every: Annotated[Int, Field(ge=0)] = Field(
        5, description="epochs between two validation probes, also after the last; 0: never"
    )


class SweepSpec(BaseModel):
    """A sweep file after validation."""

    model_config = FORBID
    name: str
    base: dict[str, Any] = {}
    grid: list[dict[str, list[Any]]] = [{}]
    seeds: list[int] = [0]
    resources: Resources = Resources()
    checkpoints: Checkpoints = Checkpoints()
    evaluation: Evaluation = Evaluation()
    retries: int = 2

    def cells(self) -> Iterator[dict[str, Any]]:
        """Every combination of grid and seeds, in order, as nested settings over ``base``."""
        for grid in self.grid:
            for values in itertools.product(*grid.values()):
                settings = self.base
                for path, value in zip(grid, values, strict=True):
                    settings = merge(settings, nested(path.split("."), value))
                for seed in self.seeds:
                    yield merge(settings, {"seed": seed})


def nested(path: list[str], value: Any) -> dict[str, Any]:
    """``["a", "b"], 1`` to ``{"a": {"b": 1}}``."""
    for name in reversed(path):
        value = {name: value}
    result: dict[str, Any] = value
    return result


def load_spec(path: Path, overrides: tuple[str, ...] = ()) -> SweepSpec:
    """Read, override and validate a sweep file.

    Args:
        path: of the YAML file.
        overrides: ``key=value`` each, from the command line.

    Raises:
        UserError: all that is wrong with the file, one line each.
    """
    file = read_yaml(path)
    if not isinstance(file.content, dict):
        raise UserError(f"{path}: a sweep file is a mapping that begins with `name:`")
    content = file.content
    lines: dict[Location, int | None] = dict(file.lines)
    for override in overrides:
        content, location = _override(content, override)
        lines[location] = None  # it stands on the command line
    return parse_spec(YamlFile(file.path, content, lines))


def parse_spec(file: YamlFile) -> SweepSpec:
    """Validate a file's content.

    Raises:
        UserError: all that is wrong, one line each.
    """
    errors = _Errors(file)
    content = file.content
    sections: dict[str, Any] = {}
    for key in content:
        if key not in SweepSpec.model_fields:
            errors.unknown((key,), list(SweepSpec.model_fields), in_base=key in setting_names())
    sections["name"] = _name(errors, content.get("name"))
    sections["base"] = _base(errors, content.get("base", {}))
    sections["grid"] = _grids(errors, content.get("grid", {}))
    sections["seeds"] = _seeds(errors, content.get("seeds", [0]))
    sections["retries"] = errors.check(
        ("retries",), Annotated[Int, Field(ge=0)], content.get("retries", 2)
    )
    for name, model in (
        ("resources", Resources),
        ("checkpoints", Checkpoints),
        ("evaluation", Evaluation),
    ):
        sections[name] = errors.check((name,), model, content.get(name, {}))
    errors.raise_any()
    spec = SweepSpec(**sections)
    _check_size(spec, errors)
    _check_cells(spec, errors)
    errors.raise_any()
    return spec


class _Errors:
    """Collects what is wrong with a file."""

    def __init__(self, file: YamlFile) -> None:
        self._file = file
        self._found: list[tuple[int, str]] = []

    def add(self, location: Location, message: str) -> None:
        line = self._file.line(location)
        where = f"{self._file.path}:{line}" if line else f"{self._file.path} with --set"
        path = _dotted(location)
        entry = f"{where}: {path}: {message}" if path else f"{where}: {message}"
        if (line or 0, entry) not in self._found:
            self._found.append((line or 0, entry))

    def unknown(self, location: Location, known: list[str], *, in_base: bool = False) -> None:
        message = "unknown setting"
        close = difflib.get_close_matches(str(location[-1]).rpartition(".")[2], known, n=1)
        if in_base:
            message += f"; a trial's setting goes under base: or grid: (base.{location[-1]})"
        elif close:
            message += f'; did you mean "{close[0]}"?'
        else:
            message += f"; known here: {', '.join(known)}"
        self.add(location, message)

    def check(self, location: Location, annotation: Any, value: Any) -> Any:
        """The validated value; None, with errors noted, where it is not valid."""
        try:
            return TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            for detail in error.errors():
                self._add_detail(location, detail, value)
            return None

    def _add_detail(self, location: Location, detail: Any, value: Any) -> None:
        # pydantic also names the branch of a union it tried: keep what stands in the file.
        inner: Location = ()
        for step in detail["loc"]:
            missing = detail["type"] == "extra_forbidden" and step == detail["loc"][-1]
            if missing or _has(value, (*inner, step)):
                inner = (*inner, step)
        if detail["type"] == "extra_forbidden":
            group = tuple(str(s) for s in (*location, *inner)[:-1])
            known = setting_names(group[1:]) if group[0] == "base" else _section_names(group[0])
            self.unknown((*location, *inner), known)
        else:
            message = detail["msg"].replace("Input should be", "must be")
            self.add((*location, *inner), f"{message}, not {_short(detail['input'])}")

    def raise_any(self) -> None:
        if self._found:
            self._found.sort(key=lambda found: found[0])
            raise UserError(*(entry for _, entry in self._found))


def _section_names(section: str) -> list[str]:
    model = SweepSpec.model_fields[section].annotation
    return list(model.model_fields) if isinstance(model, type(BaseModel)) else []


def _name(errors: _Errors, value: Any) -> str | None:
    if value is None:
        errors.add(("name",), "is missing: give the sweep a name, which names its folder as well")
    elif not isinstance(value, str) or not NAME.fullmatch(value) or ".." in value:
        errors.add(
            ("name",),
            f"must be letters, digits, '.', '_' or '-' (at most 64, beginning with a letter or "
            f"digit, no '..'), not {_short(value)}",
        )
    else:
        return value
    return None


def _base(errors: _Errors, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "seed" in value:
        errors.add(("base", "seed"), "use seeds: [...] beside base: instead")
    errors.check(("base",), settings_model(TrialConfig), value)
    return value if isinstance(value, dict) else {}


def _seeds(errors: _Errors, value: Any) -> Any:
    seed = Annotated[Int, Field(ge=0, lt=2**63)]
    seeds = errors.check(("seeds",), Annotated[list[seed], Field(min_length=1)], value)
    if seeds is not None and len(set(seeds)) < len(seeds):
        errors.add(("seeds",), "the same seed is there twice")
    return seeds


def _grids(errors: _Errors, value: Any) -> list[dict[str, list[Any]]]:
    if isinstance(value, list):
        if not value:
            errors.add(("grid",), "is empty: list at least one grid, or leave grid: out")
        return [_grid(errors, ("grid", index), grid) for index, grid in enumerate(value)]
    return [_grid(errors, ("grid",), value)]


def _grid(errors: _Errors, location: Location, value: Any) -> dict[str, list[Any]]:
    if not isinstance(value, dict):
        errors.add(location, f"must be a mapping of settings to lists, not {_short(value)}")
        return {}
    grid: dict[str, list[Any]] = {}
    for path, place, values in _grid_entries(value, location):
        annotation = field_annotation(path)
        group = path[:-1]
        if path == ("seed",):
            errors.add(place, "use seeds: [...] beside grid: instead")
        elif annotation is None:
            errors.unknown(place, setting_names(group))
        elif not isinstance(values, list) or not values:
            kind = "is empty" if values == [] else f"is {_short(values)}"
            errors.add(place, f"must be a list of one value or more, and {kind}")
        else:
            for index, item in enumerate(values):
                errors.check((*place, index), annotation, item)
            if ".".join(path) in grid:
                errors.add(place, "the same setting is there twice, nested and with dots")
            if any(item in values[:index] for index, item in enumerate(values)):
                errors.add(place, "the same value is there twice")
            grid[".".join(path)] = values
    return grid


def _grid_entries(
    value: Mapping[str, Any], location: Location, group: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Location, Any]]:
    """Settings of a grid, written nested or with dots: path, place in the file, values."""
    for key, item in value.items():
        path = (*group, *str(key).split("."))
        if isinstance(item, dict):
            yield from _grid_entries(item, (*location, key), path)
        else:
            yield path, (*location, key), item


def _check_size(spec: SweepSpec, errors: _Errors) -> None:
    count = len(spec.seeds) * sum(
        math.prod(len(values) for values in grid.values()) for grid in spec.grid
    )
    if count > MAX_TRIALS:
        errors.add(("grid",), f"makes {count:,} trials; at most {MAX_TRIALS:,} are allowed")
        errors.raise_any()


def _check_cells(spec: SweepSpec, errors: _Errors) -> None:
    for cell in spec.cells():
        try:
            TrialConfig.from_settings(cell)
        except ConfigError as error:
            errors.add(("base",), str(error))


def _override(content: dict[str, Any], override: str) -> tuple[dict[str, Any], Location]:
    """Apply ``key=value``: a section's key as it stands, else a trial's setting; and where.

    A single value takes the place of a setting in ``base`` and of its list in ``grid``; a list,
    where the setting itself is none, becomes the setting's list in ``grid``.
    """
    key, separator, text = override.partition("=")
    path = key.strip().split(".")
    if not separator or not all(path):
        raise UserError(f"--set {override!r}: write key=value, such as --set epochs=3")
    value = parse_value(text)
    if path[0] in SweepSpec.model_fields:
        return merge(content, nested(path, value)), tuple(path)
    annotation = field_annotation(tuple(path))
    if annotation is None:
        known = [*setting_names(), *SweepSpec.model_fields]
        close = difflib.get_close_matches(path[0], known, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise UserError(f"--set {override!r}: unknown setting {key!r}{hint}")
    grids = content.get("grid", {})
    many = isinstance(grids, list)
    remaining = [_without(grid, path) for grid in (grids if many else [grids])]
    if isinstance(value, list) and not _accepts(annotation, value):
        remaining = [merge(grid, nested(path, value)) for grid in remaining]
        return {**content, "grid": remaining if many else remaining[0]}, ("grid", *path)
    content = {**content, "grid": remaining if many else remaining[0]}
    return merge(content, nested(["base", *path], value)), ("base", *path)


def _without(grid: Any, path: list[str]) -> Any:
    """A grid without one setting, however it is written there."""
    if not isinstance(grid, dict):
        return grid
    result = {}
    for key, value in grid.items():
        parts = str(key).split(".")
        if parts == path:
            continue
        if path[: len(parts)] == parts and isinstance(value, dict):
            value = _without(value, path[len(parts) :])
        result[key] = value
    return result


def _accepts(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def _has(value: Any, path: Location) -> bool:
    for step in path:
        known: Any = range(len(value)) if isinstance(value, list) else value
        if not isinstance(value, list | dict) or step not in known:
            return False
        value = value[step]  # type: ignore[index]
    return True


def _dotted(location: Location) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
