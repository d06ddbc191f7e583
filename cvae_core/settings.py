"""How settings are declared, checked, and read from and written as plain values.

Each setting is declared once, with its default, limits and description; sweep files are validated
against these declarations and the reference documentation is written from them. A field whose
declaration says ``only="cvae"`` means nothing to a plain VAE; ``also={"augment": True}`` says with
which setting of the whole trial it means something as well, and one with ``when`` means nothing
where that does not hold of its group.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from cvae_core.errors import ConfigError

ModelName = Literal["vae", "cvae", "pca", "pixels", "untrained", "supervised"]
T = TypeVar("T")


# Each of the many arguments is a word of a declaration, named where it is used.
def setting(
    default: Any,
    doc: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    only: ModelName | None = None,
    also: Mapping[str, Any] | None = None,
    name: str | None = None,
    added: bool = False,
    identity: bool = True,
    when: Callable[[Any], bool] | None = None,
) -> Any:
    """Declare a field: default, description, limits (applied to each item of a tuple).

    ``only`` and ``also`` say where it means something: to that model, and wherever one of those
    settings of the whole trial has that value. With neither it does everywhere, or, in a group,
    where the group does.

    ``added`` marks a field that joined after the first release: at its default it is left out of a
    configuration's identity, so that old trial keys stay what they were. ``identity=False`` marks
    one that says where something is and not what: it is never part of the identity. ``when`` is
    asked with the group that the field is in, whether the field means something there.
    """
    limits = {"gt": gt, "ge": ge, "lt": lt, "le": le}
    metadata = {
        "doc": doc,
        "limits": {k: v for k, v in limits.items() if v is not None},
        "where": {**({"model": only} if only else {}), **(also or {})},
        "name": name,
        "added": added,
        "identity": identity,
        "when": when,
    }
    return field(default=default, metadata=metadata)


# Here too each argument is a word of a declaration.
def group(
    default: Any,
    doc: str,
    *,
    only: ModelName | None = None,
    also: Mapping[str, Any] | None = None,
    name: str | None = None,
    added: bool = False,
) -> Any:
    """Declare a group of settings: a frozen dataclass whose fields are settings."""
    return setting(default, doc, only=only, also=also, name=name, added=added)


def means_something(declared: dataclasses.Field[Any], trial: Any) -> bool:
    """Whether a setting changes anything of a trial, given where its group does."""
    where = declared.metadata["where"]
    return not where or any(getattr(trial, name) == value for name, value in where.items())


def counts_beside(declared: dataclasses.Field[Any], group: Any) -> bool:
    """Whether a field counts beside the others of its group, whatever the trial is."""
    when = declared.metadata["when"]
    return when is None or bool(when(group))


def setting_name(declared: dataclasses.Field[Any]) -> str:
    """Name of a field in files and tables (``lambda`` is a keyword in Python, not in YAML)."""
    return str(declared.metadata.get("name") or declared.name)


declared_in: Callable[[type], tuple[dataclasses.Field[Any], ...]] = cache(dataclasses.fields)
"""The fields of a dataclass of settings; ledgers hold many trials, and each has them all."""


_COMPARE: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "gt": (lambda value, limit: value > limit, "greater than"),
    "ge": (lambda value, limit: value >= limit, "at least"),
    "lt": (lambda value, limit: value < limit, "less than"),
    "le": (lambda value, limit: value <= limit, "at most"),
}


class Checked:
    """Checks every declared limit, so that a notebook gets the same protection as a sweep file."""

    def __post_init__(self) -> None:
        for declared in declared_in(type(self)):
            value = getattr(self, declared.name)
            if value == () != declared.default:
                raise ConfigError(f"{setting_name(declared)} must not be empty")
            limits = declared.metadata["limits"]
            if not limits:
                continue
            items = value if isinstance(value, tuple) else (value,)
            for kind, limit in limits.items():
                holds, words = _COMPARE[kind]
                for item in items:
                    if item is not None and not holds(item, limit):
                        raise ConfigError(
                            f"{setting_name(declared)} must be {words} {limit}, not {item!r}"
                        )


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested union of two mappings; where both have a value, ``above`` has it."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def chosen(settings: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of nested settings that are named, groups as a whole or single settings in them.

    Args:
        settings: nested.
        names: of settings and groups, with dots; one that is not there is passed over.
    """
    kept: dict[str, Any] = {}
    for name in names:
        first, _, rest = name.partition(".")
        if first in settings:
            own = chosen(settings[first], [rest]) if rest else settings[first]
            kept = merge(kept, {first: own})
    return kept


def build(cls: type[T], settings: Mapping[str, Any]) -> T:
    """A dataclass of settings from nested plain values under the names that files use.

    Raises:
        ConfigError: an unknown setting, or a value outside its limits.
    """
    declared = _places(cls)
    unknown = settings.keys() - declared.keys()
    if unknown:
        raise ConfigError(f"unknown settings of {cls.__name__}: {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {}
    for name, value in settings.items():
        attribute, hint, is_group, is_float = declared[name]
        if is_group and isinstance(value, Mapping):
            value = _group(hint, value)
        elif isinstance(value, list):
            item = item_type(hint)
            built = value if item is None else (build(item, each) for each in value)
            value = tuple(map(_as_float, built)) if is_float else tuple(built)
        elif is_float:
            value = _as_float(value)
        values[attribute] = value
    return cls(**values)


def _as_float(value: Any) -> Any:
    """A whole number as a float: 1 and 1.0 are one setting."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_of_floats(hint: Any) -> bool:
    """Whether a setting is a float, or a list of them."""
    kinds = [each for each in get_args(hint) if each not in (type(None), Ellipsis)] or [hint]
    return all(kind is float or (kind is not hint and _is_of_floats(kind)) for kind in kinds)


def _group(cls: type[T], settings: Mapping[str, Any]) -> T:
    """A group of settings: one object for equal ones, as trials of a sweep share most of theirs."""
    try:
        key = cls, json.dumps(settings)
    except (TypeError, ValueError):  # not of plain values alone
        return build(cls, settings)
    found: T | None = _groups.get(key)
    if found is None:
        if len(_groups) >= MOST_GROUPS:
            _groups.clear()
        found = _groups[key] = build(cls, settings)
    return found


_groups: dict[tuple[type, str], Any] = {}
MOST_GROUPS = 10_000
"""So many are kept: far more than a sweep has."""


def _places_in(cls: type) -> dict[str, tuple[str, Any, bool, bool]]:
    """By name in files: the field's own, its annotation, whether it is a group, or of floats.

    Evaluating annotations takes longer than all else here, and ledgers hold many trials.
    """
    hints = get_type_hints(cls)
    return {
        setting_name(f): (f.name, hint, dataclasses.is_dataclass(hint), _is_of_floats(hint))
        for f in declared_in(cls)
        for hint in [hints[f.name]]
    }


_places: Callable[[type], dict[str, tuple[str, Any, bool, bool]]] = cache(_places_in)


def item_type(hint: Any) -> Any:
    """The dataclass of which a setting is a list; None where it is no such list."""
    items = get_args(hint) if get_origin(hint) is tuple else ()
    return items[0] if items and dataclasses.is_dataclass(items[0]) else None


_PLAIN = (float, int, str)


def _named_in(cls: type) -> tuple[tuple[str, str], ...]:
    return tuple((setting_name(f), f.name) for f in declared_in(cls))


_names_in: Callable[[type], tuple[tuple[str, str], ...]] = cache(_named_in)
"""Of each field the name in files, and its own."""


def plain(value: Any) -> Any:
    """A dataclass of settings under the names that files use; tuples become lists.

    Of dataclasses in a list it is what differs from their defaults: what a file gives.
    """
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, tuple):
        return [_given(item) if _is_settings(item) else item for item in value]
    if _is_settings(value):
        return {name: plain(getattr(value, own)) for name, own in _names_in(type(value))}
    return value


def _given(value: Any) -> dict[str, Any]:
    """A dataclass of settings without those that stand at their defaults."""
    return {
        setting_name(f): _given(own) if _is_settings(own) else plain(own)
        for f in dataclasses.fields(value)
        for own in [getattr(value, f.name)]
        if own != f.default
    }


def _is_settings(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
