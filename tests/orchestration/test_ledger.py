"""The ledger survives a killed driver, and has one writer at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration import store
from orchestration.documents import (
    Attempt,
    CheckpointRef,
    Epoch,
    Evaluated,
    Sweep,
    Trial,
    end_attempt,
)
from orchestration.errors import UserError
from orchestration.ledger import Ledger, locked

HOLD = """
import sys, time
from pathlib import Path
from orchestration.ledger import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def trial(key: str, state: str, **fields: object) -> Trial:
    attempts = [Attempt(number=1, from_epoch=0, began=1.5)] if state == "running" else []
    return Trial(key=key, config={"model": "vae"}, state=state, attempts=attempts, **fields)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    sweep = Sweep(name="s", sweep_id="1", created=1.0, spec={}, plan=["b", "a"])
    return Ledger.create(tmp_path / "s", sweep)


def test_round_trip_of_exact_numbers(ledger: Ledger) -> None:
    metrics = {"val/loss": 0.1 + 0.2, "tiny": 5e-324, "third": 1 / 3}
    whole = trial("a", "finished", run_id="r", notes=["n"])
    whole.epochs = [Epoch(epoch=1, metrics=metrics, images_per_s=1e5 / 3, epoch_s=0.7, at=1.7e9)]
    whole.evaluations = {"probe": Evaluated(state="finished", metrics={"probe/accuracy": 2 / 3})}
    ledger.save(whole)
    read = Ledger.open(ledger.folder)
    assert read.trials == {"a": whole}
    assert read.trials["a"].epochs[0].metrics == metrics
    assert read.trials["a"].metrics == metrics | {"probe/accuracy": 2 / 3}
    assert read.sweep == ledger.sweep


def test_fields_of_another_version_are_kept(ledger: Ledger) -> None:
    ledger.save(Trial.model_validate({"key": "a", "config": {}, "novelty": [1]}))
    again = Ledger.open(ledger.folder)
    again.change("a", lambda t: setattr(t, "run_id", "r"))
    assert Ledger.open(ledger.folder).trials["a"].model_extra == {"novelty": [1]}


def test_planned_trials_stand_in_the_plans_order(ledger: Ledger) -> None:
    for key in ("a", "b", "left the plan"):
        ledger.save(trial(key, "pending"))
    assert [t.key for t in ledger.planned()] == ["b", "a"]


def test_recover_puts_running_trials_back_in_line(ledger: Ledger) -> None:
    for key, state in (("a", "running"), ("b", "finished"), ("c", "failed"), ("d", "pending")):
        ledger.save(trial(key, state))
    assert Ledger.open(ledger.folder).recover() == ["a"]
    trials = Ledger.open(ledger.folder).trials
    assert {k: t.state for k, t in trials.items()} == {
        "a": "pending",
        "b": "finished",
        "c": "failed",
        "d": "pending",
    }
    (attempt,) = trials["a"].attempts
    assert attempt.outcome == "lost"
    assert attempt.ended is not None


def test_recover_removes_what_no_document_names(ledger: Ledger) -> None:
    for name in ("a/a001-e00001.pt", "a/a001-e00002.pt", "gone/a001-e00001.pt"):
        store.write_bytes(ledger.folder / "checkpoints" / name, b"x")
    ref = CheckpointRef(epoch=1, path="checkpoints/a/a001-e00001.pt", sha256="0", bytes=1)
    ledger.save(trial("a", "running", checkpoints=[ref]))
    parts = [ledger.folder / "trials" / ".a.json.12ab.part", ledger.folder / ".sweep.json.0.part"]
    for part in parts:
        part.write_text("half")
    ledger.recover()
    left = [p.relative_to(ledger.folder) for p in ledger.folder.rglob("*") if p.is_file()]
    assert {p.as_posix() for p in left} == {"sweep.json", "trials/a.json", ref.path}


def test_end_attempt_closes_an_attempt_once(ledger: Ledger) -> None:
    one = trial("a", "running")
    end_attempt(one, "interrupted", "pending")
    ended = one.attempts[0].ended
    end_attempt(one, "lost", "pending")
    assert (one.attempts[0].outcome, one.attempts[0].ended) == ("interrupted", ended)


def test_a_folder_without_a_sweep(tmp_path: Path) -> None:
    assert not Ledger.exists(tmp_path)
    with pytest.raises(UserError, match="there is no sweep here"):
        Ledger.open(tmp_path)


def test_a_damaged_trial_is_named(ledger: Ledger) -> None:
    ledger.save(trial("a", "finished"))
    path = ledger.folder / "trials" / "a.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"a\.json.*damaged"):
        Ledger.open(ledger.folder)


def test_one_writer_at_a_time_and_no_lock_after_a_kill(ledger: Ledger) -> None:
    command = [sys.executable, "-c", HOLD, str(ledger.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            began = time.monotonic()
            with pytest.raises(UserError, match="another cvae-sweep"), locked(ledger.folder):
                pass
            assert time.monotonic() - began < 2
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    with locked(ledger.folder):
        pass
    with locked(ledger.folder):
        pass
