from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("memory")


def test_a_real_sweep_is_looked_at_and_ended(
    memory: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once its worker has imported all; what it takes after that is no matter here."""
    file = tmp_path / "figures.json"
    arguments = ["--data", "mnist", "--workers", "1", "--images", "2000", "--json", str(file)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["memory.py", *arguments])
    monkeypatch.setattr(memory, "TRAINED_CPU_S", 6.0)
    monkeypatch.setattr(memory, "LOOKED_S", 1.0)
    assert memory.main() == 0
    said = capsys.readouterr()
    assert said.err == ""
    (row,) = json.loads(file.read_text())["figures"]
    assert {"driver", "workers", "gcs_server", "raylet"} <= set(row["mib"])
    assert all(0 < size < 4000 for size in row["mib"].values())
    assert row["mib"]["workers"] > 100, "it has imported PyTorch"
    assert f"\nmnist{1:>13}{row['mib']['driver']:>9,.0f}" in said.out
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "name", "kind"),
    [
        (["ray::ResourceTrainable.train"], "ray::ResourceTr", "workers"),
        (["ray::IDLE"], "ray::IDLE", "IDLE"),
        (["ray::IDLE_SpillWorker"], "ray::IDLE_Spill", "IDLE"),
        (["ray::DashboardAgent"], "ray::DashboardA", "DashboardAgent"),
        (["/x/gcs_server", "--log"], "gcs_server", "gcs_server"),
        (["/x/python", "-u", "/x/log_monitor.py", "--a"], "python", "log_monitor.py"),
        ([], "python", None),
    ],
)
def test_kinds_of_processes(
    memory: ModuleType, words: list[str], name: str, kind: str | None
) -> None:
    assert memory.kind_of_title(words, name) == kind


def test_a_further_worker_is_what_all_takes_more(
    memory: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"driver": 300.0, "workers": 400.0, "raylet": 50.0}
    two = {"driver": 290.0, "workers": 700.0, "raylet": 40.0, "IDLE": 20.0}
    memory.report({("cifar10", 1): one, ("cifar10", 2): two})
    said = capsys.readouterr().out
    assert f"cifar10{1:>11}{300:>9}{400:>9}{50:>7}{750:>8}{'-':>16}" in said
    assert f"cifar10{2:>11}{290:>9}{700:>9}{60:>7}{'1,050':>8}{300:>16}" in said
