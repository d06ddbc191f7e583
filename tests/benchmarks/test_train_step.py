from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "train_step.py"


def test_both_loops_agree_and_a_ratio_is_printed(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, str(SCRIPT), "--steps", "2", "--repeats", "1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    assert "made-up images" in process.stdout
    for model in ("vae", "cvae"):
        assert re.search(
            rf"^{model}: losses equal to \d\.\de-\d+ over 50 steps$", process.stdout, re.M
        )
    rows = {"vae": "1.3", "cvae": "2.5", "cvae, one view augmented": "-"}
    for label, at_least in rows.items():
        row = rf"^{label} +[\d,]+/s +[\d,]+/s +(\d+\.\d\d) +{re.escape(at_least)}$"
        found = re.search(row, process.stdout, re.M)
        assert found is not None, process.stdout
        assert float(found[1]) > 0
