"""ASHA with real Ray, killed between two rungs and continued: the same decisions, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sys.executable).with_name("cvae-sweep")
SPEC = """\
name: digits
base: {{data: {{name: digits}}, epochs: 10, batch_size: 64, learning_rate: 1e-3}}
grid:
  model: [vae, cvae]
  beta: [1.0e-8, 1.0e-4, 1.0e-3, 1.0e-2, 1.0]
scheduler: {{name: asha, grace_epochs: 2, reduction: 3, seed: 1}}
checkpoints: {{min_interval_s: {interval}}}
evaluation: {{probe: false, diagnostics: false, pictures: false, umap: false, fd: false}}
"""
RUNGS = (2, 6)
BETWEEN = (3, 4, 7, 8)
"""Epochs with a rung before them; the next one is not at hand."""
PATIENCE_S = 120.0


class Place:
    """A folder with the sweep file and its results."""

    def __init__(self, folder: Path, temporary: Path, interval: float) -> None:
        self.folder = folder
        self._temporary = temporary
        self._drivers: list[subprocess.Popen[str]] = []
        (folder / "sweep.yaml").write_text(SPEC.format(interval=interval))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "RAY", "CVAE"))}
        driver = subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=self.folder,
            env={**kept, "TMPDIR": str(self._temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._drivers.append(driver)
        return driver

    def run(self) -> str:
        driver = self.start("run", "sweep.yaml", "--max-concurrent", "1")
        out, _ = driver.communicate(timeout=PATIENCE_S)
        assert driver.returncode == 0, out
        return out

    def documents(self) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "runs/digits/trials").glob("*.json"))
        return [json.loads(path.read_text())["content"] for path in paths]

    def record(self) -> dict[str, Any]:
        """All that has to be the same in every run, exactly."""
        return {
            trial["key"]: (
                trial["state"],
                [(epoch["epoch"], epoch["metrics"]) for epoch in trial["epochs"]],
                trial["decisions"],
            )
            for trial in self.documents()
        }

    def kill_between_two_rungs(self) -> dict[str, Any]:
        """Kill a run in the midst of a trial that has passed a rung; the trial at its death."""
        driver = self.start("run", "sweep.yaml", "--max-concurrent", "1")
        until = time.monotonic() + PATIENCE_S
        while driver.poll() is None and time.monotonic() < until:
            trials = self.documents()
            taken = sum(len(trial["decisions"]) for trial in trials)
            running = [trial for trial in trials if trial["state"] == "running"]
            for trial in running:
                if len(trial["epochs"]) in BETWEEN and trial["decisions"] and 4 <= taken <= 11:
                    os.killpg(driver.pid, signal.SIGKILL)
                    driver.communicate()
                    return next(t for t in self.documents() if t["key"] == trial["key"])
            time.sleep(0.02)
        raise AssertionError(f"no trial was seen between two rungs; exit code {driver.poll()}")

    def end(self) -> None:
        from orchestration.processes import end_left_behind

        for driver in self._drivers:
            driver.kill()
            driver.wait()
        if (self.folder / "runs/digits").exists():
            end_left_behind(self.folder / "runs/digits")


@pytest.fixture(scope="module")
def make_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Place]]:
    """Ray's sockets need a short path."""
    places: list[Place] = []
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:

        def make(interval: float) -> Place:
            temporary = Path(short) / str(len(places))
            temporary.mkdir()
            places.append(Place(tmp_path_factory.mktemp("asha"), temporary, interval))
            return places[-1]

        yield make
        for place in places:
            place.end()


@pytest.fixture(scope="module")
def whole(make_place: Callable[..., Place]) -> Place:
    """An undisturbed run."""
    place = make_place(0)
    out = place.run()
    stopped = [trial for trial in place.documents() if trial["state"] == "stopped"]
    assert len(stopped) >= 4, "a third of the trials, or hardly anything is seen here"
    assert f"{10 - len(stopped)} finished, {len(stopped)} stopped early" in out
    assert {len(trial["epochs"]) for trial in stopped} <= set(RUNGS)
    return place


@pytest.mark.parametrize("interval", [0, 5])
def test_killed_between_two_rungs_and_continued(
    make_place: Callable[..., Place], whole: Place, interval: float
) -> None:
    place = make_place(interval)
    cut = place.kill_between_two_rungs()
    reached = len(cut["epochs"])
    assert reached not in RUNGS
    out = place.run()
    if interval:  # the newest checkpoint is that of the rung
        assert f"continues after epoch {max(r for r in RUNGS if r < reached)} " in out
    assert place.record() == whole.record()
    (continued,) = (trial for trial in place.documents() if trial["key"] == cut["key"])
    assert [attempt["outcome"] for attempt in continued["attempts"]][:-1] == ["lost"]
    assert continued["decisions"][: len(cut["decisions"])] == cut["decisions"]


def test_mlflow_shows_where_and_why_trials_were_stopped(whole: Place) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{whole.folder}/runs/mlflow.db")
    for trial in whole.documents():
        run = client.get_run(trial["run_id"])
        tags = {k: v for k, v in run.data.tags.items() if k.startswith("stopped.")}
        assert (run.info.status, run.data.tags["state"]) == ("FINISHED", trial["state"])
        history = client.get_metric_history(trial["run_id"], "val/loss")
        assert sorted(metric.step for metric in history) == [e["epoch"] for e in trial["epochs"]]
        if trial["state"] == "finished":
            assert tags == {}
            continue
        last = trial["decisions"][-1]
        assert (last["stop"], last["epoch"]) == (True, len(trial["epochs"]))
        rung = str(last["epoch"])
        assert (tags["stopped.epoch"], tags["stopped.rung"]) == (rung, rung)
        assert tags["stopped.reason"] == (
            f"stopped after epoch {rung} of 10: val/probe_accuracy {last['value']:.4g} "
            f"(rung {rung})"
        )
