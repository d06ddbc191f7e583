"""A sweep file with what it extends below it and what the command line sets above it.

A layer above wins over the layers below it, setting by setting. A single value for a setting takes
the place of the setting's list in the grid below, so that ``base: {beta: 1}`` over a grid of β
leaves one β. In the same way a setting is searched, or is not, as the layer above has it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from cvae_core.settings import merge
from orchestration.errors import UserError
from orchestration.spec import search_layers
from orchestration.spec.flat_names import without
from orchestration.spec.packaged import similar_file
from orchestration.spec.settings import field_annotation, setting_names
from orchestration.spec.yaml_file import Location, YamlFile, parse_value, read_yaml


class Origin(NamedTuple):
    """Where something stands, and where it is listed among errors."""

    label: str
    order: tuple[int, int]


@dataclass(frozen=True)
class Layers:
    """All layers as one content, and where each part of it stands."""

    path: Path
    content: Any
    origins: Mapping[Location, Origin]

    @classmethod
    def of(cls, file: YamlFile, depth: int = 0) -> Layers:
        """One file alone."""
        origins = {
            location: Origin(f"{file.path}:{line}", (depth, line))
            for location, line in file.lines.items()
        }
        return cls(file.path, file.content, origins)

    def origin(self, location: Location) -> Origin:
        """Of a value; of the nearest one around it if it is not there."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.origins:
                return self.origins[location[:length]]
        return Origin(str(self.path), (0, 0))


def read_layers(path: Path, overrides: tuple[str, ...], sections: list[str]) -> Layers:
    """A sweep file, what it extends, and ``key=value`` from the command line.

    Args:
        path: of the sweep file.
        overrides: ``key=value`` each.
        sections: names of a sweep file's sections.

    Raises:
        UserError: a file cannot be read, extends what it may not, or an override is wrong.
    """
    layers = _with_extended(path, ())
    content, origins = layers.content, dict(layers.origins)
    for override in overrides:
        content, locations = _override(content, override, sections)
        origins |= dict.fromkeys(locations, Origin(f"{path} with --set", (-1, 0)))
    return Layers(path, content, origins)


def _with_extended(path: Path, above: tuple[Path, ...]) -> Layers:
    own = Layers.of(read_yaml(path), depth=len(above))
    if own.content is None:
        raise UserError(f"{path}: is empty; a sweep file has a name at least, as in name: my_sweep")
    if not isinstance(own.content, dict):
        kind = "a list" if isinstance(own.content, list) else "a single value"
        raise UserError(
            f"{path}: must be a mapping of settings, such as name: my_sweep, not {kind}"
        )
    if "extends" not in own.content:
        return own
    content = {key: value for key, value in own.content.items() if key != "extends"}
    below = _with_extended(_extended(own, (*above, path)), (*above, path))
    # A sweep's name is its folder: two files must not fall into one by leaving it out.
    inherited = {key: value for key, value in below.content.items() if key != "name"}
    origins = {place: origin for place, origin in below.origins.items() if place != ("name",)}
    return Layers(path, _over(inherited, content), {**origins, **own.origins})


def _extended(layers: Layers, above: tuple[Path, ...]) -> Path:
    """The file that this one extends."""
    name, where = layers.content["extends"], layers.origin(("extends",)).label
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise UserError(
            f"{where}: extends: must be the name of a sweep file in the same folder, "
            f"such as mnist_beta.yaml, not {name!r}"
        )
    path = layers.path.with_name(name)
    if path.name in {file.name for file in above}:
        chain = " → ".join([*(file.name for file in above), name])
        raise UserError(f"{where}: extends: goes round in a circle ({chain})")
    if not path.is_file():
        others = sorted(p.name for p in path.parent.glob("*.yaml") if p.name != layers.path.name)
        meant = similar_file(name, others)
        hint = f'; did you mean "{meant}"?' if meant else ""
        raise UserError(f"{where}: extends: there is no {name} in {path.parent}{hint}")
    return path


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """One layer's content over that of the layer below it."""
    below = search_layers.under(below, above)
    grid, base = below.get("grid", {}), below.get("base", {})
    own = above.get("grid")
    each = own if isinstance(own, list) else [own]
    for path in (*_leaves(above.get("base")), *(leaf for one in each for leaf in _leaves(one))):
        grid = _without_everywhere(grid, path)
        below = search_layers.with_fixed(below, path)
    for searched, is_always in search_layers.searched(above):
        grid = _without_everywhere(grid, searched)
        base = without(base, searched) if is_always else base
    whole = merge({**below, "grid": grid, "base": base}, above)
    if isinstance(grid, list) and isinstance(own, dict):
        whole["grid"] = [merge(one, own) if isinstance(one, dict) else one for one in grid]
    return whole


def _leaves(settings: Any, path: tuple[str, ...] = ()) -> list[list[str]]:
    """Paths of all single settings."""
    if not isinstance(settings, dict):
        return [list(path)] if path else []
    return [
        leaf
        for key, value in settings.items()
        for leaf in _leaves(value, (*path, *str(key).split(".")))
    ]


def _override(
    content: dict[str, Any], override: str, sections: list[str]
) -> tuple[dict[str, Any], list[Location]]:
    """Apply ``key=value``, a section's key as it stands, else a trial's setting; and its origins.

    A single value takes the place of a setting in ``base`` and of its list in ``grid``; a list,
    where the setting itself is none, becomes the setting's list in ``grid``. Neither is searched
    then.
    """
    key, separator, text = override.partition("=")
    path = key.strip().split(".")
    if not separator or not all(path):
        raise UserError(f"--set {override!r}: write key=value, such as --set epochs=3")
    value = parse_value(text, ".".join(path))
    if path[0] in sections:
        made = _over(content, nested(path, value))
        return made, _in_each(made, _locations(value, tuple(path)))
    annotation = field_annotation(tuple(path))
    if annotation is None:
        names = [*setting_names(), *sections]
        close = difflib.get_close_matches(path[0], names, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise UserError(f"--set {override!r}: unknown setting {key!r}{hint}")
    grid = content.get("grid", {})
    if not all(isinstance(one, dict) for one in (grid if isinstance(grid, list) else [grid])):
        return content, []  # validation says what is wrong with it
    for leaf in _leaves(value, tuple(path)) or [path]:
        grid = _without_everywhere(grid, leaf)
        content = search_layers.with_fixed(content, leaf)
    if isinstance(value, list) and not _accepts(annotation, value):
        many = [merge(one, nested(path, value)) for one in grid] if isinstance(grid, list) else None
        grid = merge(grid, nested(path, value)) if many is None else many
        made = {**content, "grid": grid}
        return made, _in_each(made, _locations(value, ("grid", *path)))
    content = merge({**content, "grid": grid}, nested(["base", *path], value))
    return content, _locations(value, ("base", *path))


def _in_each(content: Mapping[str, Any], locations: list[Location]) -> list[Location]:
    """Locations in a grid, as they are in each of several grids."""
    grid = content.get("grid")
    if not isinstance(grid, list):
        return locations
    return [
        spread
        for at in locations
        for spread in (
            [("grid", index, *at[1:]) for index in range(len(grid))]
            if at[0] == "grid" and at[1:] and not isinstance(at[1], int)
            else [at]
        )
    ]


def _locations(value: Any, location: Location) -> list[Location]:
    """Of a value and of everything in it."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [location, *(at for key, item in inside for at in _locations(item, (*location, key)))]


def nested(path: list[str], value: Any) -> dict[str, Any]:
    """``["a", "b"], 1`` to ``{"a": {"b": 1}}``."""
    for name in reversed(path):
        value = {name: value}
    mapping: dict[str, Any] = value
    return mapping


def _without_everywhere(grid: Any, path: Sequence[str]) -> Any:
    """A grid, or a list of grids, without one setting."""
    return [without(one, path) for one in grid] if isinstance(grid, list) else without(grid, path)


def _accepts(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True
