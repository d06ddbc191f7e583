"""The rooms of the two packages, beside what the import contract says of their arrows."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
ON_TOP = {
    *("__init__", "background", "caches", "commands", "errors", "redact", "signals", "storage"),
    *("store", "threads", "words"),
}


@pytest.mark.parametrize("package", ["cvae_core", "orchestration"])
def test_no_imports_go_in_circles(package: str) -> None:
    graph = grimp.build_graph(package, cache_dir=None, exclude_type_checking_imports=True)
    modules = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    list(TopologicalSorter(modules).static_order())


def test_what_lies_on_top() -> None:
    assert {path.stem for path in (ROOT / "orchestration").glob("*.py")} == ON_TOP
