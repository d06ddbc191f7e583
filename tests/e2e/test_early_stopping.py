"""ASHA with real Ray, from rungs to MLflow. Killed it is in tests/faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Place

SPEC = """\
name: digits
base:
  data: {name: digits}
  epochs: 10
  batch_size: 128
  learning_rate: 3e-3
  architecture: {channels: [4, 8], latent_dim: 4}
grid:
  model: [vae, cvae]
  beta: [1.0e-8, 1.0e-4, 1.0e-3, 1.0e-2, 1.0]
scheduler: {name: asha, grace_epochs: 2, reduction: 3, seed: 1}
checkpoints: {min_interval_s: 0}
evaluation: {probe: false, diagnostics: false, pictures: false, umap: false, fd: false}
"""
RUNGS = (2, 6)
ONE_WORKER = ("run", "sweep.yaml", "--max-concurrent", "1")


@pytest.fixture(scope="module")
def whole(make_place: Callable[..., Place]) -> Place:
    """An undisturbed run."""
    place = make_place("a", SPEC)
    code, out = place.run(*ONE_WORKER)
    assert code == 0, out
    stopped = [trial for trial in place.documents() if trial["state"] == "stopped"]
    assert len(stopped) >= 4, "a third of the trials, or hardly anything is seen here"
    assert f"{10 - len(stopped)} finished, {len(stopped)} stopped early" in out
    assert {len(trial["epochs"]) for trial in stopped} <= set(RUNGS)
    return place


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
