"""Reading YAML safely, with the line of every value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
Location = tuple[str | int, ...]
HINTS = {
    "'\\t'": "indent with spaces, not with tabs",
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


class _Loader(yaml.SafeLoader):
    """YAML's plain values; ``1e-3`` is a number, as everybody who writes it means."""


_Loader.yaml_implicit_resolvers = {
    first: list(resolvers) for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


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


def read_yaml(path: Path) -> YamlFile:
    """Read one document of plain mappings, lists and scalars.

    Raises:
        UserError: the file is missing, unreadable, too large, not YAML, or uses tags, anchors,
            or the same key twice.
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
        _refuse_indirection(path, text)
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[Location, int] = {}
        content = None if node is None else _construct(path, node, (), lines)
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply") from None
    except yaml.YAMLError as error:
        raise UserError(_yaml_error(path, error)) from None
    return YamlFile(path, content, lines)


def parse_value(text: str) -> Any:
    """A value from a command line, read as YAML (``1e-3``, ``[1, 2]``, ``null``, ``text``).

    Raises:
        UserError: it is not YAML.
    """
    path = Path("--set")
    try:
        _refuse_indirection(path, text)
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _construct(path, node, (), {})
    except (yaml.YAMLError, RecursionError):
        raise UserError(f"--set: {text!r} cannot be read as a YAML value") from None


def _refuse_indirection(path: Path, text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        # Counted here, as it is read: PyYAML's time grows with the square of the depth.
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise UserError(f"{path}: is nested too deeply")
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UserError(
                f"{path}:{line}: anchors (&name) and aliases (*name) are not allowed; "
                "write the value out"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise UserError(f"{path}:{line}: the tag {tag!r} is not allowed; write a plain value")


def _construct(path: Path, node: yaml.Node, location: Location, lines: dict[Location, int]) -> Any:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise UserError(f"{path}:{line}: a key must be a word")
            key = str(key_node.value)
            if key in result:
                raise UserError(f"{path}:{line}: the key {key!r} is there twice")
            lines[(*location, key)] = line
            result[key] = _construct(path, value_node, (*location, key), lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(path, item, (*location, index), lines)
            for index, item in enumerate(node.value)
        ]
    loader = _Loader("")
    try:
        return loader.construct_object(node, deep=True)
    except ValueError:
        raise UserError(
            f"{path}:{node.start_mark.line + 1}: {node.value!r} is not a valid value"
        ) from None
    finally:
        loader.dispose()


def _yaml_error(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
    hint = next((f"; {hint}" for part, hint in HINTS.items() if part in problem), "")
    return f"{where}: is not valid YAML: {problem}{hint}"
