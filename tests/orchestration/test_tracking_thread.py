"""MLflow is told everything, how the sweep ended included, and never twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from cvae_core.config import TrialConfig
from orchestration.documents import Attempt, Epoch, Sweep, Trial
from orchestration.ledger import Ledger
from orchestration.mlflow_config import MlflowConfig
from orchestration.tracking import Tracker
from orchestration.tracking_thread import TrackingThread, up_to_date


def make(storage: Path) -> tuple[Ledger, Tracker, MlflowClient]:
    uri = f"sqlite:///{storage / 'mlflow.db'}"
    ledger = Ledger.create(
        storage / "s", Sweep(name="s", sweep_id="1", created=1e9, spec={}, plan=["a1"])
    )
    tracker = Tracker(uri, MlflowConfig(), storage)
    ledger.sweep.experiment, ledger.sweep.experiment_id = tracker.connect("s")
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
    return ledger, tracker, MlflowClient(uri)


def follow(tracker: Tracker, ledger: Ledger) -> bool:
    thread = TrackingThread(tracker, ledger, lambda text: None)
    thread.start()
    return thread.finish(60)


def test_up_to_date_only_when_the_end_of_the_sweep_was_told(tmp_path: Path) -> None:
    """A driver may die after the last trial was told and before the sweep's own run was."""
    ledger, tracker, client = make(tmp_path)
    assert follow(tracker, ledger)
    ledger.sweep.outcome = "finished"
    ledger.save_sweep()
    assert not up_to_date(Ledger.open(ledger.folder))
    assert follow(tracker, ledger)
    assert up_to_date(Ledger.open(ledger.folder))
    assert client.get_run(str(ledger.sweep.parent_run_id)).info.status == "FINISHED"


def test_an_answer_that_is_lost_doubles_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow takes the metrics, but the connection breaks before it says so."""
    ledger, tracker, client = make(tmp_path)
    real = tracker._client.log_batch

    def break_off(*args: Any, **named: Any) -> None:
        real(*args, **named)
        if "metrics" in named:
            raise ConnectionError("gone")

    monkeypatch.setattr(tracker._client, "log_batch", break_off)
    assert follow(tracker, ledger), "the second try did not ask what had arrived"
    history = client.get_metric_history(str(ledger.trials["a1"].run_id), "val/loss")
    assert [metric.step for metric in history] == [1, 2, 3]


def test_a_warning_that_fails_is_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of the thread, nor of the truth: MLflow is not up to date."""
    ledger, tracker, _ = make(tmp_path)

    def refuse(*args: Any) -> None:
        raise ConnectionError("gone")

    def warn(text: str) -> None:
        warnings.append(text)
        raise BrokenPipeError("nobody listens")

    warnings: list[str] = []
    monkeypatch.setattr(tracker, "bring_parent", refuse)
    thread = TrackingThread(tracker, ledger, warn)
    thread.start()
    assert not thread.finish(60)
    assert len(warnings) == 1
    monkeypatch.undo()
    thread._bring()
    assert up_to_date(Ledger.open(ledger.folder)), "it goes on where MLflow answers again"
