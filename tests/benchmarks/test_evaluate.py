from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "evaluate.py"
PARTS = ("probe", "diagnostics", "pictures", "umap", "fd")


@pytest.fixture(scope="module")
def evaluate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluate", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(tmp_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *more], capture_output=True, text=True, cwd=tmp_path
    )


def test_both_sides_agree_and_every_part_is_timed(tmp_path: Path, evaluate: ModuleType) -> None:
    process = run(tmp_path, "--images", "600", "--repeats", "1", "--plain-repeats", "1")
    assert process.returncode == 0, process.stderr + process.stdout
    assert "made-up images" in process.stdout
    assert "540 training and 100 test images" in process.stdout
    compared = re.findall(r"^(\w+/\S+) +\S+ +\S+ +(\S+) +(\S+)", process.stdout, re.M)
    limits = evaluate.ABSOLUTE | evaluate.RELATIVE
    assert {name for name, _, _ in compared} == set(limits)
    for name, apart, at_most in compared:
        assert float(apart) <= float(at_most) == limits[name]
    for row in (*PARTS, "total"):
        found = re.search(rf"^{row} +(\d+\.\d\d) s +(\d+\.\d\d) s +\d+\.\d$", process.stdout, re.M)
        assert found is not None, process.stdout
        assert float(found[2]) > 0
    assert re.search(r"^peak memory +\d+ MiB +\d+ MiB", process.stdout, re.M)
    assert list(tmp_path.iterdir()) == []


def test_results_that_differ_are_named(
    evaluate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = {"probe/accuracy": 0.9, "fd/mnist-cnn": 70.0, "latent/active_units": 8.0}
    close = {"probe/accuracy": 0.905, "fd/mnist-cnn_n50": 70.00001, "latent/active_units": 8.0}
    assert evaluate.agreement(close, plain) == []
    apart = {"probe/accuracy": 0.92, "fd/mnist-cnn": 70.001, "latent/active_units": 7.0}
    assert evaluate.agreement(apart, plain) == list(plain)
    assert evaluate.agreement({"fd/mnist-cnn": float("nan")}, {"fd/mnist-cnn": 70.0})
    capsys.readouterr()


@pytest.mark.parametrize(
    ("ours_s", "ours_mib", "cold_mib", "missed"),
    [(1.0, 900, 900, 0), (1.3, 900, 900, 1), (1.0, 1600, 900, 1), (1.3, 900, 1600, 2)],
)
def test_a_missed_goal_is_said(
    evaluate: ModuleType,
    capsys: pytest.CaptureFixture[str],
    ours_s: float,
    ours_mib: float,
    cold_mib: float,
    missed: int,
) -> None:
    ours = {"seconds": dict.fromkeys(PARTS, ours_s), "peak_mib": ours_mib}
    umap = {"seconds": {"umap": 5.0}, "peak_mib": 2000}
    warm = {"seconds": dict.fromkeys(PARTS, 5.0), "peak_mib": 2000}
    assert len(evaluate.report(ours, warm, umap, cold_mib)) == missed
    assert capsys.readouterr().out.count("MISSED") == missed


def test_a_folder_without_mnist_is_refused(tmp_path: Path) -> None:
    process = run(tmp_path, "--data-root", str(tmp_path))
    assert process.returncode == 2
    assert f"no MNIST/raw in {tmp_path}" in process.stderr
