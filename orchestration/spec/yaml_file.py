"""Reading YAML safely, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError
from orchestration.spec.look_alikes import look_alike, look_alike_in
from orchestration.spec.yaml_scalars import LOOKS_LIKE_A_NUMBER, RESOLVERS, what_is_meant

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
DIGITS_AND_COMMA = re.compile(r"(?<![\w.])([-+]?[0-9]+),$")
Location = tuple[str | int, ...]
HINTS = {
    "'\\t'": "use spaces there, not tabs",
    "cannot start any token": "put the text in quotes",
    "mapping values are not allowed": "is the line indented as those before it, and is there a "
    "space behind each colon? Text that holds a colon needs quotes",
    "expected <block end>": "is the line indented as those before it?",
    "could not find expected ':'": "a colon is missing on the line before",
    "expected ',' or": "a comma is missing, or a bracket is not closed",
    "unexpected end of stream": "a quote is not closed",
    "found another document": "a file describes one sweep, without ---",
}
"""What is to be done about what PyYAML says; the first that fits."""


@dataclass(frozen=True)
class YamlFile:
    """A file's content, and where in the file each part of it stands."""

    path: Path
    content: Any
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int | None:
        """Line of a value, counted from 1; of the nearest enclosing one if it is not there."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def dotted(location: Location) -> str:
    """A place in a file as it is shown: ``grid.beta[2]``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read_yaml(path: Path) -> YamlFile:
    """Read one document of plain mappings, lists and scalars.

    Raises:
        UserError: the file is missing, unreadable, too large, not YAML, or uses tags, anchors,
            the same key twice, or what looks like a number and is none.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise UserError(f"{path}: {len(raw):,} bytes is too much for a sweep file")
    try:
        text = raw.decode()
        loader = _Loader(text)
        content = loader.document()
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise UserError(_yaml_error(path, text, error)) from None
    if loader.refused:
        raise UserError(*(f"{path}:{place}: {why}" for place, why in loader.refused))
    return YamlFile(path, content, loader.lines)


def parse_value(text: str, key: str) -> Any:
    """The value of ``--set key=text``, read as YAML (``1e-3``, ``[1, 2]``, ``null``, ``text``).

    Raises:
        UserError: it is not YAML, or something that ``read_yaml`` refuses.
    """
    try:
        loader = _Loader(text)
        content = loader.document()
    except yaml.YAMLError:
        alike = look_alike_in(text)
        hint = "" if alike is None else f"; {alike[1]}"
        raise UserError(f"--set {key}: {text!r} cannot be read as a YAML value{hint}") from None
    if loader.refused:
        raise UserError(*(f"--set {key}: {why}" for _, why in loader.refused))
    return content


class _Loader(yaml.SafeLoader):
    """Reads one document into plain values, and notes what is refused in it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._text = text
        self.lines: dict[Location, int] = {}
        self.refused: list[tuple[str, str]] = []
        """Line, or line and column, and why."""
        self._depth = 0

    def document(self) -> Any:
        """The values; None where there is nothing, or where it cannot be read to its end."""
        try:
            node = self.get_single_node()
        except _RefusedError as error:
            self.refused.append(error.args)
            return None
        return None if node is None else self._value(node, ())

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse, before it is read, what could grow without end or run something."""
        untyped: Any = self  # types-PyYAML leaves this out
        event = untyped.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _RefusedError(
                line, "anchors (&name) and aliases (*name) are not allowed; write the value out"
            )
        if event.tag is not None:
            raise _RefusedError(line, f"the tag {event.tag!r} is not allowed; write a plain value")
        self._depth += 1
        if self._depth > MAX_DEPTH:  # PyYAML's time grows with the square of the depth
            raise _RefusedError(line, "is nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _value(self, node: yaml.Node, location: Location) -> Any:
        self.lines.setdefault(location, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*location, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and self._refuse_word(node, location):
            return None
        try:
            return self.construct_object(node)
        except ValueError:  # Python reads no integer of more than 4,300 digits
            self._refuse(node, location, "is too long a number")
            return None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, location, "a key must be a word")
                continue
            self._refuse_word(key_node, location)
            key = str(key_node.value)
            if key in mapping:
                self._refuse(key_node, location, f"the key {key!r} is there twice")
            self.lines[(*location, key)] = key_node.start_mark.line + 1
            mapping[key] = self._value(value_node, (*location, key))
        return mapping

    def _refuse_word(self, node: yaml.ScalarNode, location: Location) -> bool:
        """Refuse a word that some read as another; whether it is one."""
        begin, end = node.start_mark, node.end_mark
        alike = None if node.style else look_alike(self._text[begin.index : end.index])
        if alike is not None:
            at, why = begin.index + alike[0], alike[1]
            line = self._text.count("\n", 0, at) + 1
            column = at - self._text.rfind("\n", 0, at)
            self.refused.append((f"{line}:{column}", why))
        elif node.tag == LOOKS_LIKE_A_NUMBER:
            before = DIGITS_AND_COMMA.search(self._text[max(0, begin.index - 30) : begin.index])
            self._refuse(node, location, what_is_meant(node.value, before and before[1]))
        else:
            return False
        return True

    def _refuse(self, node: yaml.Node, location: Location, why: str) -> None:
        place = f"{dotted(location)}: " if location else ""
        self.refused.append((str(node.start_mark.line + 1), f"{place}{why}"))


_Loader.yaml_implicit_resolvers = {}  # without those of YAML 1.1
for _resolver in RESOLVERS:
    _Loader.add_implicit_resolver(*_resolver)


class _RefusedError(Exception):
    """A line, and what is not allowed there."""


def _yaml_error(path: Path, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    # What is in the way may stand before the place where YAML's sense ends.
    for number, line in enumerate(text.split("\n")[: None if mark is None else mark.line + 1], 1):
        alike = look_alike_in(line)
        if alike is not None:
            return f"{path}:{number}:{alike[0] + 1}: is not valid YAML: {alike[1]}"
    where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
    where += f":{mark.column + 1}" if mark is not None and "'\\t'" in problem else ""
    hint = next((f"; {hint}" for part, hint in HINTS.items() if part in problem), "")
    return f"{where}: is not valid YAML: {problem}{hint}"
