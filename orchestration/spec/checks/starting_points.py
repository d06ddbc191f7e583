"""What is wrong with the points that a search begins with."""

from __future__ import annotations

from typing import Any

from orchestration.spec.checks.values import Space, plain, within, words
from orchestration.spec.errors import SpecErrors, short
from orchestration.spec.flat_names import entries, flat
from orchestration.spec.settings import field_annotation, setting_names, where_meant
from orchestration.spec.yaml_file import Location

PLACE: Location = ("search", "enqueue")


def read_points(
    errors: SpecErrors, space: Space, points: list[dict[str, Any]], trials: int
) -> list[dict[str, Any]]:
    """The points under dotted names, each found to lie in the space.

    A point is for every study; what a study does not search is left out there.
    """
    if len(points) > trials:
        errors.add(PLACE, f"has {len(points)} points for {trials} trials: raise search.trials")
    flat_points: list[dict[str, Any]] = []
    for index, written in enumerate(points):
        place = (*PLACE, index)
        point = _point(errors, space, place, written)
        if not written:
            errors.add(place, "is empty: name settings of search.space and their values")
        elif point and point in flat_points:
            errors.add(place, "the same point is there twice")
        flat_points.append(point)
    return flat_points


def _point(
    errors: SpecErrors, space: Space, location: Location, written: dict[str, Any]
) -> dict[str, Any]:
    point: dict[str, Any] = {}
    for path, place, value in entries(written, location):
        name = ".".join(path)
        annotation = field_annotation(path)
        if annotation is None or setting_names(path):
            errors.unknown(place, list(space.places))
        elif name not in space.places:
            searched = ", ".join(space.places)
            errors.add(place, f"is not searched: a point names settings of the space ({searched})")
        elif name in point:
            errors.add(place, "the same setting is there twice, nested and with dots")
        elif name in space.parameters:
            # As the choice is written, by which it is known later: 1 and 1.0 are one value.
            choices = space.parameters[name].choice or ()
            equal = (choice for choice in choices if choice == value)
            point[name] = next(equal, plain(path, value))
            valid = errors.is_valid(place, annotation, value)
            if valid and not within(name, space.parameters[name], point[name]):
                between = words(space.parameters[name])
                errors.add(place, f"{short(value)} is not in the space, which is {between}")
    _check_meaning(errors, space, location, point)
    return point


def _check_meaning(
    errors: SpecErrors, space: Space, location: Location, point: dict[str, Any]
) -> None:
    """That no setting stands beside another one which rules it out."""
    for name in point:
        where = where_meant(tuple(name.split(".")))
        ruled_out = [other for other in where if point.get(other, where[other]) != where[other]]
        against = ruled_out if len(ruled_out) == len(where) else []
        for other, values in flat(space.parameters[name].when).items():
            several = values if isinstance(values, list) else [values]
            if other in point and point[other] not in several:
                against.append(other)
        for other in dict.fromkeys(against):
            errors.add(
                (*location, name),
                f"is not searched where {other} is {short(point[other])}; leave it out",
            )
