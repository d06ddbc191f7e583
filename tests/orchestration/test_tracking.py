"""Whatever state an MLflow run is in, it is brought to what the ledger says, and never doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cvae_core.config import TrialConfig
from orchestration import store
from orchestration.ledger import (
    Attempt,
    CheckpointRef,
    Epoch,
    Evaluated,
    Failure,
    Ledger,
    Sweep,
    Trial,
)
from orchestration.mlflow_config import MlflowConfig
from orchestration.tracking import Tracker


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
        tracker.bring_parent(self.ledger)
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
    place.tracker().bring_trial(place.ledger, "a1")
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


def test_a_vae_has_no_lambda_and_no_tau(place: Place) -> None:
    place.add(model="vae")
    place.tracker().bring_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert not {"lambda", "tau"} & (set(run.data.tags) | set(run.data.params))
    assert not any(name.startswith("views.") for name in run.data.params)


@pytest.mark.parametrize("same_driver", [True, False])
def test_twice_is_as_good_as_once(place: Place, same_driver: bool) -> None:
    trial = place.add()
    place.end(trial)
    tracker = place.tracker()
    for _ in range(3):
        tracker.bring_trial(place.ledger, "a1")
        tracker = tracker if same_driver else place.tracker()
    assert place.steps() == whole(trial)
    assert place.steps("time/epoch_s") == [(n, 0.5) for n in range(1, 7)]
    assert place.steps("probe/accuracy") == [(6, 0.9)]


def test_a_half_told_story_is_told_to_its_end(place: Place) -> None:
    trial = place.add()
    epochs = trial.epochs
    trial.epochs = epochs[:3]
    place.tracker().bring_trial(place.ledger, "a1")
    assert [step for step, _ in place.steps()] == [1, 2, 3]
    (run,) = place.runs()
    assert run.info.status == "RUNNING"
    # One metric of the next epoch is there, the others are not: cut off within a batch.
    place.client.log_metric(run.info.run_id, "val/loss", epochs[3].metrics["val/loss"], step=4)
    trial.epochs = epochs
    place.end(trial)
    place.tracker().bring_trial(place.ledger, "a1")
    assert place.steps() == whole(trial)
    assert [step for step, _ in place.steps("time/epoch_s")] == [1, 2, 3, 4, 5, 6]


def test_a_run_whose_id_was_never_noted_is_adopted(place: Place) -> None:
    trial = place.add()
    place.tracker().bring_trial(place.ledger, "a1")
    (before,) = place.runs()
    place.ledger.change("a1", lambda t: setattr(t, "run_id", None))
    place.ledger.sweep.parent_run_id, parent = None, place.ledger.sweep.parent_run_id
    tracker = place.tracker()
    tracker.bring_parent(place.ledger)
    tracker.bring_trial(place.ledger, "a1")
    (after,) = place.runs()
    assert after.info.run_id == before.info.run_id == place.ledger.trials["a1"].run_id
    assert place.ledger.sweep.parent_run_id == parent
    assert place.steps() == whole(trial)


def test_a_run_of_another_sweep_is_not_adopted(place: Place) -> None:
    place.add()
    place.tracker().bring_trial(place.ledger, "a1")
    place.ledger.change("a1", lambda t: setattr(t, "run_id", None))
    place.ledger.sweep.sweep_id = "begun anew"
    place.tracker().bring_trial(place.ledger, "a1")
    assert len(place.runs()) == 2


@pytest.mark.parametrize("told", ["deleted", "id of nothing"])
def test_a_run_that_is_gone_is_made_again(place: Place, told: str) -> None:
    trial = place.add()
    if told == "deleted":
        place.tracker().bring_trial(place.ledger, "a1")
        (run,) = place.runs()
        place.client.delete_run(run.info.run_id)
    else:
        trial.run_id = "0" * 32
    place.end(trial)
    place.tracker().bring_trial(place.ledger, "a1")
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
    tracker.bring_trial(place.ledger, "a1")
    trial.state = state  # type: ignore[assignment]
    place.ledger.save(trial)
    tracker.bring_trial(place.ledger, "a1")
    assert place.runs()[0].info.status == status


def test_an_interrupted_trial_runs_again(place: Place) -> None:
    trial = place.add()
    place.end(trial, "pending")
    place.tracker().bring_trial(place.ledger, "a1")
    trial.attempts.append(Attempt(number=2, from_epoch=6, began=1e9 + 20))
    trial.state = "running"
    place.tracker().bring_trial(place.ledger, "a1")
    (run,) = place.runs()
    assert (run.info.status, run.data.tags["attempts"]) == ("RUNNING", "2")


def test_a_failure_is_shown_and_goes_when_it_is_overcome(place: Place) -> None:
    trial = place.add()
    trial.error = Failure(kind="worker lost", message="killed")
    tracker = place.tracker()
    tracker.bring_trial(place.ledger, "a1")
    assert place.runs()[0].data.tags["error"] == "killed"
    trial.error = None
    place.end(trial)
    tracker.bring_trial(place.ledger, "a1")
    assert "error" not in place.runs()[0].data.tags


def test_a_failed_trial_has_its_traceback(place: Place) -> None:
    trial = place.add()
    trial.error = Failure(kind="error", message="KeyError: 'x'", traceback="in broken")
    place.end(trial, "failed")
    place.tracker().bring_trial(place.ledger, "a1")
    (run,) = place.runs()
    text = Path(place.client.download_artifacts(run.info.run_id, "error.txt")).read_text()
    assert "KeyError" in text
    assert "in broken" in text


def test_a_trial_that_has_not_begun_has_no_run(place: Place) -> None:
    place.ledger.save(Trial(key="a1", config=TrialConfig().to_settings()))
    place.tracker().bring_trial(place.ledger, "a1")
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
    place.tracker().bring_parent(place.ledger)
    assert parent().info.status == status
    place.ledger.sweep.outcome = "running"
    place.tracker().bring_parent(place.ledger)
    assert parent().info.status == "RUNNING"
    assert len(place.client.search_runs([place.ledger.sweep.experiment_id])) == 1
