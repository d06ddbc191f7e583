"""Whatever state an MLflow run is in, it is brought to what the ledger says, and never doubled."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from mlflow import MlflowClient

from cvae_core.config import TrialConfig
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import (
    ArtifactRef,
    Attempt,
    CheckpointRef,
    Decision,
    Epoch,
    Evaluated,
    Failure,
    Sweep,
    Trial,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import REPORT_NOTE
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.refusals import FileRefusedError
from orchestration.tracking.tracker import Tracker


class Place:
    """A ledger of its own with an experiment of its own, in a database that is shared."""

    def __init__(self, storage: Path, uri: str, name: str) -> None:
        self.storage, self.uri = storage, uri
        sweep = Sweep(
            name=name, sweep_id=f"id of {name}", created=1e9, spec={"name": name}, plan=[]
        )
        self.ledger = Ledger.create(storage / name, sweep)
        tracker = self.tracker()
        sweep.experiment, sweep.experiment_id = tracker.connect(name)
        tracker.sync_parent(self.ledger)
        self.client = tracker._client

    def tracker(self) -> Tracker:
        """As a new driver makes it: nothing is known."""
        return Tracker(self.uri, MlflowConfig(tags={"team": "vision"}), self.storage)

    def add(self, key: str = "a1", **settings: Any) -> Trial:
        config = TrialConfig.from_settings({"epochs": 6, **settings}).to_settings()
        attempts = [Attempt(number=1, from_epoch=0, began=1e9)]
        trial = Trial(key=key, config=config, state="running", attempts=attempts)
        trial.epochs = [
            Epoch(epoch=n, metrics={"val/loss": 1 / n}, images_per_s=9.0, epoch_s=0.5, at=1e9 + n)
            for n in range(1, 7)
        ]
        self.ledger.save(trial)
        return trial

    def end(self, trial: Trial, state: Any = "finished") -> None:
        path = f"checkpoints/{trial.key}/a001-e00006.pt"
        store.write_bytes(self.ledger.folder / path, b"weights")
        trial.checkpoints = [CheckpointRef(epoch=6, path=path, sha256="0", bytes=7)]
        trial.evaluations = {"probe": Evaluated(state="finished", metrics={"probe/accuracy": 0.9})}
        trial.state = state
        trial.attempts[-1].ended = 1e9 + 10
        self.ledger.save(trial)

    def runs(self) -> list[Any]:
        runs = self.client.search_runs([self.ledger.sweep.experiment_id])
        return [run for run in runs if "trial_key" in run.data.tags]

    def steps(self, name: str = "val/loss") -> list[tuple[int, float]]:
        (run,) = self.runs()
        history = self.client.get_metric_history(run.info.run_id, name)
        return sorted((metric.step, metric.value) for metric in history)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture
def place(storage: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    yield Place(storage, f"sqlite:///{storage}/mlflow.db", request.node.name)


def whole(trial: Trial) -> list[tuple[int, float]]:
    return [(epoch.epoch, epoch.metrics["val/loss"]) for epoch in trial.epochs]


def test_a_finished_trial(place: Place) -> None:
    trial = place.add(model="cvae", tau=0.25)
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert run.info.status == "FINISHED"
    assert Ledger.open(place.ledger.folder).trials["a1"].run_id == run.info.run_id
    tags = run.data.tags
    assert tags["mlflow.parentRunId"] == place.ledger.sweep.parent_run_id
    expected = {
        "team": "vision",
        "sweep": place.ledger.sweep.name,
        "trial_key": "a1",
        "model": "cvae",
        "beta": "0.001",
        "lambda": "0.1",
        "tau": "0.25",
        "seed": "0",
        "data": "digits",
        "state": "finished",
        "attempts": "1",
    }
    assert {name: tags.get(name) for name in expected} == expected
    assert {"version.torch", "version.mlflow", "version.cvae-sweep"} <= set(tags)
    params = run.data.params
    assert (params["lambda"], params["tau"], params["data.name"]) == ("0.1", "0.25", "digits")
    assert params["architecture.channels"] == "[8, 16, 32]"
    assert place.steps() == whole(trial)
    assert place.steps("probe/accuracy") == [(6, 0.9)]
    config = Path(place.client.download_artifacts(run.info.run_id, "config.yaml"))
    assert yaml.safe_load(config.read_text()) == trial.config
    kept = Path(place.client.download_artifacts(run.info.run_id, "checkpoints/a001-e00006.pt"))
    assert kept.read_bytes() == b"weights"


def test_one_that_learned_less_than_the_mean_image_is_marked(place: Place) -> None:
    trial = place.add()
    figures = {"val/reconstruction": 0.2, "val/reconstruction_of_mean": 0.1}
    trial.epochs[-1].metrics |= figures
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    said = "reconstructs worse than the mean training image would (0.2 against 0.1)"
    assert run.data.tags["training.warning"] == said
    assert place.steps("val/reconstruction_of_mean") == [(6, 0.1)]
    trial.epochs[-1].metrics["val/reconstruction"] = 0.01  # trained anew
    place.ledger.save(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    assert "training.warning" not in place.runs()[0].data.tags


def test_its_torch_is_the_one_that_trained_it(place: Place) -> None:
    trial = place.add()
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    assert place.runs()[0].data.tags["version.torch"] == version("torch")
    trial.attempts[0].worker = {"torch": "1.2.3"}  # it has reported since
    place.end(trial)
    tracker.sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert run.data.tags["version.torch"] == "1.2.3"


def test_tags_that_are_configured_later_arrive_and_take_no_other_place(place: Place) -> None:
    place.end(place.add())
    place.tracker().sync_trial(place.ledger, "a1")
    tags = {"team": "audio", "model": "mine", "room": "2"}
    tracker = Tracker(place.uri, MlflowConfig(tags=tags), place.storage)
    tracker.sync_parent(place.ledger)
    tracker.sync_trial(place.ledger, "a1")
    parent = place.client.get_run(place.ledger.sweep.parent_run_id).data.tags
    (run,) = place.runs()
    assert [(each["team"], each["room"]) for each in (parent, run.data.tags)] == [
        ("audio", "2")
    ] * 2
    assert run.data.tags["model"] == "vae"


def test_a_vae_has_no_lambda_and_no_tau(place: Place) -> None:
    place.add(model="vae")
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert not {"lambda", "tau"} & (set(run.data.tags) | set(run.data.params))
    assert not any(name.startswith("views.") for name in run.data.params)


@pytest.mark.parametrize("same_driver", [True, False])
def test_twice_is_as_good_as_once(place: Place, same_driver: bool) -> None:
    trial = place.add()
    place.end(trial)
    tracker = place.tracker()
    for _ in range(3):
        tracker.sync_trial(place.ledger, "a1")
        tracker = tracker if same_driver else place.tracker()
    assert place.steps() == whole(trial)
    assert place.steps("time/epoch_s") == [(n, 0.5) for n in range(1, 7)]
    assert place.steps("probe/accuracy") == [(6, 0.9)]


def test_a_half_told_story_is_told_to_its_end(place: Place) -> None:
    trial = place.add()
    epochs = trial.epochs
    trial.epochs = epochs[:3]
    place.tracker().sync_trial(place.ledger, "a1")
    assert [step for step, _ in place.steps()] == [1, 2, 3]
    (run,) = place.runs()
    assert run.info.status == "RUNNING"
    # One metric of the next epoch is there, the others are not: cut off within a batch.
    place.client.log_metric(run.info.run_id, "val/loss", epochs[3].metrics["val/loss"], step=4)
    trial.epochs = epochs
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    assert place.steps() == whole(trial)
    assert [step for step, _ in place.steps("time/epoch_s")] == [1, 2, 3, 4, 5, 6]


def test_a_run_whose_id_was_never_noted_is_adopted(place: Place) -> None:
    trial = place.add()
    place.tracker().sync_trial(place.ledger, "a1")
    (before,) = place.runs()
    place.ledger.change("a1", lambda t: setattr(t, "run_id", None))
    place.ledger.sweep.parent_run_id, parent = None, place.ledger.sweep.parent_run_id
    tracker = place.tracker()
    tracker.sync_parent(place.ledger)
    tracker.sync_trial(place.ledger, "a1")
    (after,) = place.runs()
    assert after.info.run_id == before.info.run_id == place.ledger.trials["a1"].run_id
    assert place.ledger.sweep.parent_run_id == parent
    assert place.steps() == whole(trial)


def test_a_run_of_another_sweep_is_not_adopted(place: Place) -> None:
    place.add()
    place.tracker().sync_trial(place.ledger, "a1")
    place.ledger.change("a1", lambda t: setattr(t, "run_id", None))
    place.ledger.sweep.sweep_id = "begun anew"
    place.tracker().sync_trial(place.ledger, "a1")
    assert len(place.runs()) == 2


@pytest.mark.parametrize("told", ["deleted", "id of nothing"])
def test_a_run_that_is_gone_is_made_again(place: Place, told: str) -> None:
    trial = place.add()
    if told == "deleted":
        place.tracker().sync_trial(place.ledger, "a1")
        (run,) = place.runs()
        place.client.delete_run(run.info.run_id)
    else:
        trial.run_id = "0" * 32
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    (made,) = place.runs()
    assert place.ledger.trials["a1"].run_id == made.info.run_id
    assert place.steps() == whole(trial)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("running", "RUNNING"),
        ("pending", "KILLED"),
        ("finished", "FINISHED"),
        ("stopped", "FINISHED"),
        ("failed", "FAILED"),
    ],
)
def test_statuses(place: Place, state: str, status: str) -> None:
    trial = place.add()
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    trial.state = state  # type: ignore[assignment]
    place.ledger.save(trial)
    tracker.sync_trial(place.ledger, "a1")
    assert place.runs()[0].info.status == status


def test_a_stopped_trial_says_where_and_why(place: Place) -> None:
    trial = place.add()
    stop = Decision(
        number=1, epoch=6, rung=6, metric="val/loss", value=0.25, stop=True, scheduler="asha x"
    )
    trial.config["epochs"] = 20
    trial.decisions = [stop.model_copy(update={"epoch": 2, "rung": 2, "stop": False}), stop]
    place.tracker().sync_trial(place.ledger, "a1")
    assert not any(tag.startswith("stopped.") for tag in place.runs()[0].data.tags)
    place.end(trial, "stopped")
    for _ in range(2):
        place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert run.info.status == "FINISHED"
    assert {k: v for k, v in run.data.tags.items() if k.startswith(("state", "stopped"))} == {
        "state": "stopped",
        "stopped.epoch": "6",
        "stopped.rung": "6",
        "stopped.reason": "stopped after epoch 6 of 20: val/loss 0.25 (rung 6)",
    }
    assert place.steps() == whole(trial)


def test_an_interrupted_trial_runs_again(place: Place) -> None:
    trial = place.add()
    place.end(trial, "pending")
    place.tracker().sync_trial(place.ledger, "a1")
    trial.attempts.append(Attempt(number=2, from_epoch=6, began=1e9 + 20))
    trial.state = "running"
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert (run.info.status, run.data.tags["attempts"]) == ("RUNNING", "2")


def test_a_failure_is_shown_and_goes_when_it_is_overcome(place: Place) -> None:
    trial = place.add()
    trial.error = Failure(kind="worker lost", message="killed")
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    assert place.runs()[0].data.tags["error"] == "killed"
    trial.error = None
    place.end(trial)
    tracker.sync_trial(place.ledger, "a1")
    assert "error" not in place.runs()[0].data.tags


def test_a_failed_trial_has_its_traceback(place: Place) -> None:
    trial = place.add()
    trial.error = Failure(kind="error", message="KeyError: 'x'", traceback="in broken")
    place.end(trial, "failed")
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    text = Path(place.client.download_artifacts(run.info.run_id, "error.txt")).read_text()
    assert "KeyError" in text
    assert "in broken" in text


def error_text(place: Place) -> str:
    (run,) = place.runs()
    return Path(place.client.download_artifacts(run.info.run_id, "error.txt")).read_text()


@pytest.mark.parametrize("same_driver", [True, False])
def test_the_traceback_is_that_of_the_latest_failure(
    place: Place, uploads: list[str], same_driver: bool
) -> None:
    trial = place.add()
    # A lost worker is shown while the trial is tried again, before that attempt fails as well.
    trial.error = Failure(kind="worker lost", message="killed")
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    for number, whole in ((2, "line\n" * 3000 + "KeyError: 2"), (3, "ValueError: 3")):
        tracker = tracker if same_driver else place.tracker()
        trial.attempts.append(Attempt(number=number, from_epoch=0, began=1e9))
        trial.error = Failure(kind="error", message=f"the {number}", traceback=whole)
        place.end(trial, "failed")
        for _ in range(2):
            tracker.sync_trial(place.ledger, "a1")
        assert error_text(place) == f"the {number}\n\n{whole}"
        (run,) = place.runs()
        assert (run.info.status, run.data.tags["error"]) == ("FAILED", f"the {number}")
    trial.error = None
    place.end(trial)
    tracker.sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert run.info.status == "FINISHED"
    assert not any("error" in tag for tag in run.data.tags)


@pytest.mark.parametrize("noted", [0, 1, None])
def test_a_trial_that_has_two_runs_keeps_one(place: Place, noted: int | None) -> None:
    """The one that the ledger notes, where it notes one."""
    trial = place.add()
    place.end(trial)
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    (first,) = place.runs()
    tags = {k: v for k, v in first.data.tags.items() if not k.startswith("artifacts.")}
    start = first.info.start_time
    place.client.create_run(first.info.experiment_id, start_time=start, tags=tags)
    assert len(place.runs()) == 2
    kept = None if noted is None else place.runs()[noted].info.run_id
    place.ledger.change("a1", lambda t: setattr(t, "run_id", kept))
    for _ in range(2):
        place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert kept in (None, run.info.run_id)
    assert run.info.run_id == place.ledger.trials["a1"].run_id
    assert place.steps() == whole(trial)
    assert paths(place, run.info.run_id) == {"config.yaml", "checkpoints/a001-e00006.pt"}


def test_a_run_of_somebodys_own_is_left_alone(place: Place) -> None:
    own = {"cvae_sweep.sweep_id": place.ledger.sweep.sweep_id, "mine": "yes"}
    made = place.client.create_run(place.ledger.sweep.experiment_id, tags=own)
    place.add()
    tracker = place.tracker()
    tracker.sync_parent(place.ledger)
    tracker.sync_trial(place.ledger, "a1")
    assert place.client.get_run(made.info.run_id).info.lifecycle_stage == "active"


def test_a_copy_that_was_cut_off_is_made_again(place: Place, uploads: list[str]) -> None:
    """A driver may die within the copying of a file into a local folder of artifacts."""
    trial = place.add()
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    kept = Path(urlsplit(run.info.artifact_uri).path) / "checkpoints/a001-e00006.pt"
    kept.write_bytes(b"weig")
    place.tracker().sync_trial(place.ledger, "a1")
    assert kept.read_bytes() == b"weights"
    assert uploads.count("checkpoints/a001-e00006.pt") == 2
    place.tracker().sync_trial(place.ledger, "a1")
    assert uploads.count("checkpoints/a001-e00006.pt") == 2


def test_a_driver_that_died_before_the_configuration_was_sent(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add()

    def refuse(*_: Any) -> None:
        raise ConnectionError("gone")

    with monkeypatch.context() as patch, pytest.raises(FileRefusedError, match="gone"):
        patch.setattr(MlflowClient, "log_text", refuse)
        place.tracker().sync_trial(place.ledger, "a1")
    place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert paths(place, run.info.run_id) == {"config.yaml"}


def test_a_trial_that_has_not_begun_has_no_run(place: Place) -> None:
    place.ledger.save(Trial(key="a1", config=TrialConfig().to_settings()))
    place.tracker().sync_trial(place.ledger, "a1")
    assert place.runs() == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("finished", "FINISHED"), ("failed", "FAILED"), ("interrupted", "KILLED")],
)
def test_the_parent_ends_as_the_sweep(place: Place, outcome: Any, status: str) -> None:
    def parent() -> Any:
        return place.client.get_run(place.ledger.sweep.parent_run_id)

    assert parent().info.status == "RUNNING"
    place.ledger.sweep.outcome = outcome
    place.tracker().sync_parent(place.ledger)
    assert parent().info.status == status
    place.ledger.sweep.outcome = "running"
    place.tracker().sync_parent(place.ledger)
    assert parent().info.status == "RUNNING"
    assert len(place.client.search_runs([place.ledger.sweep.experiment_id])) == 1


def measured(place: Place, entry: str, content: str = "1", **more: Any) -> Evaluated:
    """A part of a trial's evaluation with two files."""
    refs = []
    for name in ("picture.png", "table.csv"):
        path = f"artifacts/a1/{entry}/{name}"
        store.write_bytes(place.ledger.folder / path, f"{name} {content}".encode())
        digest = hashlib.sha256(f"{name} {content}".encode()).hexdigest()
        refs.append(ArtifactRef(path=path, sha256=digest, bytes=len(name) + 2))
    return Evaluated(state="finished", artifacts=refs, ended=2e9, **more)


def paths(place: Place, run_id: str, folder: str = "") -> set[str]:
    found = set()
    for item in place.client.list_artifacts(run_id, folder or None):
        found |= paths(place, run_id, item.path) if item.is_dir else {item.path}
    return found


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that is sent; it is sent all the same."""
    sent: list[str] = []
    real = MlflowClient.log_artifact

    def log(self: Any, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        sent.append(f"{artifact_path}/{Path(local_path).name}")
        real(self, run_id, local_path, artifact_path)

    monkeypatch.setattr(MlflowClient, "log_artifact", log)
    return sent


def test_pictures_and_tables_of_every_part(place: Place, uploads: list[str]) -> None:
    trial = place.add()
    place.end(trial)
    for entry in ("probe", "umap", "probe@2", "umap@4"):
        trial.evaluations[entry] = measured(place, entry)
    place.ledger.save(trial)
    for _ in range(3):
        place.tracker().sync_trial(place.ledger, "a1")
    (run,) = place.runs()
    names = ("picture.png", "table.csv")
    folders = ("probe", "umap", "epoch_00002/probe", "epoch_00004/umap")
    expected = {f"{folder}/{name}" for folder in folders for name in names}
    assert paths(place, run.info.run_id) == expected | {
        "config.yaml",
        "checkpoints/a001-e00006.pt",
    }
    others = {"None/config.yaml", "checkpoints/a001-e00006.pt"}
    assert sorted(uploads) == sorted(expected | others), "nothing is sent twice"
    trial.evaluations["umap"] = measured(place, "umap", "2")
    place.ledger.save(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    assert uploads[-2:] == ["umap/picture.png", "umap/table.csv"]
    assert len(uploads) == len(expected | others) + 2
    file = Path(place.client.download_artifacts(run.info.run_id, "umap/picture.png"))
    assert file.read_text() == "picture.png 2"


@pytest.mark.parametrize("same_driver", [True, False])
def test_metrics_of_every_checkpoint_at_their_epochs(place: Place, same_driver: bool) -> None:
    trial = place.add()
    place.end(trial)
    for epoch in (2, 4):
        trial.evaluations[f"probe@{epoch}"] = Evaluated(
            state="finished", metrics={"val/knn_accuracy": epoch / 10}, ended=2e9 + epoch
        )
    place.ledger.save(trial)
    tracker = place.tracker()
    for _ in range(3):
        tracker.sync_trial(place.ledger, "a1")
        tracker = tracker if same_driver else place.tracker()
    assert place.steps("val/knn_accuracy") == [(2, 0.2), (4, 0.4)]
    assert place.steps("probe/accuracy") == [(6, 0.9)]


def test_a_part_that_was_measured_again_shows_its_newer_value(place: Place) -> None:
    """MLflow keeps both values; the newer is the one it shows, and no third is ever added."""
    trial = place.add()
    place.end(trial)
    place.tracker().sync_trial(place.ledger, "a1")
    for value, ended in ((0.8, 2e9), (0.85, 3e9)):
        again = Evaluated(state="finished", metrics={"probe/accuracy": value}, ended=ended)
        place.ledger.note_evaluation("a1", "probe", again)
        for _ in range(3):
            place.tracker().sync_trial(place.ledger, "a1")
    assert place.steps("probe/accuracy") == [(6, 0.8), (6, 0.85), (6, 0.9)]
    (run,) = place.runs()
    assert run.data.metrics["probe/accuracy"] == 0.85


def notes_of(place: Place) -> dict[str, str]:
    (run,) = place.runs()
    return {name: text for name, text in run.data.tags.items() if name.startswith(("fid.", "fd."))}


def test_facts_warnings_and_reasons_are_tags(place: Place) -> None:
    trial = place.add()
    place.end(trial)
    trial.evaluations["fd"] = Evaluated(
        state="finished", facts={"n": 50, "extractor": "cnn"}, warnings=["N is 50.", "And so on."]
    )
    reason = Failure(kind="absent", message="no weights " + "x" * 600)
    trial.evaluations["fid"] = Evaluated(state="absent", error=reason, ended=1e9)
    place.ledger.save(trial)
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    assert notes_of(place) == {
        "fd.n": "50",
        "fd.extractor": "cnn",
        "fd.warning": "N is 50. And so on.",
        "fid.absent": reason.message[:500],
    }
    # Each goes when it does not hold any more, whichever driver sees to it.
    failure = Failure(kind="error", message="broken")
    failed = Evaluated(state="failed", error=failure, ended=2e9)
    place.ledger.note_evaluation("a1", "fid", failed)
    tracker.sync_trial(place.ledger, "a1")
    assert {n: t for n, t in notes_of(place).items() if n[:4] == "fid."} == {"fid.failed": "broken"}
    for entry in ("fid", "fd"):
        done = Evaluated(state="finished", facts={"n": 60}, ended=3e9)
        place.ledger.note_evaluation("a1", entry, done)
    place.tracker().sync_trial(place.ledger, "a1")
    assert notes_of(place) == {"fid.n": "60", "fd.n": "60", "fd.extractor": "cnn"}


def test_the_sweeps_run_holds_the_map_of_all_trials(place: Place, uploads: list[str]) -> None:
    parent = place.ledger.sweep.parent_run_id
    assert parent is not None
    made = measured(place, "shared_umap", facts={"trials": 2})
    place.ledger.note_evaluation("", "shared_umap", made)
    for _ in range(2):
        place.tracker().sync_parent(place.ledger)
    names = {"shared_umap/picture.png", "shared_umap/table.csv"}
    assert paths(place, parent) == {"sweep.yaml", *names}
    assert sorted(uploads) == sorted(names)
    tags = place.client.get_run(parent).data.tags
    assert tags["shared_umap.trials"] == "2"


def test_a_server_is_asked_once_with_the_password_and_never_shown_it(tmp_path: Path) -> None:
    """MLflow's client would ask again for minutes, and prints the addresses that it is given."""
    asked = []

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(503)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server, pytest.MonkeyPatch.context() as env:
        for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
            env.setenv(name, "another")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        host = f"127.0.0.1:{server.server_address[1]}"
        tracker = Tracker(f"http://bob:sec%40ret@{host}", MlflowConfig(), tmp_path)
        with pytest.raises(UserError, match="MLflow cannot be used") as raised:
            tracker.connect("s")
        server.shutdown()
    assert asked == ["Basic " + base64.b64encode(b"bob:sec@ret").decode()]
    assert tracker._client.tracking_uri == f"http://{host}"
    assert "bob" not in str(raised.value)


def test_the_answers_are_notes_of_the_sweeps_run_and_of_its_experiment(place: Place) -> None:
    def said() -> tuple[str | None, str | None]:
        experiment = place.client.get_experiment(place.ledger.sweep.experiment_id)
        parent = place.client.get_run(place.ledger.sweep.parent_run_id)
        name = "mlflow.note.content"
        return experiment.tags.get(name), parent.data.tags.get(name)

    place.tracker().sync_parent(place.ledger)
    assert said() == (None, None)
    for note in ("probe ↑: undecided", "probe ↑: cvae better (β=1 +0.01)"):
        store.write_bytes(place.ledger.folder / REPORT_NOTE, note.encode())
        place.tracker().sync_parent(place.ledger)
        assert said() == (note, note)


def test_each_family_has_its_colour(place: Place) -> None:
    for key, model in (("a1", "vae"), ("a2", "vae"), ("b1", "cvae")):
        place.add(key, model=model)
        place.tracker().sync_trial(place.ledger, key)
    colours = {run.data.tags["trial_key"]: run.data.tags["mlflow.runColor"] for run in place.runs()}
    assert colours["a1"] == colours["a2"] != colours["b1"]


def test_stages_are_a_parameter_by_their_names(place: Place) -> None:
    stages = [{"epochs": 2, "name": "contrastive", "weights": {"reconstruction": 0}}, {"lambda": 0}]
    many = [{"epochs": 1, "beta": n / 7} for n in range(60)] + [{}]
    place.end(place.add(model="cvae", stages=stages))
    place.end(place.add("b2", model="cvae", epochs=99, stages=many))
    for key in ("a1", "b2"):
        place.tracker().sync_trial(place.ledger, key)
    params = {run.data.tags["trial_key"]: run.data.params for run in place.runs()}
    assert params["a1"]["stages"] == "contrastive→λ=0"
    assert params["a1"]["schedule.beta.shape"] == "constant"
    assert len(params["b2"]["stages"]) == 500


def test_the_tables_of_the_report_are_tables_to_mlflow(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, refs = "artifacts/report", []
    table = {"columns": ["model", "probe ↑"], "data": [["vae", "0.9 ± 0.1"], ["cvae", "<b>"]]}
    for name, text in (("report.html", "<p>"), ("comparison.json", json.dumps(table))):
        store.write_bytes(place.ledger.folder / folder / name, text.encode())
        digest = hashlib.sha256(text.encode()).hexdigest()
        refs.append(ArtifactRef(path=f"{folder}/{name}", sha256=digest, bytes=len(text)))
    place.ledger.note_evaluation("", "report", Evaluated(state="finished", artifacts=refs))
    for _ in range(2):
        place.tracker().sync_parent(place.ledger)
    run_id = str(place.ledger.sweep.parent_run_id)
    logged = place.client.get_run(run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(logged) == [{"path": "report/comparison.json", "type": "table"}]
    experiment = place.ledger.sweep.experiment_id
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.uri)  # it also asks MLflow's present one
    found = place.client.load_table(experiment, "report/comparison.json", run_ids=[run_id])
    assert found.columns.to_list() == table["columns"]
    assert found.to_numpy().tolist() == table["data"]


def test_what_is_said_of_a_trial_at_its_end_is_few_requests(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database on a disk writes each of them for itself, and a sweep may have thousands."""
    trial = place.add()
    tracker = place.tracker()
    tracker.sync_trial(place.ledger, "a1")
    place.end(trial)
    monkeypatch.setattr("orchestration.tracking.tracker.as_yaml", pytest.fail)
    asked = []
    for name in ("set_tag", "log_batch", "set_terminated", "delete_tag", "update_run"):
        real = getattr(MlflowClient, name)

        def noted(*arguments: Any, real: Any = real, name: str = name, **options: Any) -> Any:
            asked.append(name)
            return real(*arguments, **options)

        monkeypatch.setattr(MlflowClient, name, noted)
    tracker.sync_trial(place.ledger, "a1")
    assert asked == ["log_batch", "set_terminated"], "all numbers and tags, then the status"
    (run,) = place.runs()
    assert (run.data.tags["state"], run.data.tags["attempts"]) == ("finished", "1")


def test_more_points_than_a_request_takes_are_sent_before_what_says_that_they_are_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.tracking.run_writer.BATCH", 5)
    trial = place.add()
    place.end(trial)
    sent: list[tuple[int, bool]] = []
    real = MlflowClient.log_batch

    def noted(client: Any, run_id: str, **given: Any) -> None:
        sent.append((len(given.get("metrics", ())), "tags" in given))
        real(client, run_id, **given)

    monkeypatch.setattr(MlflowClient, "log_batch", noted)
    place.tracker().sync_trial(place.ledger, "a1")
    assert sent == [(5, False), (5, False), (5, False), (4, True)]
    assert place.steps() == whole(trial)
    assert place.steps("probe/accuracy") == [(6, 0.9)]
