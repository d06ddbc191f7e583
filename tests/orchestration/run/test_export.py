"""A trained model as MLflow's: loaded where nothing else of this program is, and registered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import orchestration
from orchestration.ledger.ledger import Ledger
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.tracker import Tracker

pytestmark = pytest.mark.slow
LOAD = """
import json, sys
import mlflow, numpy as np
images = np.load(sys.argv[2])
model = mlflow.pytorch.load_model(sys.argv[1])
means = mlflow.pyfunc.load_model(sys.argv[1]).predict(images)
code = sys.modules["cvae_core"].__file__
print(json.dumps([type(model).__name__, code, np.asarray(means).tolist()]))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sweep_in: Callable[..., Any]) -> Path:
    """A storage folder; the CVAE is called the better one, and the baseline still better."""
    storage: Path = tmp_path_factory.mktemp("storage")
    grid = {"model": ["vae", "cvae", "pixels"]}
    sweep_in(storage / "small", base={"epochs": 1}, grid=grid).run()
    ledger = Ledger.open(storage / "small")
    for number, key in enumerate(ledger.sweep.plan):
        metrics = {"probe/accuracy": 0.1 + number}
        ledger.change(key, lambda t, m=metrics: t.evaluations["probe"].metrics.update(m))
    return storage


@pytest.fixture
def export(command: Callable[..., Any], trained: Path, tmp_path: Path) -> Callable[..., Any]:
    return lambda *arguments: command(tmp_path, "export", *arguments, "--storage", str(trained))


@pytest.mark.program
def test_it_loads_where_this_program_is_not(
    export: Callable[..., Any], trained: Path, tmp_path: Path
) -> None:
    done = export("small", "--to", "out")
    assert (done.returncode, done.stderr) == (0, "")
    sweep = orchestration.load_sweep("small", trained)
    key = sweep.trials[1]["key"]
    assert f"trial {key} of small: {tmp_path / 'out'}" in done.stdout
    images = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    np.save(tmp_path / "images.npy", images)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    loaded = subprocess.run(
        # Of the packages here all but this one, which lies on the path of its checkout.
        [sys.executable, "-P", "-c", LOAD, str(tmp_path / "out"), str(tmp_path / "images.npy")],
        cwd=elsewhere,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/none.db"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    kind, code, means = json.loads(loaded.stdout.splitlines()[-1])
    assert (kind, Path(code).is_relative_to(tmp_path / "out")) == ("ContrastiveVAE", True)
    with torch.no_grad():
        expected = sweep.model(key).encode(torch.from_numpy(images))[0].numpy()
    np.testing.assert_allclose(means, expected, rtol=1e-5, atol=1e-6)


def test_it_becomes_a_version_in_the_registry(
    export: Callable[..., Any], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    from mlflow import MlflowClient

    ledger = Ledger.open(trained / "small")
    key = ledger.sweep.plan[0]
    refused = export("small", key, "--register", "best")
    assert (refused.returncode, "MLflow has no run of trial" in refused.stderr) == (2, True)
    uri = f"sqlite:///{trained}/mlflow.db"
    tracker = Tracker(uri, MlflowConfig(), trained)
    ledger.sweep.experiment, ledger.sweep.experiment_id = tracker.connect("small")
    tracker.sync_parent(ledger)
    tracker.sync_trial(ledger, key)
    refused = export("small", key, "--register", "a/b", "--to", "out")
    assert (refused.returncode, "--register a/b: MLflow cannot do that" in refused.stderr) == (
        2,
        True,
    )
    assert not tracker._client.list_artifacts(str(ledger.trials[key].run_id), "model")
    refused = export("small", key, "--register", "never", "--to", ".")
    assert (refused.returncode, "is there already" in refused.stderr) == (2, True)
    assert list(MlflowClient(uri).search_registered_models()) == []
    for version in ("1", "2"):
        done = export("small", key[:6], "--register", "best")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"best version {version}: trial {key} of small" in done.stdout
    assert list(tmp_path.iterdir()) == []
    client = MlflowClient(uri)
    assert client.get_model_version("best", "2").run_id == ledger.trials[key].run_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = mlflow.pytorch.load_model("models:/best/2")
    own = orchestration.load_sweep("small", trained).model(key)
    for name, value in own.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["small", "zz"], "trial 'zz' of small: there is none"),
        (["nothing"], "there is no sweep 'nothing'"),
        (["small", "--to", "."], "is there already"),
    ],
)
def test_bad_requests(export: Callable[..., Any], arguments: list[str], words: str) -> None:
    done = export(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_one_that_is_cut_off_leaves_nothing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pytorch

    from orchestration.run.export import export
    from orchestration.terminal.console import Console

    whole = mlflow.pytorch.save_model

    def cut_off(model: Any, path: str, **more: Any) -> None:
        whole(model, path, **more)
        raise KeyboardInterrupt

    sweep = orchestration.load_sweep("small", trained)
    key = sweep.ledger.sweep.plan[0]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(mlflow.pytorch, "save_model", cut_off)
        export(sweep, key, tmp_path / "out", None, Console())
    assert list(tmp_path.iterdir()) == []
    export(sweep, key, tmp_path / "out", None, Console())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_damaged_checkpoint_is_said_with_what_mends_it(
    export: Callable[..., Any], trained: Path, tmp_path: Path, damage: str
) -> None:
    trial = Ledger.open(trained / "small").planned()[0]
    path = trained / "small" / trial.checkpoints[-1].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1]) if damage == "torn" else path.unlink()
    done = export("small", trial.key, "--to", "out")
    path.write_bytes(whole)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"retry small --trial {trial.key}" in done.stderr
    assert not (tmp_path / "out").exists()
