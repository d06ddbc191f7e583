"""Who writes files, as the source code has it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
READS = {"read_document", "read_text", "is_damaged", "previous"}
"""Of the store, what changes nothing."""
CHANGES = {
    *("hardlink_to", "NamedTemporaryFile", "mkdtemp", "print_png", "rename", "rmdir", "rmtree"),
    *("savefig", "savetxt", "savez", "savez_compressed", "symlink_to", "TemporaryDirectory"),
    *("tofile", "touch", "unlink", "write_bytes", "write_text"),
}
"""Names of functions and methods that make, change or remove files."""
MODULES = {
    "os": {"link", "remove", "removedirs", "renames", "replace", "symlink", "truncate"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move"},
    "np": {"save"},
    "torch": {"save"},
}
"""Functions of modules that do so, whose names mean other things elsewhere."""


def calls(is_meant: Callable[[ast.Call], bool], package: str) -> set[str]:
    """Functions that make a call of some kind, ``module.Class.function`` within the package."""
    found = set()
    for path in sorted((ROOT / package).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / package).with_suffix("").parts)
        for function, call in _calls(ast.parse(path.read_text(encoding="utf-8")), module):
            if is_meant(call):
                found.add(function)
    return found


def _calls(node: ast.AST, where: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if isinstance(child, ast.Call):
            yield where, child
        yield from _calls(child, f"{where}.{child.name}" if named else where)  # type: ignore[attr-defined]


def tells_store(call: ast.Call) -> bool:
    """Whether the store is told to change something."""
    function = call.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    return function.value.id == "store" and function.attr not in READS


def changes_files(call: ast.Call) -> bool:
    """Whether files are changed without the store, as far as names tell."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if tells_store(call):
        return False
    if name in MODULES.get(_module(function), set()):
        return True
    if name == "replace":  # of paths: that of texts takes two, that of dataclasses names
        return len(call.args) == 1 and not call.keywords
    return _opens_to_write(call) if name in ("open", "fdopen") else name in CHANGES


def steps_of_paths(tree: ast.AST) -> Iterator[str]:
    """Steps of paths that are spelled: what is joined by ``/``, and texts with slashes in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            for side in (node.left, node.right):
                if isinstance(side, ast.Constant) and isinstance(side.value, str):
                    yield side.value
        # A file's name means one thing wherever it stands; else a slash tells that it is a path.
        text = node.value if isinstance(node, ast.Constant) else ""
        if isinstance(text, str) and " " not in text and ("/" in text or text.endswith(".json")):
            yield from text.split("/")


def _module(function: ast.expr) -> str:
    of = function.value if isinstance(function, ast.Attribute) else None
    return of.id if isinstance(of, ast.Name) else ""


def _opens_to_write(call: ast.Call) -> bool:
    """Whether a file is opened for writing, or it cannot be told for what."""
    given = [*call.args[:2], *(k.value for k in call.keywords if k.arg == "mode")]
    texts = [each.value for each in given if isinstance(each, ast.Constant)]
    modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwaxbt+")]
    flags = any(isinstance(each, ast.Attribute) and each.attr != "O_RDONLY" for each in given[1:])
    return flags or any(set(mode) & set("wax+") for mode in modes)
