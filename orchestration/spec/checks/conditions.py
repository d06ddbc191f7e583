"""What is wrong with the conditions (``when``) of a search space."""

from __future__ import annotations

from typing import Any

from orchestration.spec.checks.values import Space, within, words
from orchestration.spec.errors import SpecErrors, listed, short
from orchestration.spec.flat_names import entries
from orchestration.spec.meaning import meant_where, pointless
from orchestration.spec.search import Parameter
from orchestration.spec.settings import (
    field_annotation,
    number_type,
    setting_names,
    where_meant,
)
from orchestration.spec.yaml_file import Location


def check_conditions(errors: SpecErrors, space: Space) -> None:
    """That each names other settings, by values that they can have, and that none go in circles."""
    for name, parameter in space.parameters.items():
        _check_parameter(errors, space, name, parameter)
    _check_circles(errors, space)


def _check_parameter(errors: SpecErrors, space: Space, name: str, parameter: Parameter) -> None:
    if name == "model" and parameter.when:
        errors.add((*space.places[name], "when"), "the model is searched everywhere or nowhere")
    where = where_meant(tuple(name.split(".")))
    named: set[str] = set()
    for path, place, values in entries(parameter.when, (*space.places[name], "when")):
        other, annotation = ".".join(path), field_annotation(path)
        several = values if isinstance(values, list) else [values]
        if annotation is None or setting_names(path):
            errors.unknown(place, setting_names(path[:-1]) or setting_names())
            continue
        if other == name:
            errors.add(place, "a setting cannot depend on itself")
            continue
        if not several:
            errors.add(place, "must name one value or more, and is empty")
        valid = [errors.is_valid(place, annotation, value) for value in several]
        if not all(valid):
            continue
        named.add(other)
        if where.keys() == {other} and several != [where[other]]:
            errors.add(
                place,
                f"{name} {pointless(where)}: write {meant_where(where)}, or leave it out",
            )
        elif other in space.parameters:
            _check_comes(errors, place, other, several, space.parameters[other])
    undecided = len(where) > 1 and where.keys() <= space.parameters.keys()
    if undecided and where.keys().isdisjoint(named):
        ways = " or ".join(f"when: {{{meant_where({n: value})}}}" for n, value in where.items())
        errors.add(
            space.places[name],
            f"means something with {meant_where(where)}, and both are searched; write {ways}",
        )


def _check_comes(
    errors: SpecErrors, place: Location, other: str, values: list[Any], parameter: Parameter
) -> None:
    """That a searched setting can have the values which a condition asks for."""
    for value in values:
        if parameter.choice is not None:
            if value not in parameter.choice:
                ones = listed(parameter.choice)
                errors.add(place, f"{other} is never {short(value)}: it is one of {ones}")
        elif number_type(tuple(other.split("."))) is float and parameter.step is None:
            errors.add(
                place,
                f"{other} is searched between two ends and hardly ever exactly {short(value)}; "
                "give it choices, or a range with a step",
            )
        elif not within(other, parameter, value):
            errors.add(place, f"{other} is never {short(value)}: it is {words(parameter)}")


def _check_circles(errors: SpecErrors, space: Space) -> None:
    """What depends on each other cannot be asked for one after the other."""
    needs: dict[str, set[str]] = {}
    for name, parameter in space.parameters.items():
        named = {".".join(path) for path, _, _ in entries(parameter.when, ())}
        own = where_meant(tuple(name.split("."))).keys()
        needs[name] = ((named | own) & space.parameters.keys()) - {name}
    while free := [name for name, others in needs.items() if not others & needs.keys()]:
        needs = {name: others for name, others in needs.items() if name not in free}
    if not needs:
        return
    walk = [next(iter(needs))]
    while walk.count(walk[-1]) == 1:
        walk.append(min(needs[walk[-1]] & needs.keys()))
    circle = walk[walk.index(walk[-1]) :]
    errors.add(
        (*space.places[circle[0]], "when"),
        f"depends on itself by way of others ({' → '.join(circle)}); take one condition out",
    )
