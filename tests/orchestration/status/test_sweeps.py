"""All sweeps at a glance: the same figures as ``status``, and nothing hides behind damage."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration.cli.list import command
from orchestration.compare.loaded import load_sweep
from orchestration.ledger.documents import Ask, Attempt, Epoch, Evaluated, Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.status.sweeps import list_document
from orchestration.words import rough_duration


def make(storage: Path, name: str, **trials: list[dict[str, float]]) -> Ledger:
    """A sweep with trials that report these metrics, an epoch at a time."""
    sweep = Sweep(name=name, sweep_id=name, created=0, spec={}, plan=list(trials))
    sweep.data = {"mnist": "1", "digits": "2"}
    ledger = Ledger.create(storage / name, sweep)
    for key, epochs in trials.items():
        trial = Trial(key=key, config={}, state="finished")
        trial.attempts = [Attempt(number=1, from_epoch=0, began=0)]
        trial.epochs = [
            Epoch(epoch=n, metrics=metrics, images_per_s=1, epoch_s=1.5, at=0)
            for n, metrics in enumerate(epochs, start=1)
        ]
        ledger.save(trial)
    return ledger


def rows(storage: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in list_document(storage)["sweeps"]}


PROBE = "val/probe_accuracy"


def nothing_more(trial: Trial, last: float) -> None:
    """It stays as it was trained."""


def best_before_the_end(trial: Trial, last: float) -> None:
    """The weights that are kept are not the last ones."""
    trial.config["selection"] |= {"epoch": "best", "metric": PROBE}
    trial.epochs[0].metrics[PROBE] = (1 + last) / 2
    trial.epochs[-1].metrics[PROBE] = last


def judged_at_every_checkpoint(trial: Trial, last: float) -> None:
    """As ``evaluate --every-checkpoint`` does, on validation."""
    done = Evaluated(state="finished", metrics={PROBE: 1 - last})
    trial.evaluations |= {"probe@3": done, "probe@1": done}


@pytest.mark.parametrize("done", [nothing_more, best_before_the_end, judged_at_every_checkpoint])
def test_the_same_as_status_says(
    ran: Callable[..., Any], tmp_path: Path, done: Callable[[Trial, float], None]
) -> None:
    """``status`` reads every document whole, and ``list`` what it needs."""
    sweep = ran(grid={"beta": [1e-3, 1.0]}, evaluation={"probe_every": 1})
    ledger = Ledger.open(sweep.folder)
    for number, key in enumerate(sweep.keys):
        ledger.change(key, partial(done, last=0.3 + number / 10))
    status = load_sweep("sweep", tmp_path).document
    row = rows(tmp_path)["sweep"]
    assert (row["state"], row["counts"]) == (status["state"], status["counts"])
    assert row["counts"]["finished"] == row["trials"] == 2
    assert row["train_s"] == pytest.approx(sum(t["train_s"] for t in status["trials"]))
    values = {trial["key"]: trial["metrics"][PROBE] for trial in status["trials"]}
    best = row["best"]
    assert best == {"metric": PROBE, "value": max(values.values()), "key": best["key"]}
    assert values[best["key"]] == best["value"]


def test_the_best_is_the_best_last_value(tmp_path: Path) -> None:
    name = "val/probe_accuracy"
    make(tmp_path, "val", a=[{name: 0.9}, {name: 0.5}, {}], b=[{name: 0.6}])
    ledger = make(tmp_path, "test", a=[{"val/loss": 1.0}])
    make(tmp_path, "none", a=[{"val/loss": 1.0}])
    part = Evaluated(state="finished", metrics={"probe/accuracy": 0.7})
    ledger.change("a", lambda trial: trial.evaluations.update(probe=part))
    found = rows(tmp_path)
    assert found["val"]["best"] == {"metric": name, "value": 0.6, "key": "b"}
    assert found["test"]["best"] == {"metric": "probe/accuracy", "value": 0.7, "key": "a"}
    assert found["none"]["best"] is None
    val = Ledger.open(tmp_path / "val")  # a baseline is what the others are to be better than
    val.change("b", lambda trial: trial.config.update(model="supervised"))
    assert rows(tmp_path)["val"]["best"] == {"metric": name, "value": 0.5, "key": "a"}
    assert found["val"]["train_s"] == 6.0
    assert found["val"]["data"] == ["digits", "mnist"]


def test_a_course_of_another_version_hides_no_sweep(tmp_path: Path) -> None:
    ledger = make(tmp_path, "a", x=[{PROBE: 0.5}])
    selection = {"epoch": "best", "metric": PROBE, "min_delta": 0.0}
    course = {"selection": selection, "stages": [{"of_another_version": 1}]}
    ledger.change("x", lambda trial: trial.config.update(course))
    row = rows(tmp_path)["a"]
    assert (row["error"], row["best"], row["counts"]["finished"]) == (None, None, 1)


def test_searches_count_what_is_to_come_and_a_replicate_is_no_best(tmp_path: Path) -> None:
    name = "val/probe_accuracy"
    ledger = make(tmp_path, "a", x=[{name: 0.5}], y=[{name: 0.6}], again=[{name: 0.9}])
    asks = [Ask(number=0, params={}, key="x"), Ask(number=1, params={}, key="y")]
    objective = {"metric": name, "direction": "maximize"}
    common: dict[str, Any] = {"sampler": "tpe", "seed": 0, "startup": 1, "fixed": {}, "space": {}}
    study = Study(key="s", name="vae", trials=5, objectives=[objective], asks=asks, **common)
    study.replicates, study.winner = ["again"], "y"
    ledger.save_study(study)
    ledger.sweep.plan, ledger.sweep.studies = [], ["s"]
    ledger.save_sweep()
    row = rows(tmp_path)["a"]
    assert row["best"] == {"metric": name, "value": 0.6, "key": "y"}
    assert (row["trials"], row["counts"]["finished"], row["counts"]["pending"]) == (6, 3, 3)
    assert row["state"] == "interrupted"


def test_stopped_trials_have_come_to_their_end(tmp_path: Path) -> None:
    ledger = make(tmp_path, "a", x=[], y=[])
    ledger.change("x", lambda trial: setattr(trial, "state", "stopped"))
    row = rows(tmp_path)["a"]
    assert (row["state"], row["counts"]["stopped"]) == ("finished", 1)
    assert "2/2, 1 early" in CliRunner().invoke(command, ["--storage", str(tmp_path)]).output


def test_states(tmp_path: Path) -> None:
    ledger = make(tmp_path, "a", x=[], y=[], left=[])
    ledger.change("x", lambda trial: setattr(trial, "state", "running"))
    ledger.sweep.plan = ["x", "y", "not written yet"]
    ledger.save_sweep()
    row = rows(tmp_path)["a"]
    assert (row["state"], row["counts"]["pending"], row["trials"]) == ("interrupted", 2, 3)
    record = ProcessRecord(ledger.folder)
    record.update()
    row = rows(tmp_path)["a"]
    assert (row["state"], row["counts"]["running"]) == ("running", 1)
    record.clear()


@pytest.mark.parametrize("what", ["cut", "flipped", "incomplete", "sweep"])
def test_a_damaged_sweep_is_a_row_with_its_error(tmp_path: Path, what: str) -> None:
    make(tmp_path, "whole", a=[{}])
    ledger = make(tmp_path, "broken", a=[{"val/loss": 0.125}])
    trial, sweep = ledger.folder / "trials" / "a.json", ledger.folder / "sweep.json"
    if what == "cut":
        trial.write_bytes(trial.read_bytes()[:-9])
    elif what == "flipped":
        trial.write_bytes(trial.read_bytes().replace(b"0.125", b"0.124"))
    elif what == "incomplete":
        from orchestration import store

        store.write_document(trial, {"key": "a"})
    else:
        sweep.write_bytes(b"")
    found = rows(tmp_path)
    assert found["whole"]["error"] is None
    assert found["broken"]["state"] == "damaged"
    assert "is damaged" in found["broken"]["error"]
    assert set(found["broken"]) == set(found["whole"])
    shown = CliRunner().invoke(command, ["--storage", str(tmp_path)])
    assert shown.exit_code == 0
    assert "whole" in shown.output
    assert found["broken"]["error"] in shown.output


def test_the_latest_change_comes_first(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old", 90_000), ("new", 30), ("middle", 4000)):
        ledger = make(tmp_path, name, a=[{}])
        for path in (ledger.folder / "sweep.json", ledger.folder / "trials"):
            os.utime(path, (now - age, now - age))
    document = list_document(tmp_path)
    assert [row["name"] for row in document["sweeps"]] == ["new", "middle", "old"]
    shown = CliRunner().invoke(command, ["--storage", str(tmp_path)]).output
    assert ["30 s ago" in shown, "1 h ago" in shown, "1 d ago" in shown] == [True] * 3
    trial = ledger.trials["a"]
    Ledger.open(tmp_path / "old").save(trial)
    assert list_document(tmp_path)["sweeps"][0]["name"] == "old"


def test_the_document_and_an_empty_folder(tmp_path: Path) -> None:
    make(tmp_path / "runs", "a", x=[{}])
    done = CliRunner().invoke(command, ["--storage", str(tmp_path / "runs"), "--json"])
    document = json.loads(done.output)
    assert document["storage"] == str(tmp_path / "runs")
    assert document["sweeps"][0].keys() >= {"name", "state", "counts", "best", "train_s", "data"}
    empty = CliRunner().invoke(command, ["--storage", str(tmp_path / "none")])
    assert empty.exit_code == 0
    assert "no sweeps in" in empty.output
    assert "cvae-sweep run sweeps/digits_beta.yaml" in empty.output
    assert not (tmp_path / "none").exists()


def test_durations() -> None:
    seconds = (-3, 0, 59.9, 60, 3599, 3600, 86399, 86400 * 400)
    shown = ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "400 d"]
    assert [rough_duration(s) for s in seconds] == shown
