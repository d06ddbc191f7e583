"""What is wrong with a search space beside the rest of its sweep file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.settings import merge
from orchestration.spec.checks.space import SPACE
from orchestration.spec.checks.values import Space, within
from orchestration.spec.dimensions import Dimension, dimensions_of
from orchestration.spec.errors import SpecErrors, listed, short
from orchestration.spec.flat_names import entries, flat, nested_of
from orchestration.spec.meaning import meant_where, pointless
from orchestration.spec.settings import deciding, where_meant
from orchestration.spec.trial_names import Names, setting_text, settings_of
from orchestration.spec.yaml_file import Location

Cells = Sequence[tuple[TrialConfig, dict[str, Dimension]]]
"""Each with what is searched in it."""
Pair = tuple[Location, dict[str, Any]]
"""Values of two settings, and the place of the first."""
MOST_PAIRS = 5_000
"""In all: more are not tried, since a file is to be checked in a moment."""


def check_space(
    errors: SpecErrors,
    space: Space,
    base: Mapping[str, Any],
    grids: Sequence[Mapping[str, list[Any]]],
    configs: Sequence[TrialConfig],
) -> None:
    """Check a space that is in order by itself.

    Args:
        errors: where mistakes are noted.
        space: what is searched.
        base: the section of that name.
        grids: the grids, by dotted names.
        configs: one of each cell.
    """
    _check_grids(errors, space, grids)
    _check_conditions(errors, space, configs)
    if errors.found_in("search"):
        return  # what no trial has makes cells look empty
    cells = [
        (
            config,
            {dimension.name: dimension for dimension in dimensions_of(space.parameters, config)},
        )
        for config in configs
    ]
    _check_cells(errors, space, cells)
    _check_base(errors, space, base, cells)
    _check_together(errors, space, cells)
    _check_weights(errors, space, cells)
    _check_pairs(errors, space, cells)


def _check_grids(
    errors: SpecErrors, space: Space, grids: Sequence[Mapping[str, list[Any]]]
) -> None:
    for name, place in space.places.items():
        if any(name in grid for grid in grids):
            errors.add(place, "is in grid: as well; take it out of the one or the other")


def _check_cells(errors: SpecErrors, space: Space, cells: Cells) -> None:
    """That something is searched in every cell, and every setting in some cell."""
    empty = [cell for cell, dimensions in cells if not dimensions]
    if empty:
        where = Names(settings_of(cell) for cell, _ in cells).name(empty[0], seed=False)
        errors.add(
            SPACE,
            f"has nothing for {where}: add a setting that means something there, such as beta, or "
            "leave it out of the grid",
        )
    for name, place in space.places.items():
        if not any(name in dimensions for _, dimensions in cells):
            meant = where_meant(tuple(name.split(".")))
            why = (
                f"it {pointless(meant)}: write {meant_where(meant)} in base or grid"
                if meant
                else "its conditions hold nowhere, or the schedule it is of has another shape"
                if name.startswith("schedule.")
                else "its conditions hold nowhere"
            )
            errors.add(place, f"is searched in no trial: {why}, or leave it out")


def _check_base(errors: SpecErrors, space: Space, base: Mapping[str, Any], cells: Cells) -> None:
    """That no value in ``base`` is one that no trial would ever have."""
    for name in flat(base).keys() & space.places.keys():
        if not any(_is_fixed(name, *cell) for cell in cells):
            errors.add(
                space.places[name],
                "is in base: as well, where its value would never be used; take it out of there, "
                "or out of the space",
            )


def _is_fixed(name: str, config: TrialConfig, dimensions: Mapping[str, Dimension]) -> bool:
    """Whether some trial of a cell has a setting's fixed value."""
    where = where_meant(tuple(name.split(".")))
    settings = flat(config.to_settings())
    holds = [other for other, value in where.items() if settings[other] == value]
    always = any(other not in dimensions for other in holds)
    if name in dimensions:
        # The condition by which it means something leaves no trial with another value.
        return bool(dimensions[name].when.keys() - (set() if always else where.keys()))
    return not where or bool(holds)


def _check_conditions(errors: SpecErrors, space: Space, configs: Sequence[TrialConfig]) -> None:
    """That conditions on settings which are not searched name values that occur."""
    occurring: dict[str, list[Any]] = {}
    for config in configs:
        for name, value in flat(config.to_settings()).items():
            seen = occurring.setdefault(name, [])
            if value not in seen:
                seen.append(value)
    for name, parameter in space.parameters.items():
        for path, place, values in entries(parameter.when, (*space.places[name], "when")):
            other = ".".join(path)
            for value in values if isinstance(values, list) else [values]:
                if other not in space.parameters and value not in occurring[other]:
                    errors.add(
                        place,
                        f"{other} is never {short(value)}: base and grid have "
                        f"{listed(occurring[other])}",
                    )


def _check_together(errors: SpecErrors, space: Space, cells: Cells) -> None:
    """That every end and every choice is allowed beside the settings around it."""
    for name in space.parameters:
        around = [_widest(cell, dimensions) for cell, dimensions in cells if name in dimensions]
        for settings, (place, value) in itertools.product(around, _ends(space, name)):
            try:
                TrialConfig.from_settings(merge(settings, nested_of({name: value})))
            except ConfigError as error:
                own = ".".join(map(str, error.at)) == name
                errors.add(place, error.what if own else str(error))


def _check_pairs(errors: SpecErrors, space: Space, cells: Cells) -> None:
    """That any two of them are allowed beside each other, as each of them is alone."""
    if errors.found_in("search"):
        return
    for dimensions, around, pair in itertools.islice(_pairs(space, cells), MOST_PAIRS):
        _check_pair(errors, dimensions, around, pair)


def _pairs(
    space: Space, cells: Cells
) -> Iterator[tuple[Mapping[str, Dimension], dict[str, Any], Pair]]:
    """Every two values of every cell, with what is searched there and the settings around it."""
    seeds = {cell.seed for cell, _ in cells}
    for cell, dimensions in cells:
        if cell.seed != min(seeds):
            continue  # repetitions with other seeds are searched alike
        around = _widest(cell, dimensions)
        for one, other in itertools.combinations(dimensions, 2):
            for (place, value), (_, beside) in itertools.product(
                _ends(space, one), _ends(space, other)
            ):
                yield dimensions, around, (place, {one: value, other: beside})


def _check_pair(
    errors: SpecErrors,
    dimensions: Mapping[str, Dimension],
    around: Mapping[str, Any],
    pair: Pair,
) -> None:
    place, values = pair
    given = dict(values)
    for name in values:  # neither is suggested where its conditions do not hold
        for other, allowed in dimensions[name].when.items():
            if given.setdefault(other, allowed[0]) not in allowed:
                return
    try:
        TrialConfig.from_settings(merge(around, nested_of(given)))
    except ConfigError as error:
        both = ", ".join(f"{name}={setting_text(value)}" for name, value in values.items())
        errors.add(place, f"{both} are not allowed together: {error}")


def _ends(space: Space, name: str) -> list[tuple[Location, Any]]:
    """The ends of a range, or all choices, each with its place."""
    parameter = space.parameters[name]
    values = parameter.choice or parameter.log or parameter.range or []
    kind = "choice" if parameter.choice else "log" if parameter.log else "range"
    return [((*space.places[name], kind, index), value) for index, value in enumerate(values)]


def _widest(cell: TrialConfig, dimensions: Mapping[str, Dimension]) -> dict[str, Any]:
    """A cell's settings where all of them mean something that may, nested."""
    deciding_here = {name: value for name, value in deciding().items() if name in dimensions}
    return merge(cell.to_settings(), nested_of(deciding_here))


def _check_weights(errors: SpecErrors, space: Space, cells: Cells) -> None:
    """That some term of the objective has a weight, whatever is suggested."""
    for config, dimensions in cells:
        fixed = flat(config.to_settings())

        def may_be(name: str, value: Any, searched: Any = dimensions, fixed: Any = fixed) -> bool:
            if name in searched:
                return within(name, space.parameters[name], value)
            return bool(fixed[name] == value)

        zero = [n for n in ("weights.reconstruction", "beta", "lambda") if may_be(n, 0)]
        enough = 2 if may_be("model", "vae") else 3
        searched = [name for name in zero[:enough] if name in dimensions]
        if zero[:enough] == ["weights.reconstruction", "beta", "lambda"][:enough] and searched:
            errors.add(
                space.places[searched[0]],
                f"{', '.join(zero[:enough])} could all be 0, and nothing would be trained: keep 0 "
                "out of one of them",
            )
