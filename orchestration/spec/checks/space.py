"""What is wrong with a search space, setting by setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orchestration.spec.checks.conditions import check_conditions
from orchestration.spec.checks.values import Space, plain
from orchestration.spec.errors import SpecErrors, short
from orchestration.spec.flat_names import entries
from orchestration.spec.search import Parameter
from orchestration.spec.settings import field_annotation, number_type, setting_names
from orchestration.spec.yaml_file import Location

SPACE: Location = ("search", "space")
KINDS = ("log", "range", "choice")
EXAMPLE = "such as beta: {log: [1.0e-8, 1.0e-1]}"
_ALIKE = {
    "data": "trials of a study see the same images",
    "selection": "trials of a study are judged in the same way",
    "epochs": "trials of a study train for equally long, so that they cost the same",
}
_MANNERS = "write log: [lowest, highest], range: [lowest, highest] or choice: [one, another]"

MOST_STEPS = 1_000_000


def read_space(errors: SpecErrors, written: Any) -> Space:
    """Check every parameter for itself, then their conditions."""
    space = Space({}, {})
    mapping = written if isinstance(written, Mapping) else {}
    parameters = list(entries(mapping, SPACE, lambda path: not setting_names(path)))
    if not parameters:
        errors.add(
            SPACE,
            f"must name at least one setting and its values, {EXAMPLE}; without a search, leave "
            "the section out (or --set search=null)",
        )
        return space
    for path, place, value in parameters:
        name = ".".join(path)
        annotation = field_annotation(path)
        if annotation is None:
            errors.unknown(place, setting_names(path[:-1]) or setting_names())
        elif path == ("seed",):
            errors.add(
                place,
                "use seeds: [...], each of which is a study of its own; search: {replicates: 5} "
                "trains the best again with five new seeds",
            )
        elif path[0] == "schedule" and path[-1] == "shape":
            errors.add(
                place,
                "cannot be searched: what else a schedule has depends on it; put it under base: or "
                "grid:",
            )
        elif path[0] in _ALIKE:
            errors.add(place, f"cannot be searched: {_ALIKE[path[0]]}; put it under base: or grid:")
        elif name in space.places:
            errors.add(place, "the same setting is there twice, nested and with dots")
        else:
            space.places[name] = place
            parameter = _parameter(errors, path, place, value)
            if parameter is not None:
                space.parameters[name] = parameter
    check_conditions(errors, space)
    return space


def _parameter(
    errors: SpecErrors, path: tuple[str, ...], place: Location, value: Any
) -> Parameter | None:
    if not isinstance(value, Mapping):
        listed = "; of a list of values one is tried at a time with choice: [...]"
        errors.add(
            place,
            f"must say how it is searched: {_MANNERS}{listed if isinstance(value, list) else ''}, "
            f"not {short(value)}",
        )
        return None
    parameter: Parameter | None = errors.check(place, Parameter, value)
    if parameter is None:
        return None
    given = [kind for kind in KINDS if getattr(parameter, kind) is not None]
    if len(given) != 1:
        errors.add(
            place,
            f"has {' and '.join(given)}: keep one of them"
            if given
            else f"does not say between what: {_MANNERS}",
        )
        return None
    if parameter.step is not None and given != ["range"]:
        errors.add((*place, "step"), f"belongs to range, and this is a {given[0]}; leave it out")
        return None
    if given == ["choice"]:
        return _choice(errors, path, place, parameter, value["choice"])
    return parameter if _ends(errors, path, place, given[0], value) else None


def _choice(
    errors: SpecErrors,
    path: tuple[str, ...],
    place: Location,
    parameter: Parameter,
    values: list[Any],
) -> Parameter | None:
    place = (*place, "choice")
    if len(values) < 2:
        errors.add(place, "must have at least two values; a single one belongs under base:")
        return None
    annotation = field_annotation(path)
    valid = [errors.is_valid((*place, i), annotation, value) for i, value in enumerate(values)]
    if not all(valid):
        return None
    if any(value in values[:index] for index, value in enumerate(values)):
        errors.add(place, "the same value is there twice")
        return None
    return parameter.model_copy(update={"choice": [plain(path, value) for value in values]})


def _ends(
    errors: SpecErrors,
    path: tuple[str, ...],
    place: Location,
    kind: str,
    written: Mapping[str, Any],
) -> bool:
    """Whether the ends of a ``range`` or ``log``, and its step, are as they should be."""
    name, ends, inside = ".".join(path), written[kind], (*place, kind)
    if number_type(path) is None:
        errors.add(inside, f"{name} is no number: write choice: [one value, another]")
        return False
    if len(ends) != 2:
        errors.add(inside, f"must be [lowest, highest], not {short(ends)}")
        return False
    low, high = ends
    if low >= high:
        better = f"write [{high}, {low}]" if low > high else "a single value belongs under base:"
        errors.add(inside, f"the lowest value must be below the highest: {better}")
        return False
    if kind == "log" and low <= 0:
        lowest = 1 if number_type(path) is int else "1.0e-8"
        errors.add(
            inside,
            f"a logarithmic scale has no {low:g}: write the smallest value that matters, such as "
            f"log: [{lowest}, {high}], or range: [{low}, {high}]",
        )
        return False
    annotation = field_annotation(path)
    valid = [errors.is_valid((*inside, i), annotation, end) for i, end in enumerate(ends)]
    if not all(valid):
        return False
    return _step_fits(errors, path, place, written)


def _step_fits(
    errors: SpecErrors, path: tuple[str, ...], place: Location, written: Mapping[str, Any]
) -> bool:
    step, place = written.get("step"), (*place, "step")
    if step is None:
        return True
    low, high = written["range"]
    length = Decimal(str(high)) - Decimal(str(low))
    if step <= 0:
        errors.add(place, f"must be above 0, not {step}")
    elif number_type(path) is int and not isinstance(step, int):
        errors.add(place, f"must be an integer, as {'.'.join(path)} is one, not {step}")
    elif Decimal(str(step)) > length:
        errors.add(place, f"is longer than the range from {low} to {high}")
    elif (high - low) / step > MOST_STEPS:
        errors.add(place, f"makes more than {MOST_STEPS:,} values; leave it out, or make it longer")
    elif length % Decimal(str(step)):
        count = math.floor(length / Decimal(str(step)))
        last = Decimal(str(low)) + count * Decimal(str(step))
        errors.add(place, f"does not lead from {low} to {high}: write range: [{low}, {last}]")
    else:
        return True
    return False
