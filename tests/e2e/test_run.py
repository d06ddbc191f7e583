"""The installed command with real Ray and real MLflow: whole runs, kills and interruptions.

One undisturbed run is the reference; every disturbed one has to end with its numbers, bit for bit.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import EPOCHS, PATIENCE_S, Place, check_mlflow

EVALUATED = """\
name: digits
baselines: false
base:
  data: {name: digits}
  epochs: 3
  batch_size: 128
  learning_rate: 3e-3
  architecture: {channels: [4, 8], latent_dim: 4}
grid:
  model: [vae, cvae]
checkpoints: {min_interval_s: 0, every_epochs: 1}
evaluation:
  umap: {n: 100, shared: true}
  pictures: {samples: 9}
  probe: {protocols: [standard], neighbours: null}
"""
ONE_WORKER = ("--max-concurrent", "1")
"""Of evaluations: a second one would import and compile all of it as well. Two at once are in
`test_a_container_without_a_home`."""


def test_a_sweep_from_beginning_to_end(whole: Place) -> None:
    status = whole.status()
    assert status["state"] == "finished"
    assert status["counts"] == {
        "pending": 0,
        "running": 0,
        "finished": 2,
        "stopped": 0,
        "failed": 0,
    }
    for trial in status["trials"]:
        assert (trial["state"], trial["epoch"], trial["attempts"]) == ("finished", EPOCHS, 1)
        assert trial["error"] is None
        assert trial["run_id"]
        assert trial["metrics"]["probe/accuracy"] > 0.5
    check_mlflow(whole)


def test_a_second_run_trains_nothing(whole: Place) -> None:
    before = whole.documents()
    code, out = whole.run("run", "sweep.yaml")
    assert code == 0
    assert "nothing left to do" in out
    assert "starting Ray" not in out
    assert whole.documents() == before


@pytest.fixture(scope="module")
def evaluated(make_place: Callable[..., Place]) -> Place:
    """An undisturbed run with every part but FID, and three checkpoints a trial."""
    place = make_place("e", EVALUATED)
    place.finish(*ONE_WORKER)
    return place


def artifacts(client: Any, run_id: str, folder: str | None = None) -> set[str]:
    found: set[str] = set()
    for item in client.list_artifacts(run_id, folder):
        found |= artifacts(client, run_id, item.path) if item.is_dir else {item.path}
    return found


def entries(place: Place) -> dict[tuple[str, str], Any]:
    """Every part of every trial's evaluation."""
    return {
        (trial["key"], entry): part
        for trial in place.documents()
        for entry, part in trial["evaluations"].items()
    }


def test_every_trials_run_holds_its_pictures_and_tables(evaluated: Place) -> None:
    from mlflow import MlflowClient

    parts = entries(evaluated)
    assert {part["state"] for part in parts.values()} == {"finished"}
    client = MlflowClient(f"sqlite:///{evaluated.folder}/runs/mlflow.db")
    for trial in evaluated.documents():
        noted = {
            ref["path"].removeprefix(f"artifacts/{trial['key']}/")
            for part in trial["evaluations"].values()
            for ref in part["artifacts"]
        }
        assert {
            *("probe/confusion_matrix.png", "probe/confusion_matrix.csv", "umap/umap.png"),
            *("umap/umap.csv", "pictures/reconstructions.png", "pictures/samples.png"),
            *("pictures/curves.png", "diagnostics/latent_dimensions.csv"),
        } <= noted
        assert noted <= artifacts(client, trial["run_id"])
    sweep = json.loads((evaluated.sweep / "sweep.json").read_text())["content"]
    assert sweep["evaluations"]["shared_umap"]["state"] == "finished"
    assert "shared_umap/shared_umap.png" in artifacts(client, sweep["parent_run_id"])


def test_evaluating_what_is_there_does_nothing(evaluated: Place) -> None:
    before = evaluated.documents()
    for only in (["--only", "diagnostics,umap"], []):
        code, out = evaluated.run("evaluate", "digits", *only)
        assert code == 0
        assert "no evaluation is missing" in out
        assert "starting Ray" not in out
    assert evaluated.documents() == before


def test_a_killed_evaluation_is_completed(evaluated: Place) -> None:
    from mlflow import MlflowClient

    command = ["evaluate", "digits", "--every-checkpoint", "--only", "probe,diagnostics"]
    command += ONE_WORKER
    expected = {f"{part}@{n}" for part in ("probe", "diagnostics") for n in range(1, 4)}
    wanted = {(trial["key"], entry) for trial in evaluated.documents() for entry in expected}
    driver = evaluated.start(*command)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and driver.poll() is None:
        if len(wanted & entries(evaluated).keys()) >= 2:
            break
        time.sleep(0.01)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()
    before = entries(evaluated)
    assert 2 <= len(wanted & before.keys()) < len(wanted), "it was to be killed half-way"
    code, out = evaluated.run(*command)
    assert code == 0, out
    after = entries(evaluated)
    assert wanted <= after.keys()
    assert {after[which]["state"] for which in wanted} == {"finished"}
    assert {which: after[which] for which in before} == before, "nothing is done again"
    assert evaluated.left_behind() == []
    client = MlflowClient(f"sqlite:///{evaluated.folder}/runs/mlflow.db")
    for trial in evaluated.documents():
        assert len(trial["attempts"]) == 1
        history = client.get_metric_history(trial["run_id"], "val/reconstruction_mse")
        assert sorted((metric.step, metric.value) for metric in history) == [
            (n, after[trial["key"], f"diagnostics@{n}"]["metrics"]["val/reconstruction_mse"])
            for n in range(1, 4)
        ]
        assert client.get_run(trial["run_id"]).info.status == "FINISHED"
