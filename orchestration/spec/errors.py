"""What is wrong with a sweep file, collected: all of it at once, each with its place."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestration.errors import UserError
from orchestration.spec.layers import Layers
from orchestration.spec.yaml_file import Location, dotted
from orchestration.spec.yaml_scalars import is_number
from orchestration.words import count

IN_QUOTES = "YAML reads no text there: put it in quotes"
SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""Words that older YAML took for true and false."""
LISTS = {
    "stages": "[{epochs: 20}, {}]",
    "paper": "[{metric: probe/accuracy, value: 0.93, source: Table 1}]",
    "objectives": "[{metric: val/probe_accuracy, direction: maximize}]",
}
"""Examples of settings that are lists; of others any list will do."""


class SpecErrors:
    """Collects what is wrong with a sweep file.

    Args:
        layers: the file's content, with places.
        known_in: names of the settings below a section or group, for suggestions.
    """

    def __init__(self, layers: Layers, known_in: Callable[[tuple[str, ...]], list[str]]) -> None:
        self._layers = layers
        self._known_in = known_in
        self._found: list[tuple[str, tuple[int, int], str]] = []

    def add(self, location: Location, message: str) -> None:
        """Note an error at a place in the content."""
        label, order = self._layers.origin(location)
        path = dotted(location)
        entry = f"{label}: {path}: {message}" if path else f"{label}: {message}"
        error = (str(location[0]) if location else "", order, entry)
        if error not in self._found:
            self._found.append(error)

    def unknown(self, location: Location, known: list[str], *, in_base: bool = False) -> None:
        """Note a name that nothing has, with the one that was probably meant."""
        message = "unknown setting"
        name = str(location[-1])
        close = difflib.get_close_matches(name.rpartition(".")[2], known, n=1)
        if in_base and f"{name}s" not in known:
            where = f"base.{name}, or grid.{name} for a list of values to try"
            message += f"; a trial's setting goes under base: or grid: ({where})"
        elif nested := self._nested(location):
            message += f"; names with dots are of grid and --set, here it is {nested}"
        elif close:
            message += f'; did you mean "{close[0]}"?'
        else:
            message += f"; known here: {', '.join(known)}" if known else ""
        self.add(location, message)

    def _nested(self, location: Location) -> str:
        """A name with dots, or one like it, as it is written without; empty where none is meant."""
        *groups, last = str(location[-1]).split(".")
        path = (*map(str, location[:-1]), *groups)
        known = self._known_in(path) if groups and path[0] == "base" else []
        meant = last if last in known else next(iter(difflib.get_close_matches(last, known)), "")
        if not meant:
            return ""
        opened = "".join(f"{group}: {{" for group in groups)
        return f"{opened}{meant}: …{'}' * len(groups)}"

    def check(self, location: Location, annotation: Any, value: Any) -> Any:
        """The validated value; None, with errors noted, where it is not valid.

        Args:
            location: where it stands.
            annotation: its type; or pydantic's adapter of it, which takes longer to make than to
                use, where there are many of one type.
            value: as it stands there.
        """
        made = isinstance(annotation, TypeAdapter)
        adapter: TypeAdapter[Any] = annotation if made else TypeAdapter(annotation)
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            for detail in error.errors():
                self._add_detail(location, detail, value)
            return None

    def is_valid(self, location: Location, annotation: Any, value: Any) -> bool:
        """Whether a value is valid; errors are noted where it is not."""
        before = len(self._found)
        self.check(location, annotation, value)
        return len(self._found) == before

    def _add_detail(self, location: Location, detail: Any, value: Any) -> None:
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            return  # its items are wrong, as other errors say
        # pydantic also names the branch of a union it tried: keep what stands in the file.
        inner: Location = ()
        for step in detail["loc"]:
            missing = detail["type"] == "extra_forbidden" and step == detail["loc"][-1]
            if missing or _has(value, (*inner, step)):
                inner = (*inner, step)
        if detail["type"] == "missing" and isinstance(detail["loc"][-1], str):
            self.add((*location, *inner, str(detail["loc"][-1])), "is missing")
        elif detail["type"] == "extra_forbidden":
            group = tuple(str(s) for s in (*location, *inner)[:-1])
            self.unknown((*location, *inner), self._known_in(group))
        else:
            place = (*location, *inner)
            self.add(
                place,
                f"{_must_be(detail, place)}, not {short(detail['input'])}{_hint(detail, place)}",
            )

    def found_in(self, *sections: str) -> bool:
        """Whether anything is wrong with one of these sections; of none of them: with any."""
        return any(section in sections or not sections for section, _, _ in self._found)

    def raise_any(self) -> None:
        """Raise a UserError with all that was noted, if anything was."""
        if self._found:
            self._found.sort(key=lambda error: error[1])
            raise UserError(*(entry for _, _, entry in self._found))


def _must_be(detail: Any, place: Location) -> str:
    kind = detail["type"]
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        named = "" if isinstance(place[-1], int) else f"{place[-1]}: "
        return f"must be a mapping of settings, such as {named}{{name: value}}"
    if kind in ("list_type", "tuple_type"):
        name = next((step for step in reversed(place) if isinstance(step, str)), "")
        example = LISTS.get(name, "[1, 2]")
        if place[0] == "grid" and isinstance(place[-1], int):
            return f"must be a list itself, as a grid lists values: {name}: [{example}]"
        return f"must be a list, such as {example}"
    if kind == "too_short":
        return f"must have at least {count(detail['ctx']['min_length'], 'item')}"
    return str(detail["msg"]).replace("Input should be", "must be")


def _hint(detail: Any, place: Location) -> str:
    """What was probably meant."""
    value = detail["input"]
    if isinstance(value, list) and place[0] == "base":
        return "; a list of values to try belongs under grid:"
    if isinstance(value, bool | int | float) and detail["type"] == "string_type":
        return f"; {IN_QUOTES}"
    if isinstance(value, str) and "type" in detail["type"]:
        plain = unicodedata.normalize("NFKC", value).replace("_", "").strip()
        if is_number(plain):
            return "; write it without quotes" if plain == value else f"; write {plain}"
    if str(value).lower() in SWITCHES and detail["type"] in ("bool_type", "switch"):
        return f"; write {SWITCHES[value.lower()]}"
    if detail["type"] == "literal_error" and isinstance(value, str):
        allowed = [word.strip("' ") for word in re.split(", | or ", detail["ctx"]["expected"])]
        close = difflib.get_close_matches(value.lower(), allowed, n=1)
        return f'; did you mean "{close[0]}"?' if close else ""
    if value is None:
        return " (nothing is given)"
    return ""


def _has(value: Any, path: Location) -> bool:
    for step in path:
        keys: Any = range(len(value)) if isinstance(value, list) else value
        if not isinstance(value, list | dict) or step not in keys:
            return False
        value = value[step]  # type: ignore[index]
    return True


def short(value: Any) -> str:
    """A value as it is shown in a message."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def listed(values: Iterable[Any]) -> str:
    """Values one after another, as a sweep file writes them."""
    return ", ".join(short(v) if isinstance(v, bool) else str(v) for v in values)
