"""MLflow is told everything, how the sweep ended included, and never twice."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.ledger.documents import Attempt, Epoch, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.tracking import syncer as syncer_module
from orchestration.tracking import thread as thread_module
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.place import Place
from orchestration.tracking.syncer import Syncer, behind, read_signatures, up_to_date
from orchestration.tracking.thread import TrackingThread
from orchestration.tracking.tracker import Tracker

pytestmark = pytest.mark.slow

NAMES = (f"s{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one database for all tests: making one takes seconds."""
    return tmp_path_factory.mktemp("storage")


def make(storage: Path) -> tuple[Ledger, Syncer, MlflowClient]:
    """A ledger with one finished trial, and a syncer that has connected."""
    name = next(NAMES)
    place = Place(f"sqlite:///{storage / 'mlflow.db'}", MlflowConfig(), storage)
    opened = place.open(name)
    sweep = Sweep(name=name, sweep_id=name, created=1e9, spec={}, plan=["a1"])
    sweep.experiment_id = opened.experiment_id
    ledger = Ledger.create(storage / name, sweep)
    trial = Trial(
        key="a1",
        config=TrialConfig().to_settings(),
        state="finished",
        attempts=[Attempt(number=1, from_epoch=0, began=1e9, ended=1e9 + 9)],
        epochs=[
            Epoch(epoch=n, metrics={"val/loss": 1 / n}, images_per_s=9, epoch_s=1, at=1e9 + n)
            for n in (1, 2, 3)
        ],
    )
    ledger.save(trial)
    return ledger, Syncer(place, ledger, opened), MlflowClient(place.uri)


def follow(syncer: Syncer) -> bool:
    thread = TrackingThread(syncer, lambda text: None)
    thread.start()
    return thread.finish(60)


def test_up_to_date_only_when_the_end_of_the_sweep_was_told(storage: Path) -> None:
    """A driver may die after the last trial was told and before the sweep's own run was."""
    ledger, syncer, client = make(storage)
    assert follow(syncer)
    ledger.sweep.outcome = "finished"
    ledger.save_sweep()
    assert not up_to_date(Ledger.open(ledger.folder))
    assert follow(syncer)
    assert up_to_date(Ledger.open(ledger.folder))
    assert client.get_run(str(ledger.sweep.parent_run_id)).info.status == "FINISHED"


def test_an_answer_that_is_lost_doubles_no_step(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow takes the metrics, but the connection breaks before it says so."""
    ledger, syncer, client = make(storage)
    real = MlflowClient.log_batch

    def break_off(*args: Any, **named: Any) -> None:
        real(*args, **named)
        if "metrics" in named:
            raise ConnectionError("gone")

    monkeypatch.setattr(MlflowClient, "log_batch", break_off)
    assert follow(syncer), "the second try did not ask what had arrived"
    history = client.get_metric_history(str(ledger.trials["a1"].run_id), "val/loss")
    assert [metric.step for metric in history] == [1, 2, 3]


def test_a_warning_that_fails_is_not_the_end(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the thread, nor of the truth: MLflow is not up to date."""
    ledger, syncer, _ = make(storage)

    def refuse(*args: Any) -> None:
        raise ConnectionError("gone")

    def warn(text: str) -> None:
        warnings.append(text)
        raise BrokenPipeError("nobody listens")

    warnings: list[str] = []
    monkeypatch.setattr(Tracker, "sync_parent", refuse)
    thread = TrackingThread(syncer, warn)
    thread.start()
    assert not thread.finish(60)
    assert len(warnings) == 1
    monkeypatch.undo()
    syncer.sync()
    assert up_to_date(Ledger.open(ledger.folder)), "it goes on where MLflow answers again"


def test_a_file_that_is_refused_keeps_nothing_else_from_mlflow(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy takes no large files, or an artifact store lets nobody in."""
    ledger, syncer, client = make(storage)
    ledger.save(ledger.trials["a1"].model_copy(update={"key": "b2"}, deep=True))
    ledger.sweep.outcome = "finished"
    real = MlflowClient.log_text

    def refuse(self: MlflowClient, run_id: str, text: str, name: str) -> None:
        if run_id in (ledger.trials["a1"].run_id, ledger.sweep.parent_run_id):
            raise PermissionError(13, "Permission denied")
        real(self, run_id, text, name)

    monkeypatch.setattr(MlflowClient, "log_text", refuse)
    for _ in range(2):
        with pytest.raises(PermissionError):
            syncer.sync()
    for run_id in (ledger.sweep.parent_run_id, *(t.run_id for t in ledger.trials.values())):
        run = client.get_run(str(run_id))
        assert run.info.status == "FINISHED"
    for trial in ledger.trials.values():
        assert client.get_run(str(trial.run_id)).data.metrics["val/loss"] == 1 / 3
    listed = [
        [item.path for item in client.list_artifacts(str(trial.run_id))]
        for trial in ledger.trials.values()
    ]
    assert listed == [[], ["config.yaml"]]
    assert behind(ledger, read_signatures(ledger.folder)) == ["parent", "a1"]
    monkeypatch.undo()
    assert follow(syncer)
    assert up_to_date(Ledger.open(ledger.folder))


def test_below_a_new_run_of_the_sweep_hang_all_its_trials(storage: Path) -> None:
    ledger, syncer, client = make(storage)
    assert follow(syncer)
    client.delete_run(str(ledger.sweep.parent_run_id))
    assert follow(Syncer(syncer._place, ledger))
    run = client.get_run(str(ledger.trials["a1"].run_id))
    assert run.data.tags["mlflow.parentRunId"] == ledger.sweep.parent_run_id
    assert client.get_run(str(ledger.sweep.parent_run_id)).info.lifecycle_stage == "active"


def test_a_run_of_which_nobody_was_told_is_not_there_twice(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to ``create_run`` came too late, and so did the run itself."""
    ledger, syncer, client = make(storage)
    real, late = MlflowClient.create_run, []

    def break_off(self: Any, *args: Any, **named: Any) -> Any:
        if "trial_key" in named["tags"] and not late:
            late.append((args, named))
            raise ConnectionError("too late")
        return real(self, *args, **named)

    monkeypatch.setattr(MlflowClient, "create_run", break_off)
    thread = TrackingThread(syncer, lambda text: None)
    thread._bring()
    thread._bring()
    ((args, named),) = late
    real(client, *args, **named)
    thread.start()
    assert thread.finish(60)
    runs = client.search_runs([str(ledger.sweep.experiment_id)])
    assert len(runs) == 2, "the sweep's own, and that of the trial"
    assert {run.info.status for run in runs} == {"FINISHED", "RUNNING"}
    assert ledger.trials["a1"].run_id in {run.info.run_id for run in runs}


@pytest.mark.parametrize("what", ["emptied", "deleted", "running"])
def test_mlflow_is_looked_at_before_what_was_noted_is_believed(storage: Path, what: str) -> None:
    ledger, syncer, client = make(storage)
    assert follow(syncer)
    run_id = str(ledger.trials["a1"].run_id)
    if what == "running":
        client.update_run(run_id, "RUNNING")
    for gone in {"emptied": [run_id, ledger.sweep.parent_run_id], "deleted": [run_id]}.get(
        what, []
    ):
        client.delete_run(str(gone))
    assert up_to_date(ledger), "without asking it looks so"
    assert follow(Syncer(syncer._place, ledger))
    (run,) = client.search_runs([str(ledger.sweep.experiment_id)], "tags.trial_key = 'a1'")
    assert (run.info.status, run.data.metrics["val/loss"]) == ("FINISHED", 1 / 3)
    assert run.data.tags["mlflow.parentRunId"] == ledger.sweep.parent_run_id


class Down:
    """A place where nothing answers until it is told to; it counts how often it is asked."""

    def __init__(self, place: Place, storage: Path) -> None:
        self.place, self.asked, self.up = place, 0, False
        self.uri, self.config, self.storage = place.uri, place.config, storage

    def open(self, name: str) -> Any:
        self.asked += 1
        if not self.up:
            raise UserError("tracking server x does not answer")
        return self.place.open(name)


def test_down_from_the_start_and_back_later(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, syncer, client = make(storage)
    place, said = Down(syncer._place, storage), []
    monkeypatch.setattr(thread_module, "EVERY_S", 0.05)
    thread = TrackingThread(Syncer(place, ledger), said.append, said.append)  # type: ignore[arg-type]
    thread.start()
    until = time.monotonic() + 30
    while place.asked < 4 and time.monotonic() < until:
        time.sleep(0.01)
    assert [text[:17] for text in said] == ["MLflow is behind:"], "it is said once"
    place.up = True
    while len(said) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert said[1:] == ["MLflow answers again, and has been told everything"]
    assert thread.finish(60)
    assert up_to_date(ledger)
    (run,) = client.search_runs([str(ledger.sweep.experiment_id)], "tags.trial_key = 'a1'")
    assert run.info.run_id == ledger.trials["a1"].run_id


def test_the_end_of_a_sweep_is_one_short_try_where_mlflow_is_down(storage: Path) -> None:
    ledger, syncer, _ = make(storage)
    place = Down(syncer._place, storage)
    thread = TrackingThread(Syncer(place, ledger), lambda text: None)  # type: ignore[arg-type]
    thread.start()
    while not place.asked:
        time.sleep(0.01)
    began = time.monotonic()
    assert not thread.finish(120)
    assert time.monotonic() - began < 10
    assert place.asked <= 2


def test_an_mlflow_that_never_returns_is_not_waited_for(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a database that accepts a connection and was halted."""
    _, syncer, _ = make(storage)
    forever = threading.Event()
    monkeypatch.setattr(Tracker, "sync_parent", lambda *_: forever.wait(60))
    monkeypatch.setattr(thread_module, "STUCK_S", 0.3)
    thread = TrackingThread(syncer, lambda text: None)
    thread.start()
    began = time.monotonic()
    assert not thread.finish(120)
    assert time.monotonic() - began < 20
    forever.set()


def test_a_thread_that_was_given_up_does_not_say_that_all_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late:
        """Down at first; its last answer comes when nobody waits any more."""

        told = tries = 0

        def sync(self, stop: Any) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError("down")
            while not stop():
                time.sleep(0.01)

    monkeypatch.setattr(thread_module, "EVERY_S", 0.01)
    monkeypatch.setattr(thread_module, "STUCK_S", 0.3)
    said: list[str] = []
    thread = TrackingThread(Late(), said.append, said.append)  # type: ignore[arg-type]
    thread.start()
    while not said:
        time.sleep(0.01)
    assert not thread.finish(60)
    thread._thread.join(10)
    assert said == ["MLflow is behind: down; training goes on"]


def test_nobody_is_asked_where_there_is_nothing_to_tell(
    storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, syncer, _ = make(storage)
    asked = []
    monkeypatch.setattr(syncer_module, "check_reachable", asked.append)
    for _ in range(5):
        syncer.sync()
    assert len(asked) == 1
    ledger.change("a1", lambda trial: setattr(trial, "state", "failed"))
    for _ in range(5):
        syncer.sync()
    assert len(asked) == 2
