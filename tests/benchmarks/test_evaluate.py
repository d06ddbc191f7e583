from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "evaluate.py"
IMAGES = 600
PARTS = ("probe", "diagnostics", "pictures", "umap", "fd")


@pytest.fixture(scope="module")
def evaluate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evaluate", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch, evaluate: ModuleType) -> Iterator[None]:
    """The scripts, of which each has a process of its own otherwise, one after another here."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    made_up = importlib.import_module("made_up_mnist")
    monkeypatch.setattr(made_up, "COUNTS", {"train": IMAGES, "t10k": IMAGES // 6})
    # Compiling it takes 4 s, running it as it is no time for so few images.
    umap = importlib.import_module("umap.umap_")
    monkeypatch.setattr(umap, "fast_knn_indices", umap.fast_knn_indices.py_func)
    threads = torch.get_num_threads()

    def run(folder: Path, script: str, *more: object) -> None:
        monkeypatch.setattr(sys, "argv", [script, str(folder), *map(str, more)])
        importlib.import_module(script.removesuffix(".py")).main()

    monkeypatch.setattr(evaluate, "run", run)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("in_this_process")
def test_both_sides_agree_and_every_part_is_timed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    evaluate: ModuleType,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ("--images", str(IMAGES), "--repeats", "1", "--plain-repeats", "1")
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *few])
    code = evaluate.main()
    said = capsys.readouterr()
    assert code == 0, said.err + said.out
    assert "made-up images" in said.out
    assert "540 training and 100 test images" in said.out
    compared = re.findall(r"^(\w+/\S+) +\S+ +\S+ +(\S+) +(\S+)", said.out, re.M)
    limits = evaluate.ABSOLUTE | evaluate.RELATIVE
    assert {name for name, _, _ in compared} == set(limits)
    for name, apart, at_most in compared:
        assert float(apart) <= float(at_most) == limits[name]
    for row in (*PARTS, "total"):
        found = re.search(rf"^{row} +(\d+\.\d\d) s +(\d+\.\d\d) s +\d+\.\d$", said.out, re.M)
        assert found is not None, said.out
        assert float(found[2]) > 0
    assert re.search(r"^peak memory +\d+ MiB +\d+ MiB", said.out, re.M)
    assert list(tmp_path.iterdir()) == []


def test_results_that_differ_are_named(
    evaluate: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = {"probe/accuracy": 0.9, "fd/mnist-cnn": 70.0, "latent/active_units": 8.0}
    close = {"probe/accuracy": 0.905, "fd/mnist-cnn_n50": 70.00001, "latent/active_units": 8.0}
    close["fd/mnist-cnn_n20"] = 5.0  # of fewer, for where the distance comes from
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


def test_a_script_that_fails_is_told(evaluate: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"absent\.py failed:(.|\n)*No such file"):
        evaluate.run(tmp_path, "absent.py", 3)


def test_a_folder_without_mnist_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--data-root", str(tmp_path)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert process.returncode == 2
    assert f"no MNIST/raw in {tmp_path}" in process.stderr
