"""pydantic models of the core's settings, made from their declarations."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, Strict, WrapValidator, create_model
from pydantic_core import PydanticKnownError

from cvae_core.config import TrialConfig
from cvae_core.settings import counts_beside, item_type, setting_name

FORBID = ConfigDict(extra="forbid", populate_by_name=False)


@cache
def settings_model(cls: Any) -> type[BaseModel]:
    """A model with the fields, limits and descriptions of a dataclass of settings.

    Nothing is required and nothing is filled in: ``model_fields_set`` says what a file gives.
    """
    hints = get_type_hints(cls)
    fields: dict[str, Any] = {}
    for declared in dataclasses.fields(cls):
        hint = hints[declared.name]
        limits = declared.metadata["limits"]
        annotation = _strict(hint, limits, least=0 if declared.default == () else 1)
        fields[declared.name] = (
            annotation,
            Field(
                default=declared.default,
                alias=setting_name(declared),
                description=declared.metadata["doc"],
            ),
        )
    return create_model(cls.__name__, __config__=FORBID, **fields)


def field_annotation(path: tuple[str, ...]) -> Any:
    """Annotation of one setting of a trial, None where there is no such setting."""
    model = settings_model(TrialConfig)
    for depth, name in enumerate(path):
        field = next((f for f in model.model_fields.values() if f.alias == name), None)
        if field is None:
            return None
        annotation: Any = field.annotation
        if field.metadata:
            annotation = Annotated[(annotation, *field.metadata)]
        if depth == len(path) - 1:
            return annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return None
        model = annotation
    return None


def item_names(path: tuple[str, ...]) -> list[str]:
    """Names of the settings in each item of a list, or in a group there; empty: it is no such list.

    Args:
        path: ``("stages",)``, or ``("stages", "weights")`` for what is in there.
    """
    cls: Any = TrialConfig
    in_list = False
    for name in path:
        declared = next((f for f in dataclasses.fields(cls) if setting_name(f) == name), None)
        hint = None if declared is None else get_type_hints(cls)[declared.name]
        item = item_type(hint)
        in_list, cls = in_list or item is not None, item or hint
        if not dataclasses.is_dataclass(cls):
            return []
    return [setting_name(field) for field in dataclasses.fields(cls)] if in_list else []


def counts(path: tuple[str, ...], config: TrialConfig) -> bool:
    """Whether a setting means something beside the others of its group, whatever the model."""
    group: Any = config
    for name in path:
        declared = next(f for f in dataclasses.fields(group) if setting_name(f) == name)
        if not counts_beside(declared, group):
            return False
        group = getattr(group, declared.name)
    return True


def number_type(path: tuple[str, ...]) -> type[int] | type[float] | None:
    """Whether a setting of a trial is an integer or a float; None where it is no number."""
    annotation = field_annotation(path)
    kinds = {annotation, *_inside(annotation)}
    return int if int in kinds else float if float in kinds else None


def _inside(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of, but not the items of a list."""
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        for part in get_args(annotation):
            yield part
            yield from _inside(part)


@cache
def where_meant(path: tuple[str, ...]) -> Mapping[str, Any]:
    """Where a setting of a trial means something: wherever one of these settings has that value.

    Such as ``{"model": "cvae"}`` for λ; empty: everywhere. A setting's own declaration takes the
    place of its group's.
    """
    cls: Any = TrialConfig
    where: Mapping[str, Any] = {}
    for name in path:
        declared = _field(cls, name)
        where = declared.metadata["where"] or where
        cls = get_type_hints(cls)[declared.name]
    return where


def brings(by: str, name: str) -> bool:
    """Whether a setting (dotted) decides if another one means something."""
    return by in where_meant(tuple(name.split("."))) or _counts_beside(by, name)


def _counts_beside(by: str, name: str) -> bool:
    """Whether a setting is of one group with another one, and counts beside certain values there.

    Such as the length of a schedule, beside any shape but a constant.
    """
    *group, last = name.split(".")
    if not group or by.split(".")[:-1] != group:
        return False
    cls: Any = TrialConfig
    for part in group:
        cls = get_type_hints(cls)[_field(cls, part).name]
    return _field(cls, last).metadata["when"] is not None


def _field(cls: Any, name: str) -> dataclasses.Field[Any]:
    return next(f for f in dataclasses.fields(cls) if setting_name(f) == name)


@cache
def deciding() -> Mapping[str, Any]:
    """The settings that decide whether others mean something, each with the value that they need.

    With these values all settings mean something.
    """
    found: dict[str, Any] = {}
    groups: list[Any] = [TrialConfig]
    for cls in groups:
        for declared in dataclasses.fields(cls):
            found |= declared.metadata["where"]
            hint = get_type_hints(cls)[declared.name]
            groups += [hint] if dataclasses.is_dataclass(hint) else []
    return found


def setting_names(path: tuple[str, ...] = ()) -> list[str]:
    """Names of the settings in a group of a trial's settings; empty where it is no group."""
    model: Any = settings_model(TrialConfig) if not path else field_annotation(path)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _exactly(allowed: tuple[Any, ...]) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """A check that 4.0 is not taken for 4, nor true for 1."""

    def check(value: Any, checked: Callable[[Any], Any]) -> Any:
        found = checked(value)
        if type(value) not in map(type, allowed):
            *first, last = map(repr, allowed)
            expected = f"{', '.join(first)} or {last}" if first else last
            raise PydanticKnownError("literal_error", {"expected": expected})
        return found

    return check


def _strict(hint: Any, limits: dict[str, float], least: int = 1) -> Any:
    """No silent conversions: "3" is not 3, true is not 1; an integer is a fine float.

    Args:
        hint: the setting's type.
        limits: of the setting, or of each of its items.
        least: items of a list.
    """
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return settings_model(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return Annotated[hint, WrapValidator(_exactly(get_args(hint)))]
    if origin is tuple:
        items: Any = tuple(a if a is Ellipsis else _strict(a, limits) for a in get_args(hint))
        made: Any = tuple.__class_getitem__(items)
        return Annotated[made, Field(min_length=least)] if Ellipsis in items else made
    if origin in (Union, types.UnionType):
        return Union[tuple(_strict(a, limits) for a in get_args(hint))]  # noqa: UP007
    if hint in (int, float):
        constraints: dict[str, Any] = dict(limits)
        if hint is float:
            constraints["allow_inf_nan"] = False
        return Annotated[hint, Strict(), Field(**constraints)]
    return Annotated[hint, Strict()] if hint in (str, bool) else hint
