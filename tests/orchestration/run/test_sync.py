"""``sync``: MLflow told everything from the ledger alone, whatever it was told before."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import (
    ArtifactRef,
    Attempt,
    Epoch,
    Evaluated,
    Failure,
    Sweep,
    Trial,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import locked
from orchestration.ledger.paths import artifacts_of
from orchestration.run import sync
from orchestration.run.sync import sync_sweep
from orchestration.terminal.console import Console
from orchestration.tracking.config import MlflowConfig
from tests.mlflow_content import check_ended, content
from tests.orchestration.test_vendor_environment import not_in_tests

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "CVAE_SWEEP_STORAGE", "CVAE_SWEEP_EXPERIMENT_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for all tests, as making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('db')}/mlflow.db"


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Ledger]:
    """``make(a="finished", b="running")``: a sweep whose trials are in these states."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)

    def made(outcome: Any = "finished", **states: Any) -> Ledger:
        document = Sweep(name=name, sweep_id=name, created=1e9, spec={"name": name}, plan=[])
        ledger = Ledger.create(tmp_path / "runs" / name, document)
        for seed, (key, state) in enumerate(states.items()):
            config = TrialConfig.from_settings({"epochs": 6, "seed": seed}).to_settings()
            trial = Trial(key=key, config=config, state=state)
            trial.attempts = [Attempt(number=1, from_epoch=0, began=1e9)]
            trial.epochs = [
                Epoch(epoch=n, metrics={"train/loss": 1 / n}, images_per_s=9, epoch_s=1, at=1e9 + n)
                for n in range(1, 7)
            ]
            if state == "failed":
                trial.error = Failure(kind="error", message="broken", traceback="in broken")
            ledger.save(trial)
        ledger.sweep.plan = list(states)
        ledger.sweep.outcome = outcome
        ledger.save_sweep()
        return ledger

    return made


def synced(ledger: Ledger, uri: str | None) -> tuple[str, Ledger]:
    """What the command says, and the ledger afterwards."""
    stream = io.StringIO()
    code = sync_sweep(ledger.sweep.name, ledger.folder.parent, uri, Console(stream))
    assert code == 0
    return stream.getvalue(), Ledger.open(ledger.folder)


def test_an_empty_mlflow_is_told_everything_also_twice(
    make: Callable[..., Ledger], uri: str
) -> None:
    ledger = make("failed", a="finished", b="failed", c="stopped")
    out, after = synced(ledger, uri)
    assert "MLflow has been told of 4 runs" in out
    runs = content(uri, ledger.sweep.name)
    check_ended(runs)
    assert {key: run["status"] for key, run in runs.items()} == {
        "parent": "FAILED",
        "a": "FINISHED",
        "b": "FAILED",
        "c": "FINISHED",
    }
    assert runs["a"]["metrics"]["train/loss"] == [(n, 1 / n) for n in range(1, 7)]
    assert "error.txt" in runs["b"]["artifacts"]
    assert after.sweep.tracking_uri == after.sweep.flags["tracking_uri"] == uri
    out, _ = synced(ledger, None)
    assert "MLflow has been told of 4 runs" in out
    assert content(uri, ledger.sweep.name) == runs


def test_files_that_mlflow_has_lost_are_sent_again(make: Callable[..., Ledger], uri: str) -> None:
    """Its database says that they are there."""
    ledger = make(a="failed")
    path = f"{artifacts_of('a', 'probe')}/table.csv"
    store.write_bytes(ledger.folder / path, b"1")
    ref = ArtifactRef(path=path, sha256=hashlib.sha256(b"1").hexdigest(), bytes=1)
    part = Evaluated(state="finished", metrics={}, artifacts=[ref], seconds=1.0)
    ledger.change("a", lambda trial: trial.evaluations.update(probe=part))
    synced(ledger, uri)
    runs = content(uri, ledger.sweep.name)
    assert {"probe/table.csv", "config.yaml", "error.txt"} <= runs["a"]["artifacts"].keys()
    files = [p for p in ledger.folder.parent.rglob("artifacts") if ledger.folder not in p.parents]
    assert len(files) == 2, "of the trial and of the sweep"
    for folder in files:
        shutil.rmtree(folder)
    assert content(uri, ledger.sweep.name)["a"]["artifacts"] == {}
    synced(ledger, uri)
    assert content(uri, ledger.sweep.name) == runs


def test_another_place_is_said_to_stay_and_how_to_go_back(
    make: Callable[..., Ledger], uri: str
) -> None:
    ledger = make(a="finished")
    name, storage = ledger.sweep.name, ledger.folder.parent
    ledger.sweep.tracking_uri = "http://127.0.0.1:1"
    ledger.save_sweep()
    said = io.StringIO()
    sync_sweep(name, storage, uri, Console(said))
    lines = said.getvalue().replace("\n", " ")
    assert f"from now on {name} is tracked in {uri} (by `run`, if" in lines
    assert f"sync {name}" in lines
    assert "--tracking-uri http://127.0.0.1:1" in lines
    said = io.StringIO()
    sync_sweep(name, storage, uri, Console(said))
    assert "from now on" not in said.getvalue()


def test_what_a_dead_driver_left_running_does_not_stay_so(
    make: Callable[..., Ledger], uri: str
) -> None:
    ledger = make("running", a="finished", b="running")
    _, after = synced(ledger, uri)
    runs = content(uri, ledger.sweep.name)
    check_ended(runs)
    assert (runs["parent"]["status"], runs["b"]["status"]) == ("KILLED", "KILLED")
    assert (after.sweep.outcome, after.trials["b"].state) == ("interrupted", "pending")
    assert after.trials["b"].attempts[-1].outcome == "lost"


def test_figures_of_the_whole_sweep(make: Callable[..., Ledger], uri: str) -> None:
    ledger = make(a="finished")
    part = Evaluated(state="finished", metrics={"shared/trials": 2.0}, ended=2e9)
    ledger.note_evaluation("", "shared_umap", part)
    synced(ledger, uri)
    runs = content(uri, ledger.sweep.name)
    assert runs["parent"]["metrics"] == {"shared/trials": [(0, 2.0)]}


def test_what_is_at_work_is_left_alone(make: Callable[..., Ledger], uri: str) -> None:
    ledger = make("running", a="running")
    with locked(ledger.folder), pytest.raises(UserError, match="another cvae-sweep is at work"):
        synced(ledger, uri)
    assert Ledger.open(ledger.folder).trials["a"].state == "running"
    assert content(uri, ledger.sweep.name) == {}


def test_a_server_that_is_down_changes_nothing(make: Callable[..., Ledger]) -> None:
    ledger = make("running", a="running")
    before = {path: path.read_bytes() for path in ledger.folder.rglob("*.json")}
    for name, match in ((ledger.sweep.name, "does not answer"), ("other", "there is no sweep")):
        with pytest.raises(UserError, match=match):
            sync_sweep(name, ledger.folder.parent, "http://bob:secret@127.0.0.1:9", Console())
    assert {path: path.read_bytes() for path in ledger.folder.rglob("*.json")} == before


def test_a_server_that_goes_meanwhile(
    make: Callable[..., Ledger], uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.tracking.tracker import Tracker

    ledger = make(a="finished", b="finished")
    real = Tracker.sync_trial

    def bring(self: Any, ledger: Ledger, key: str) -> None:
        if key == "b":
            raise ConnectionError("http://bob:secret@host/x is gone")
        real(self, ledger, key)

    monkeypatch.setattr(Tracker, "sync_trial", bring)
    with pytest.raises(UserError, match=r"took 2 runs.*host/x is gone") as raised:
        synced(ledger, uri)
    assert "secret" not in str(raised.value)
    monkeypatch.undo()
    synced(ledger, uri)
    assert len(content(uri, ledger.sweep.name)) == 3


@pytest.mark.program
def test_the_command_needs_no_ray_and_mlflows_client_does_not_call_home(
    make: Callable[..., Ledger], uri: str, tmp_path: Path
) -> None:
    ledger = make(a="finished")
    code = (
        "import sys\nfrom orchestration.cli.main import main\n"
        f"sys.argv = ['cvae-sweep', 'sync', {ledger.sweep.name!r}, '--tracking-uri', {uri!r}]\n"
        "try:\n    main()\nfinally:\n    print('ray' in sys.modules, 'optuna' in sys.modules)\n"
        "    from mlflow.telemetry.client import get_telemetry_client\n"
        "    assert get_telemetry_client() is None\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=not_in_tests() | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("False"), done.stdout
    assert done.stderr == ""
    assert not [path for path in home.rglob("*") if "telemetry" in path.name]


def test_catching_up_says_what_to_do_where_mlflow_is_down(make: Callable[..., Ledger]) -> None:
    ledger = make("interrupted", a="finished")
    place = sync.Place("http://127.0.0.1:9", MlflowConfig(), ledger.folder.parent)
    stream = io.StringIO()
    sync.catch_up(place, ledger, Console(stream))
    assert "MLflow is behind: tracking server http://127.0.0.1:9 does not answer" in (
        stream.getvalue()
    )
    assert f"cvae-sweep sync {ledger.sweep.name}" in stream.getvalue()
    assert Ledger.open(ledger.folder).sweep.outcome == "finished"
