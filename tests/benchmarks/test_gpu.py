from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WAYS = ("alone 1", "pack 1", "pack 2", "processes 2")
ABSENT = """
import sys

class Absent:
    names = {
        "ray", "pydantic", "mlflow", "optuna", "click", "rich", "yaml", "psutil", "platformdirs",
        "PIL", "torchvision", "sklearn", "scipy", "pandas", "matplotlib", "umap",
    }
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is absent")

sys.meta_path.insert(0, Absent())
"""


def benchmark(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it, and the processes that it starts, with PyTorch and NumPy alone."""
    (folder / "sitecustomize.py").write_text(ABSENT)
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_it_compares_packs_with_processes_and_needs_pytorch_alone(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    arguments = ["--device", "cpu", "--epochs", "1", "--json", str(file)]
    process = benchmark(tmp_path, *arguments)
    assert process.returncode == 0, process.stderr
    figures = json.loads(file.read_text())["figures"]
    assert [f"{row['way']} {row['trials']}" for row in figures] == [*WAYS, *WAYS]
    for row in figures:
        line = rf"^{row['model']} +{row['way']} +{row['trials']} +(\S+)/s +(\S+)/s +\S+ "
        found = re.search(line, process.stdout, re.M)
        assert found is not None, process.stdout
        assert float(found[1]) == pytest.approx(row["epochs_per_s"], abs=6e-4)
        assert float(found[2]) == pytest.approx(row["trials"] * row["epochs_per_s"], abs=6e-4)
        if row["way"] == "pack":
            assert row["difference"] < 1e-3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    process = benchmark(tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("no GPU that PyTorch can use")
