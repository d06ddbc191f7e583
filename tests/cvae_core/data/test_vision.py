from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from cvae_core.data import vision

pytestmark = pytest.mark.slow


def test_operators_are_declared_only_where_they_do_not_load() -> None:
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5
    if vision._declared is None:
        assert vision.torchvision.ops.nms(*boxes).tolist() == [0]
    else:
        # A declaration computes nothing, and must not pretend to.
        with pytest.raises((NotImplementedError, RuntimeError)):
            vision.torchvision.ops.nms(*boxes)


def test_nothing_is_declared_where_they_load(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(torch.ops, "load_library", loaded.append)
    assert vision._declare_missing_operators() is None
    assert len(loaded) == 1
    assert Path(loaded[0]).name.startswith("_C")


def imports_torchvision(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "torchvision" in text else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        if any(name.split(".")[0] == "torchvision" for name in names):
            return True
    return False


def test_it_is_the_only_door(repository: Path) -> None:
    rooms = ("cvae_core", "orchestration", "benchmarks", "tests")
    files = [path for room in rooms for path in (repository / room).rglob("*.py")]
    assert len(files) > 20
    found = [str(path.relative_to(repository)) for path in files if imports_torchvision(path)]
    assert found == ["cvae_core/data/vision.py"]
