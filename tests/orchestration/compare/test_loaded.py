"""A sweep in Python: frames against the ledger's documents, and the model that was evaluated."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import orchestration
from cvae_core.config import DataConfig, TrialConfig
from cvae_core.data import Dataset, image_shape_of, load_dataset
from cvae_core.errors import CheckpointError
from cvae_core.evaluation.subject import Subject
from cvae_core.training.checkpoint import read_checkpoint
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sweep_in: Callable[..., Any]) -> Path:
    folder: Path = tmp_path_factory.mktemp("storage") / "small"
    sweep_in(
        folder,
        base={"epochs": 2},
        grid={"model": ["vae", "cvae"]},
        baselines=["pixels"],
        seeds=[0, 1],
        evaluation={"probe": True, "diagnostics": True},
    ).run()
    return folder


def test_frames_hold_what_the_ledger_does(trained: Path) -> None:
    sweep = orchestration.load_sweep("small", trained.parent)
    ledger = Ledger.open(trained)
    trials, history = sweep.trials_frame(), sweep.history_frame()
    assert list(trials.index) == [trial.key for trial in ledger.planned()]
    *models, pixels = ledger.planned()
    assert trials.loc[pixels.key, "model"] == "pixels"
    for trial in models:
        row = trials.loc[trial.key]
        assert (row["state"], row["model"]) == ("finished", trial.config["model"])
        assert row["architecture.latent_dim"] == 4
        assert {name: row[name] for name in trial.metrics} == trial.metrics
        own = history[history["key"] == trial.key]
        assert list(own["epoch"]) == [1, 2]
        assert list(own["val/loss"]) == [epoch.metrics["val/loss"] for epoch in trial.epochs]
    assert trials["tau"].isna().tolist() == [trials.loc[k, "model"] != "cvae" for k in trials.index]


def test_pairs_are_those_of_equal_seed(trained: Path) -> None:
    sweep = orchestration.load_sweep("small", trained.parent)
    trials, pairs = sweep.trials_frame(), sweep.pairs_frame("test/reconstruction_mse")
    by = trials.set_index(["model", "seed"])["test/reconstruction_mse"]
    assert list(pairs["reference_value"]) == [by["vae", 0], by["vae", 1]]
    assert list(pairs["other_value"]) == [by["cvae", 0], by["cvae", 1]]
    assert list(pairs["difference"]) == [by["cvae", n] - by["vae", n] for n in (0, 1)]
    with pytest.raises(UserError, match="no trial that is compared has it"):
        sweep.pairs_frame("probe/acuracy")


def test_the_model_is_the_one_that_was_evaluated(trained: Path, small: Dataset) -> None:
    sweep = orchestration.load_sweep("small", trained.parent)
    trial = sweep.ledger.planned()[-1]
    config = TrialConfig.from_settings(trial.config)
    content = (trained / trial.checkpoints[-1].path).read_bytes()
    checkpoint = read_checkpoint(content, config=config)
    subject = Subject(config, small, checkpoint.selected_weights, cache=trained)
    own = sweep.model(trial.key)
    for name, value in subject.model.state_dict().items():
        assert torch.equal(own.state_dict()[name], value)
    assert not own.training


def test_what_is_not_there_or_torn_is_said(trained: Path) -> None:
    sweep = orchestration.load_sweep("small", trained.parent)
    with pytest.raises(UserError, match="trial 'none' of small is not there"):
        sweep.model("none")
    path = trained / sweep.ledger.planned()[0].checkpoints[-1].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="torn or was altered"):
        sweep.model(sweep.trials[0]["key"])
    path.unlink()
    with pytest.raises(UserError, match=r"cannot be read \(No such file.*retry small --trial"):
        sweep.model(sweep.trials[0]["key"])
    path.write_bytes(whole)


def test_the_shapes_of_images_are_those_of_the_data() -> None:
    shapes = {
        "digits": load_dataset("digits").image_shape,
        "mnist": (1, 28, 28),
        "cifar10": (3, 32, 32),
        "svhn": (3, 32, 32),
    }
    for name, shape in shapes.items():
        assert image_shape_of(DataConfig(name=name), shape[0]) == shape  # type: ignore[arg-type]
    assert image_shape_of(DataConfig(name="folder", image_size=20), 3) == (3, 20, 20)


def test_the_notebook_runs(
    trained: Path,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CVAE_SWEEP_STORAGE", str(trained.parent))
    monkeypatch.setenv("SWEEP", "small")
    # It prints what every sweep of the examples has.
    runpy.run_path(str(repository / "examples" / "notebook.py"))
    assert "16 images of (1, 28, 28)" in capsys.readouterr().out
