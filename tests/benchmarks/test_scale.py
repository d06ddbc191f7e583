from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scale.py"


def test_sweeps_of_two_sizes_and_what_looks_at_them(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    sizes = ["--trials", "10", "20", "--mlflow", "10", "--ray"]
    process = subprocess.run(
        [sys.executable, str(SCRIPT), *sizes, "--json", str(figures), "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (process.returncode, process.stderr) == (0, "")
    found = json.loads(figures.read_text())
    assert [(each["trials"], each["told"]) for each in found["sweeps"]] == [
        (10, 0),
        (20, 0),
        (10, 10),
    ]
    for each in found["sweeps"]:
        assert each["per_s"] > 0
        assert 50 < each["peak_mib"] < 2000
        cpu = each["cpu_s"]
        assert cpu["all"] == pytest.approx(cpu["before"] + cpu["work"] + cpu["after"], rel=0.05)
        assert 0 < cpu["worker"] < cpu["work"]
        assert 0 < each["wall_s"]["ledger"] < each["wall_s"]["all"]
    assert set(found["commands"]) == {"plan", "status", "list"}
    assert all(seconds["cpu_s"] > 0 for seconds in found["commands"].values())
    for goal in ("costs at most 1.3 times", "under 1 GB", "plan takes under", "status takes under"):
        assert f"{goal}" in process.stdout
