from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from orchestration.ledger.documents import Epoch, Evaluated, Trial

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "grid.py"
TRIAL = ("cvae", 1e-3, 0)
SPENT = {"start": 5.0, "training": 20.0, "evaluation": 3.0, "end": 2.0, "epochs": 35.0}


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))


@pytest.fixture
def grid(benchmarks: None) -> ModuleType:
    return importlib.import_module("grid")


@pytest.fixture
def runs(benchmarks: None) -> ModuleType:
    return importlib.import_module("grid_runs")


@pytest.fixture
def watched(benchmarks: None) -> ModuleType:
    return importlib.import_module("watched")


def test_both_sides_train_and_are_set_beside_each_other(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(file.read_text())["figures"]
    (plain,), (ours,) = figures["sides"]["plain"], figures["sides"]["float32"]
    for label, name in (
        ("seconds", "seconds"),
        ("CPU-seconds", "cpu_s"),
        ("peak memory, MiB", "peak_mib"),
    ):
        row = f"\n{label:<18}{plain[name]:>10,.1f}{ours[name]:>11,.1f}"
        assert f"{row}{plain[name] / ours[name]:>7.2f}" in done.stdout
    for side in (plain, ours):
        assert 0 < side["cpu_s"] < os.cpu_count() * side["seconds"]
        assert 300 < side["peak_mib"] < 8000, "a driver and a worker, which import PyTorch"
        (trial,) = side["trials"]
        assert (trial["model"], trial["steps"]) == ("cvae", 5), "540 images in batches of 128"
    spent = ours["spent_s"]
    stretches = [spent[name] for name in ("start", "training", "evaluation", "end")]
    assert sum(stretches) == pytest.approx(ours["seconds"], abs=1)
    assert min(stretches) > 0
    assert min(spent["epochs"], spent["probe"], spent["umap"]) > 0
    assert sorted(tmp_path.iterdir()) == [file]


def run_of(
    runs: ModuleType, seconds: float, spent: dict[str, float] | None = None, **own: float
) -> Any:
    found = {"steps": 5, "loss": 0.5, "reconstruction": 0.05, "kl": 2.0, "accuracy": 0.5} | own
    cost = runs.Cost(seconds, 2 * seconds, seconds, 0.0)
    return runs.Run(cost, {TRIAL: runs.Result(**found)}, spent or {})


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"loss": 0.6, "reconstruction": 0.06, "kl": 1.1}, None),
        ({"kl": 0.2}, None),
        ({"loss": 0.3}, "loss is 0.3, plainly 0.5"),
        ({"reconstruction": 0.11}, "reconstruction is 0.11, plainly 0.05"),
        ({"kl": 20.0}, "kl is 20, plainly 2"),
        ({"kl": float("nan")}, "kl is nan, plainly 2"),
        ({"steps": 6}, "6 steps, plainly 5"),
    ],
)
def test_sides_that_do_not_train_the_same_are_refused(
    grid: ModuleType, runs: ModuleType, own: dict[str, float], said: str | None
) -> None:
    found = {"plain": [run_of(runs, 10.0)], "float32": [run_of(runs, 5.0, **own)]}
    if said is None:
        grid.check(found)
        return
    with pytest.raises(SystemExit, match=said):
        grid.check(found)
    found["float32"][0].results.clear()
    with pytest.raises(SystemExit, match=r"trials .*cvae"):
        grid.check(found)


@pytest.mark.parametrize(
    ("seconds", "missed"),
    [(2.7, []), (2.9, ["seconds in float32"]), (5.1, ["seconds in float32", "peak memory"])],
)
def test_a_missed_goal_is_said(
    grid: ModuleType,
    runs: ModuleType,
    capsys: pytest.CaptureFixture[str],
    seconds: float,
    missed: list[str],
) -> None:
    own = [run_of(runs, seconds + more, SPENT) for more in (-1, 0, 1)]
    found = {"plain": [run_of(runs, 10.0)], "float32": own}
    assert grid.report(found, grid.Grid(), check_goals=False) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"seconds{10:>21,.1f}{seconds:>11,.1f}{10 / seconds:>7.2f}{3.6:>10}" in said.out
    assert "start 5.0, training 20.0, evaluation 3.0, end 2.0; of the workers" in said.out
    assert grid.report(found, grid.Grid(), check_goals=True) == bool(missed)
    said = capsys.readouterr()
    assert all(name in said.err for name in missed)


def test_where_the_time_of_a_ledger_went(runs: ModuleType) -> None:
    def trial(key: str, ends: list[tuple[float, float]], evaluated: float) -> Trial:
        epochs = [
            Epoch(epoch=n, metrics={}, images_per_s=1.0, epoch_s=took, at=at)
            for n, (at, took) in enumerate(ends, start=1)
        ]
        parts = {part: Evaluated(seconds=1.5, ended=evaluated) for part in ("probe", "umap")}
        return Trial(key=key, config={}, epochs=epochs, evaluations=parts)

    trials = [trial("a", [(20.0, 5.0), (30.0, 8.0)], 33.0), trial("b", [(24.0, 6.0)], 41.0)]
    found = runs.spent(trials, 10.0, 45.0)
    stretches = {"start": 5.0, "training": 15.0, "evaluation": 11.0, "end": 4.0}
    assert found == {**stretches, "epochs": 19.0, "probe": 3.0, "umap": 3.0}


def test_what_a_process_of_a_process_takes_is_counted(watched: ModuleType, tmp_path: Path) -> None:
    busy = "import time; x = b'1' * (200 << 20)\nwhile time.process_time() < 1.5: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    cost = watched.run([sys.executable, "-c", parent], tmp_path, dict(os.environ))
    assert 1.0 < cost.cpu_s < 3.0
    assert 200 < cost.peak_mib < 300
    assert cost.seconds >= 1.5


def test_a_command_that_fails_is_told_and_leaves_nobody(
    watched: ModuleType, tmp_path: Path
) -> None:
    child = "import time; time.sleep(60)"
    parent = (
        f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "open('pid', 'w').write(str(p.pid)); time.sleep(1); raise SystemExit('no such module')"
    )
    with pytest.raises(SystemExit, match=r"failed:(.|\n)*no such module"):
        watched.run([sys.executable, "-c", parent], tmp_path, dict(os.environ))
    left = Path("/proc") / (tmp_path / "pid").read_text()
    assert not left.exists() or "State:\tZ" in (left / "status").read_text()


def test_fewer_images_than_a_folder_has_are_its_first(grid: ModuleType, tmp_path: Path) -> None:
    source = grid.images(None, 60, tmp_path / "made up")
    fewer = grid.images(source, 30, tmp_path / "fewer")
    all_of_it, part = map(grid.made_up_mnist.dataset, (source, fewer))
    assert (len(part.train), len(part.test)) == (30, 5)
    assert np.array_equal(part.train.pixels, all_of_it.train.pixels[:30])
    assert np.array_equal(part.test.labels, all_of_it.test.labels[:5])


def test_a_folder_without_mnist_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--data-root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"no MNIST/raw in {tmp_path}" in done.stderr
