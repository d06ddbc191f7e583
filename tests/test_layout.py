"""The rooms of the two packages, beside what the import contract says of their arrows."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["cvae_core", "orchestration"]
ON_TOP = {
    *("__init__", "background", "caches", "commands", "directory", "errors", "garbage", "held"),
    *("machine", "redact", "signals", "sqlite", "storage", "store", "threads", "words"),
}
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60
MOST_PARAMETERS = 5


@pytest.mark.parametrize("package", PACKAGES)
def test_no_imports_go_in_circles(package: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None, exclude_type_checking_imports=True)
    modules = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    list(TopologicalSorter(modules).static_order())


def test_what_lies_on_top() -> None:
    assert {path.stem for path in (ROOT / "orchestration").glob("*.py")} == ON_TOP


def test_every_room_has_its_place_in_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = " ".join(settings["tool"]["importlinter"]["contracts"][0]["layers"])
    named = {name.partition(".")[2] for name in layers.split() if name.startswith("orchestration.")}
    rooms = {path.parent.name for path in (ROOT / "orchestration").glob("*/__init__.py")}
    assert named == rooms | ON_TOP - {"__init__"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_too_long_to_be_read(package: str) -> None:
    lines = {path: len(text.splitlines()) for path, text in sources(package)}
    assert not {str(path): n for path, n in lines.items() if n > LONGEST_MODULE}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_function_is_too_long_or_takes_too_much(package: str) -> None:
    """A comment where its parameters are says why one takes more."""
    wrong = []
    for path, text in sources(package):
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef):
                continue
            if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION:
                wrong.append(f"{path}:{node.lineno} {node.name} is too long")
            given = node.args
            names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            first = node.lineno - 2 - len(node.decorator_list)
            head = "".join(lines[first : node.body[0].lineno])
            if len(set(names) - {"self", "cls"}) > MOST_PARAMETERS and "#" not in head:
                wrong.append(f"{path}:{node.lineno} {node.name} takes too much")
    assert wrong == []


def sources(package: str) -> Iterator[tuple[Path, str]]:
    return ((path, path.read_text()) for path in (ROOT / package).rglob("*.py"))
