"""The data of a trial in MLflow's column for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from cvae_core.config import TrialConfig
from cvae_core.data import load_dataset, split_indices
from orchestration.ledger.documents import Sweep
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.data_inputs import data_inputs
from orchestration.tracking.tracker import Tracker
from tests.orchestration.tracking.conftest import grid_sweep


def test_each_split_is_an_input_with_its_images() -> None:
    data = load_dataset(TrialConfig().data)
    images = {"digits": {"train": len(data.train), "test": len(data.test)}}
    sweep = Sweep(name="a", sweep_id="1", created=0, spec={}, plan=[], images=images)
    sweep.data = {"digits": data.fingerprint()}
    config = TrialConfig.from_settings({"data": {"validation_fraction": 0.25}})
    train, val = split_indices(len(data.train), 0.25, 0)
    inputs = data_inputs(sweep, config)
    assert [
        (i.tags[0].key, i.tags[0].value, json.loads(i.dataset.profile or "")["num_rows"])
        for i in inputs
    ] == [
        ("mlflow.data.context", "training", len(train)),
        ("mlflow.data.context", "validation", len(val)),
        ("mlflow.data.context", "test", len(data.test)),
    ]
    for each in inputs:
        assert each.dataset.digest.startswith(data.fingerprint()[:12])
        assert len(each.dataset.digest) <= 36
        assert json.loads(each.dataset.source)["fingerprint"] == data.fingerprint()


def test_other_images_have_another_digest() -> None:
    sweep = Sweep(name="a", sweep_id="1", created=0, spec={}, plan=[], data={"digits": "0" * 64})

    def digests(**data: object) -> list[str]:
        config = TrialConfig.from_settings({"data": data})
        return [each.dataset.digest for each in data_inputs(sweep, config)]

    usual = digests()
    assert len(set(usual)) == 3
    for other in (digests(split_seed=1), digests(validation_fraction=0.2)):
        assert [a == b for a, b in zip(usual, other, strict=True)] == [False, False, True]
    assert digests(divisor=256) == usual
    sweep.data = {"digits": "1" * 64}
    assert not set(usual) & set(digests())
    sweep.data = {}
    assert digests() == []


@pytest.mark.slow
def test_runs_have_them_once(tmp_path: Path, database: str) -> None:
    ledger = grid_sweep(tmp_path, "inputs", [{"model": "vae"}, {"model": "cvae"}], 1)
    ledger.sweep.images = {}  # as of 0.2 and before
    for _ in range(2):
        tracker = Tracker(database, MlflowConfig(), tmp_path)
        ledger.sweep.experiment, ledger.sweep.experiment_id = tracker.connect("inputs")
        for key in ledger.sweep.plan:
            for _ in range(2):
                tracker.sync_trial(ledger, key)
    runs = MlflowClient(database).search_runs(
        [ledger.sweep.experiment_id], "dataset.name = 'digits' and dataset.context = 'training'"
    )
    assert len(runs) == 2
    for run in runs:
        assert isinstance(run, Run)
        contexts = [each.tags[0].value for each in run.inputs.dataset_inputs]
        assert sorted(contexts) == ["test", "training", "validation"]
