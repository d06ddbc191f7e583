"""Models, data and files that cannot be judged: named, alone, and without harm to the rest."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.data import Dataset, Images
from cvae_core.evaluation.probes import validation
from orchestration.compare.loaded import load_sweep
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Wish
from orchestration.run.summary import say_summary
from orchestration.status.view import failure_lines
from orchestration.terminal.console import Console

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]
PARTS = {
    "diagnostics": True,
    "pictures": {"samples": 4, "reconstructions": 4},
    "umap": {"n": 50},
    "fd": {"n": 50},
}


def ending(sweep: Any) -> tuple[int, str]:
    """Exit code and the words at the end of a command."""
    out = io.StringIO()
    code = say_summary(Ledger.open(sweep.folder), Console(out))
    view = load_sweep(sweep.folder.name, sweep.folder.parent)
    for line in failure_lines(view.document, view.folder):
        assert line.rstrip() in out.getvalue(), "the summary says what status says"
    return code, out.getvalue()


def states(trial: Trial) -> dict[str, str]:
    return {part: done.state for part, done in trial.evaluations.items()}


def message(trial: Trial, entry: str) -> str:
    error = trial.evaluations[entry].error
    assert error is not None
    assert error.traceback == "", "it is known what is wrong"
    assert len(error.message) < 400
    return error.message


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sweep_in: LocalSweep) -> Path:
    """Two trained trials without any evaluation."""
    folder = tmp_path_factory.mktemp("trained") / "sweep"
    sweep_in(folder, **architectures(), evaluation={"probe": False}).run()
    return folder


def architectures() -> dict[str, Any]:
    return {"grid": {"architecture.latent_dim": [3, 4]}, "base": {"epochs": 1}}


@pytest.fixture
def sweep(tmp_path: Path, trained: Path, sweep_in: LocalSweep) -> Any:
    shutil.copytree(trained, tmp_path / "sweep")
    return sweep_in(tmp_path / "sweep", **architectures(), evaluation=PARTS)


def put(sweep: Any, key: str, content: bytes, *, noted: bool) -> None:
    """Another checkpoint in place of a trial's own."""
    ledger = Ledger.open(sweep.folder)
    ref = ledger.trials[key].checkpoints[-1]
    (sweep.folder / ref.path).write_bytes(content)
    if noted:
        ref.sha256 = hashlib.sha256(content).hexdigest()
        ledger.save(ledger.trials[key])


@pytest.mark.parametrize(
    ("noted", "expected"),
    [(False, "is torn or was altered"), (True, "differs in architecture.latent_dim")],
)
def test_a_checkpoint_of_another_architecture(sweep: Any, noted: bool, expected: str) -> None:
    first, second = sweep.keys
    ledger = Ledger.open(sweep.folder)
    stolen = (sweep.folder / ledger.trials[second].checkpoints[-1].path).read_bytes()
    put(sweep, first, stolen, noted=noted)
    trials = sweep.evaluate(Wish(only=("diagnostics", "pictures")))
    assert states(trials[first]) == {"diagnostics": "failed", "pictures": "failed"}
    assert states(trials[second]) == {"diagnostics": "finished", "pictures": "finished"}
    assert expected in message(trials[first], "diagnostics")
    assert f"checkpoints/{first}/" in message(trials[first], "diagnostics")
    assert trials[first].state == "finished"
    code, text = ending(sweep)
    assert code == 1
    assert f"{first}  " in text
    assert "evaluation (diagnostics) failed: checkpoints/" in text
    assert "cvae-sweep retry sweep " in text
    assert "trains the trial again from its newest good checkpoint" in text


def test_a_checkpoint_that_is_gone(sweep: Any) -> None:
    first = sweep.keys[0]
    path = Ledger.open(sweep.folder).trials[first].checkpoints[-1].path
    (sweep.folder / path).unlink()
    trials = sweep.evaluate(Wish(only=("diagnostics",)))
    expected = f"{path} cannot be read (No such file or directory)"
    assert expected in message(trials[first], "diagnostics")
    assert ending(sweep)[0] == 1


def test_weights_that_are_not_numbers(sweep: Any) -> None:
    first, second = sweep.keys
    ref = Ledger.open(sweep.folder).trials[first].checkpoints[-1]
    state = torch.load(sweep.folder / ref.path, weights_only=True)
    for tensor in state["model"].values():
        tensor.fill_(float("nan"))
    buffer = io.BytesIO()
    torch.save(state, buffer)
    put(sweep, first, buffer.getvalue(), noted=True)
    trials = sweep.run()
    assert set(states(trials[first]).values()) == {"failed"}
    assert set(states(trials[second]).values()) == {"finished"}
    for part in ("probe", "diagnostics", "umap"):
        assert "latent means of " in message(trials[first], part)
    for part in ("pictures", "fd"):
        assert message(trials[first], part) == "decoded images are not finite"
    assert not any(name.startswith("fd/") for name in trials[first].metrics)
    assert ending(sweep)[0] == 1
    # And in a map of all trials it is said whose they are.
    sweep.spec.evaluation.umap = {"n": 50, "shared": True}
    sweep.run()
    error = Ledger.open(sweep.folder).sweep.evaluations["shared_umap"].error
    assert error is not None
    assert "latent_dim=3" in error.message
    assert "evaluation of all trials (shared_umap) failed: " in ending(sweep)[1]


def images(count: int, labels: int, value: int | None = None) -> Images:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)
    if value is not None:
        pixels[:] = value
    return Images(pixels, np.arange(count, dtype=np.int64) % labels)


def data(labels: int, value: int | None = None, test: int = 40) -> Dataset:
    classes = tuple(str(n) for n in range(10))
    return Dataset("digits", images(120, labels, value), images(test, labels, value), classes)


def test_a_probe_in_training_that_ends_short_is_noted_once(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "AT_OPTIMUM", 0)
    evaluation = {**dict.fromkeys((*PARTS, "probe"), False), "probe_every": 1}
    sweep = local_sweep(data=data(labels=10), base={"epochs": 3}, evaluation=evaluation)
    (trial,) = sweep.run().values()
    assert [note.partition(", where")[0] for note in trial.notes] == [
        "val/probe_accuracy: the logistic regression ended short of its optimum"
    ]


def test_a_data_set_of_one_class(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(data=data(labels=1), base={"epochs": 1}, evaluation=PARTS)
    (trial,) = sweep.run().values()
    assert trial.state == "finished", trial.error
    assert trial.notes == ["no val/probe_accuracy: the training images are all of one class"]
    assert states(trial) == {
        **dict.fromkeys(("probe", "fd"), "absent"),
        **dict.fromkeys(("diagnostics", "pictures", "umap"), "finished"),
    }
    assert "nothing to classify" in message(trial, "probe")
    assert "nothing to classify" in message(trial, "fd")
    code, text = ending(sweep)
    assert code == 0
    assert "probe is missing for 1 trial: " in text
    assert "fd is missing for 1 trial: " in text


def test_images_that_are_all_the_same(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(data=data(labels=2, value=7), base={"epochs": 1}, evaluation=PARTS)
    (trial,) = sweep.run().values()
    assert trial.state == "finished", trial.error
    assert states(trial)["umap"] == "failed"
    assert message(trial, "umap") == "all latent means are equal: there is nothing to map"
    others = {part: state for part, state in states(trial).items() if part != "umap"}
    assert set(others.values()) == {"finished"}, [p.error for p in trial.evaluations.values()]
    assert ending(sweep)[0] == 1


def test_fewer_images_than_are_asked_for(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(
        data=data(labels=2, test=12),
        base={"epochs": 1},
        evaluation={**PARTS, "fd": {"n": 50}, "pictures": {"reconstructions": 40}},
    )
    (trial,) = sweep.run().values()
    assert set(states(trial).values()) == {"finished"}
    assert "N is 12, not 50: there are no more images" in trial.evaluations["fd"].warnings[0]
    assert "fd/digits-cnn_n12" in trial.metrics
    assert ending(sweep)[0] == 0


def test_another_file_than_inceptions_weights(sweep: Any, tmp_path: Path) -> None:
    path = tmp_path / "inception.pth"
    path.write_bytes(b"something else")
    sweep.spec.evaluation.fid = {"n": 50, "weights": str(path)}
    trials = sweep.evaluate(Wish(only=("fid", "diagnostics")))
    for trial in trials.values():
        assert states(trial) == {"fid": "failed", "diagnostics": "finished"}
        assert f"{path} has SHA-256 {hashlib.sha256(b'something else').hexdigest()}" in message(
            trial, "fid"
        )
    assert ending(sweep)[0] == 1
    path.unlink()
    trials = sweep.evaluate(Wish(only=("fid",)))
    assert f"evaluation.fid.weights: {path} is not a file" in message(trials[sweep.keys[0]], "fid")
