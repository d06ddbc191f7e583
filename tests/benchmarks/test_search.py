from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "search.py"


def test_asks_tells_and_refills_are_compared_with_plain_optuna(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, str(SCRIPT), "--trials", "12", "1000", "--asks", "3"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (process.returncode, process.stderr) == (0, "")
    number = r"(\d+\.\d+)"
    for trials in ("12", "1,000"):
        row = (
            rf"^ *{trials} +{number} ms +{number} ms +{number} +{number} ms +{number} +{number} s$"
        )
        found = re.search(row, process.stdout, re.M)
        assert found is not None, process.stdout
        plain_ask, ask, ratio, tell, tell_ratio, refill = map(float, found.groups())
        assert min(plain_ask, ask, ratio, tell, tell_ratio) > 0
        assert abs(ratio - ask / plain_ask) < 0.1 * ratio
        assert refill < 5
