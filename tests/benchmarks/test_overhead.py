from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overhead.py"
MEASURED = {"first step", "further trial", "end", "nothing to do", "--help"}


@pytest.fixture
def overhead(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("overhead")


def test_a_real_sweep_is_set_beside_a_bare_ray(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, str(SCRIPT), "--repeats", "1", "--trials", "2", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(file.read_text())["figures"]["medians_s"]
    assert set(found) > MEASURED
    assert min(found.values()) > 0
    for name in MEASURED:
        assert f"\n{name:<16}{found[name]:>9.2f}" in done.stdout
    parts = found["import ray"] + found["ray's start"] + found["an actor's torch"]
    assert parts == pytest.approx(found["ray and torch"])
    # A whole sweep starts Ray as well; what does nothing does not.
    assert found["first step"] > found["import ray"]
    assert found["--help"] < found["nothing to do"] < found["first step"]


def test_times_of_a_ledger(overhead: ModuleType) -> None:
    ends = [(13.0, 2.0), (10.0, 3.0), (16.5, 2.0)]
    trials = [{"epochs": [{"at": at, "epoch_s": spent}]} for at, spent in ends]
    found = overhead.times(trials)
    assert found == {"trials": 3, "first": 7.0, "last": 16.5, "further": 1.25}


@pytest.mark.parametrize(("first_step", "missed"), [(6.9, []), (7.1, ["first step"])])
def test_a_missed_goal_is_said(
    overhead: ModuleType,
    capsys: pytest.CaptureFixture[str],
    first_step: float,
    missed: list[str],
) -> None:
    found = dict.fromkeys(overhead.BASELINES, 0.0) | {"ray and torch": 5.0}
    found |= dict.fromkeys(MEASURED, 0.05) | {"first step": first_step}
    assert overhead.report(found, check=False) == 0
    assert capsys.readouterr().err == ""
    assert overhead.report(found, check=True) == len(missed)
    said = capsys.readouterr().err
    assert all(name in said for name in missed)


def test_a_program_that_fails_is_told(overhead: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"failed:(.|\n)*no such module"):
        overhead.run(tmp_path, sys.executable, "-c", "raise SystemExit('no such module')")
