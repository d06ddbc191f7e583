"""What is wrong with the conditions (``when``) of a search space."""

from __future__ import annotations

from typing import Any

from orchestration.spec.checks.values import Space, within, words
from orchestration.spec.errors import SpecErrors, short
from orchestration.spec.flat_names import entries
from orchestration.spec.search import Parameter
from orchestration.spec.settings import field_annotation, model_of, number_type, setting_names
from orchestration.spec.yaml_file import Location


def check_conditions(errors: SpecErrors, space: Space) -> None:
    """That each names other settings, by values that they can have, and that none go in circles."""
    for name, parameter in space.parameters.items():
        _check_parameter(errors, space, name, parameter)
    _check_circles(errors, space)


def _check_parameter(errors: SpecErrors, space: Space, name: str, parameter: Parameter) -> None:
    if name == "model" and parameter.when:
        errors.add((*space.places[name], "when"), "the model is searched everywhere or nowhere")
    only = model_of(tuple(name.split(".")))
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
        if other == "model" and only is not None and several != [only]:
            errors.add(
                place, f"{name} means nothing to a VAE: write model: {only}, or leave it out"
            )
        elif other in space.parameters:
            _check_comes(errors, place, other, several, space.parameters[other])


def _check_comes(
    errors: SpecErrors, place: Location, other: str, values: list[Any], parameter: Parameter
) -> None:
    """That a searched setting can have the values which a condition asks for."""
    for value in values:
        if parameter.choice is not None:
            if value not in parameter.choice:
                listed = ", ".join(map(str, parameter.choice))
                errors.add(place, f"{other} is never {short(value)}: it is one of {listed}")
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
        own = {"model"} if model_of(tuple(name.split("."))) else set()
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
