"""ASHA with real Ray, killed between two rungs and continued: the same decisions, bit for bit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import PATIENCE_S, Place

SPEC = """\
name: digits
base:
  data: {{name: digits}}
  epochs: 10
  batch_size: 128
  learning_rate: 3e-3
  architecture: {{channels: [4, 8], latent_dim: 4}}
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
ONE_WORKER = ("run", "sweep.yaml", "--max-concurrent", "1")


def record(place: Place) -> dict[str, Any]:
    """All that has to be the same in every run, exactly."""
    return {
        trial["key"]: (
            trial["state"],
            [(epoch["epoch"], epoch["metrics"]) for epoch in trial["epochs"]],
            trial["decisions"],
        )
        for trial in place.documents()
    }


def kill_between_two_rungs(place: Place) -> dict[str, Any]:
    """Kill a run in the midst of a trial that has passed a rung; the trial at its death."""
    driver = place.start(*ONE_WORKER)
    until = time.monotonic() + PATIENCE_S
    while driver.poll() is None and time.monotonic() < until:
        trials = place.documents()
        taken = sum(len(trial["decisions"]) for trial in trials)
        running = [trial for trial in trials if trial["state"] == "running"]
        for trial in running:
            if len(trial["epochs"]) in BETWEEN and trial["decisions"] and 4 <= taken <= 11:
                os.killpg(driver.pid, signal.SIGKILL)
                driver.communicate()
                return next(t for t in place.documents() if t["key"] == trial["key"])
        time.sleep(0.02)
    raise AssertionError(f"no trial was seen between two rungs; exit code {driver.poll()}")


@pytest.fixture(scope="module")
def whole(make_place: Callable[..., Place]) -> Place:
    """An undisturbed run."""
    place = make_place("a", SPEC.format(interval=0))
    code, out = place.run(*ONE_WORKER)
    assert code == 0, out
    stopped = [trial for trial in place.documents() if trial["state"] == "stopped"]
    assert len(stopped) >= 4, "a third of the trials, or hardly anything is seen here"
    assert f"{10 - len(stopped)} finished, {len(stopped)} stopped early" in out
    assert {len(trial["epochs"]) for trial in stopped} <= set(RUNGS)
    return place


def test_killed_between_two_rungs_and_continued(
    make_place: Callable[..., Place], whole: Place
) -> None:
    """Its newest checkpoint is that of the rung, which is not decided about again."""
    place = make_place("b", SPEC.format(interval=5))
    cut = kill_between_two_rungs(place)
    reached = len(cut["epochs"])
    assert reached not in RUNGS
    _, out = place.run(*ONE_WORKER)
    assert f"continues after epoch {max(r for r in RUNGS if r < reached)} " in out
    assert record(place) == record(whole)
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
        assert tags["stopped.reason"].startswith(
            f"stopped after epoch {rung} of 10: val/probe_accuracy {last['value']:.4g} "
            f"(rung {rung})"
        )
