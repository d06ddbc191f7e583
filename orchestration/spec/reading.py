"""The sweep file, validated: every error at once, each with its line, path and a way out."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.evaluation.parts import PARTS
from orchestration.spec.checks.baselines import check_baselines
from orchestration.spec.checks.course import check_course
from orchestration.spec.checks.occurring import check_views, place_of, trials_of
from orchestration.spec.checks.scheduler import check_scheduler, read_scheduler
from orchestration.spec.checks.search import check_search, read_search
from orchestration.spec.checks.selection import check_selection
from orchestration.spec.errors import IN_QUOTES, SpecErrors, short
from orchestration.spec.evaluation import Evaluation, part_settings
from orchestration.spec.flat_names import entries
from orchestration.spec.layers import Layers, read_layers
from orchestration.spec.packing import check_packs
from orchestration.spec.reported import Reported, read_reported
from orchestration.spec.search import Int, Objective, Parameter, Scheduler, Search
from orchestration.spec.settings import (
    field_annotation,
    item_names,
    setting_names,
    settings_model,
)
from orchestration.spec.sweep import MAX_TRIALS, BaselineName, Checkpoints, Resources, SweepSpec
from orchestration.spec.yaml_file import Location

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def load_spec(path: Path, overrides: tuple[str, ...] = ()) -> SweepSpec:
    """Read, override and validate a sweep file.

    Args:
        path: of the YAML file.
        overrides: ``key=value`` each, from the command line.

    Raises:
        UserError: all that is wrong with the file, one line each.
    """
    return parse_spec(read_layers(path, overrides, list(SweepSpec.model_fields)))


def parse_spec(layers: Layers) -> SweepSpec:
    """Validate a sweep file's content.

    Raises:
        UserError: all that is wrong, one line each.
    """
    errors = SpecErrors(layers, _known_in)
    content = layers.content
    sections: dict[str, Any] = {}
    for key in content:
        if key not in SweepSpec.model_fields:
            errors.unknown(
                (key,), ["extends", *SweepSpec.model_fields], in_base=key in setting_names()
            )
    sections["name"] = _name(errors, content)
    sections["base"] = _base(errors, content.get("base", {}))
    sections["grid"] = _grids(errors, content.get("grid", {}))
    sections["seeds"] = _seeds(errors, content.get("seeds", [0]))
    sections["retries"] = errors.check(
        ("retries",), Annotated[Int, Field(ge=0)], content.get("retries", 2)
    )
    sections["baselines"] = _baselines(errors, content.get("baselines", True))
    for name, model in (
        ("resources", Resources),
        ("checkpoints", Checkpoints),
        ("evaluation", Evaluation),
    ):
        sections[name] = errors.check((name,), model, content.get(name, {}))
    sections["paper"] = read_reported(errors, content.get("paper", []))
    _check_parts(errors, content.get("evaluation"))
    has_errors = errors.found_in()
    asked = content.get("search"), content.get("scheduler")
    search = None if asked[0] is None else read_search(errors, asked[0])
    scheduler = None if asked[1] is None else read_scheduler(errors, asked[1])
    if has_errors:
        errors.raise_any()
    spec = SweepSpec(**sections)
    _check_size(spec, errors, 1 if search is None else search.search.trials)
    check_baselines(errors, content, spec.evaluation)
    check_packs(errors, content, spec.resources)
    _check_kept(errors, spec.checkpoints)
    configs = _configs(spec, content, errors)
    if configs:
        # Baselines compete with nobody, and stand beside whatever differs.
        configs = [config for config in configs if config.model not in BASELINES] or configs
        check_course(errors, spec, content, configs, search)
        trials = trials_of(configs, spec.evaluation, search.space if search else None)
        check_views(errors, content, trials)
        check_selection(errors, spec.grid, trials)
        if search is not None:
            check_search(errors, search, spec.base, spec.grid, trials)
        if scheduler is not None:
            check_scheduler(errors, scheduler, search, trials)
    errors.raise_any()
    made = {"search": search.search if search else None, "scheduler": scheduler}
    return spec.model_copy(update=made)


def _known_in(group: tuple[str, ...]) -> list[str]:
    if group[0] == "evaluation" and len(group) > 1:
        return list(settings_model(PARTS[group[1]].settings).model_fields)
    if group[0] == "search":
        model = Search if len(group) == 1 else Objective if group[1] == "objectives" else Parameter
        return list(model.model_fields)
    if group[0] == "paper":
        return list(Reported.model_fields)
    if group[0] == "scheduler":
        return list(Scheduler.model_fields)
    if group[0] not in ("base", "grid"):
        return _section_names(group[0])
    # Of an item of a list its number is left out, and a grid's settings may have dots.
    path = tuple(n for step in group[1:] for n in step.split(".") if not n.isdigit())
    return item_names(path) or setting_names(path)


def _check_parts(errors: SpecErrors, evaluation: Any) -> None:
    """The settings of an evaluation's parts, where the section itself is in order."""
    for part, value in evaluation.items() if isinstance(evaluation, dict) else ():
        if part in PARTS and isinstance(value, dict):
            place = ("evaluation", part)
            if errors.check(place, settings_model(PARTS[part].settings), value) is not None:
                try:
                    part_settings(part, value)
                except ConfigError as error:
                    errors.add(place, str(error))


def _check_kept(errors: SpecErrors, checkpoints: Checkpoints) -> None:
    if checkpoints.keep != "all" and checkpoints.every_epochs is None:
        errors.add(
            ("checkpoints", "keep"),
            "means nothing without every_epochs, which says of which epochs checkpoints are kept "
            "besides the last: write that as well, or leave keep out",
        )


def _section_names(section: str) -> list[str]:
    model = SweepSpec.model_fields[section].annotation
    return list(model.model_fields) if isinstance(model, type(BaseModel)) else []


def _name(errors: SpecErrors, content: dict[str, Any]) -> str | None:
    value = content.get("name")
    if value is None:
        errors.add(
            ("name",),
            "is missing: give the sweep a name, which names its folder as well"
            + ("; null and ~ are no text: put them in quotes" if "name" in content else ""),
        )
    elif not isinstance(value, str) or not NAME.fullmatch(value) or ".." in value:
        errors.add(
            ("name",),
            f"must be letters, digits, '.', '_' or '-' (at most 64, beginning with a letter or "
            f"digit, no '..'), not {short(value)}"
            + (f"; {IN_QUOTES}" if isinstance(value, bool | int | float) else ""),
        )
    else:
        return value
    return None


def _base(errors: SpecErrors, value: Any) -> dict[str, Any]:
    if isinstance(value, dict) and "seed" in value:
        errors.add(("base", "seed"), "use seeds: [...] beside base: instead")
    errors.check(("base",), settings_model(TrialConfig), value)
    return value if isinstance(value, dict) else {}


def _seeds(errors: SpecErrors, value: Any) -> Any:
    seed = Annotated[Int, Field(ge=0, lt=2**63)]
    seeds = errors.check(("seeds",), Annotated[list[seed], Field(min_length=1)], value)
    if seeds is not None and len(set(seeds)) < len(seeds):
        errors.add(("seeds",), "the same seed is there twice")
    return seeds


def _baselines(errors: SpecErrors, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        names = ", ".join(BASELINES)
        errors.add(("baselines",), f"must be true, false or a list of {names}, not {short(value)}")
        return None
    return errors.check(("baselines",), list[BaselineName], value)


def _grids(errors: SpecErrors, value: Any) -> list[dict[str, list[Any]]]:
    if isinstance(value, list):
        if not value:
            errors.add(("grid",), "is empty: list at least one grid, or leave grid: out")
        return [_grid(errors, ("grid", index), grid) for index, grid in enumerate(value)]
    return [_grid(errors, ("grid",), value)]


def _grid(errors: SpecErrors, location: Location, value: Any) -> dict[str, list[Any]]:
    if not isinstance(value, dict):
        errors.add(location, f"must be a mapping of settings to lists, not {short(value)}")
        return {}
    grid: dict[str, list[Any]] = {}
    for path, place, values in entries(value, location):
        annotation = field_annotation(path)
        group = path[:-1]
        if path == ("seed",):
            errors.add(place, "use seeds: [...] beside grid: instead")
        elif annotation is None:
            errors.unknown(place, setting_names(group))
        elif not isinstance(values, list) or not values:
            kind = "is empty" if values == [] else f"is {short(values)}"
            errors.add(place, f"must be a list of one value or more, and {kind}")
        else:
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            for index, item in enumerate(values):
                errors.check((*place, index), adapter, item)
            if ".".join(path) in grid:
                errors.add(place, "the same setting is there twice, nested and with dots")
            if _has_twice(values):
                errors.add(place, "the same value is there twice")
            grid[".".join(path)] = values
    return grid


def _has_twice(values: list[Any]) -> bool:
    """Whether two values are equal, as 1 and 1.0 are; there may be thousands."""
    plain = [item for item in values if isinstance(item, Hashable)]
    others = [item for item in values if not isinstance(item, Hashable)]
    again = any(item in others[:index] for index, item in enumerate(others))
    return again or len(set(plain)) < len(plain)


def _check_size(spec: SweepSpec, errors: SpecErrors, each: int) -> None:
    count = (
        each
        * len(spec.seeds)
        * sum(math.prod(len(values) for values in grid.values()) for grid in spec.grid)
    )
    if count > MAX_TRIALS:
        place = ("grid",) if each == 1 else ("search", "trials")
        errors.add(place, f"makes {count:,} trials; at most {MAX_TRIALS:,} are allowed")
        errors.raise_any()


def _configs(spec: SweepSpec, content: Mapping[str, Any], errors: SpecErrors) -> list[TrialConfig]:
    """One of each cell; none where one of them is not allowed."""
    configs, refused = [], False
    for cell in spec.cells():
        try:
            configs.append(TrialConfig.from_settings(cell))
        except ConfigError as error:
            errors.add(place_of(error.at, content, cell), error.what)
            refused = True
    return [] if refused else configs
