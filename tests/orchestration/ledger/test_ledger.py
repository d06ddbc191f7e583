"""The ledger survives a killed driver, and has one writer at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration import store
from orchestration.errors import StorageError, UserError
from orchestration.ledger.documents import (
    Attempt,
    CheckpointRef,
    Epoch,
    Evaluated,
    Study,
    Sweep,
    Trial,
    end_attempt,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import holder, locked
from orchestration.ledger.paths import HOLDER
from orchestration.ledger.recovery import damaged, mend, recover, remove_unfinished
from orchestration.run.end import end

STUDY = {
    "key": "s",
    "name": "vae",
    "fixed": {},
    "space": {},
    "sampler": "tpe",
    "seed": 0,
    "startup": 10,
    "trials": 4,
}
HOLD = """
import sys, time
from pathlib import Path
from orchestration.ledger.lock import locked
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


@pytest.mark.parametrize(
    ("state", "is_open", "is_trained"),
    [
        ("pending", True, False),
        ("running", True, False),
        ("finished", False, True),
        ("stopped", False, True),
        ("failed", False, False),
    ],
)
def test_a_trial_is_open_or_trained_or_has_failed(
    state: str, is_open: bool, is_trained: bool
) -> None:
    made = trial("a", state)
    assert (made.is_open, made.is_trained) == (is_open, is_trained)


def test_fields_of_another_version_are_kept(ledger: Ledger) -> None:
    ledger.save(Trial.model_validate({"key": "a", "config": {}, "novelty": [1]}))
    again = Ledger.open(ledger.folder)
    again.change("a", lambda t: setattr(t, "run_id", "r"))
    assert Ledger.open(ledger.folder).trials["a"].model_extra == {"novelty": [1]}


def test_planned_trials_stand_in_the_plans_order(ledger: Ledger) -> None:
    for key in ("a", "b", "left the plan"):
        ledger.save(trial(key, "pending"))
    assert [t.key for t in ledger.planned()] == ["b", "a"]


def test_of_a_sweep_that_was_not_begun_nothing_is_known_and_nothing_is_written(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.save(trial("a", "finished"))
    assert Ledger.open_or_empty(ledger.folder).trials.keys() == {"a"}
    empty = Ledger.open_or_empty(tmp_path / "other")
    assert (empty.sweep.name, empty.trials, empty.studies) == ("other", {}, {})
    assert (empty.planned(), empty.planned_studies(), empty.sweep.data) == ([], [], {})
    assert not empty.has_failures
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("kind", ["trials", "studies"])
def test_a_sweep_whose_own_document_is_gone_is_not_begun_anew(ledger: Ledger, kind: str) -> None:
    """It would be written over, trial by trial."""
    ledger.save(trial("a", "finished"))
    (ledger.folder / "trials").rename(ledger.folder / kind)
    (ledger.folder / "sweep.json").unlink()
    with pytest.raises(UserError, match=r"sweep.json: is missing, and there are trials beside it"):
        Ledger.open_or_empty(ledger.folder)


def test_recover_puts_running_trials_back_in_line(ledger: Ledger) -> None:
    for key, state in (("a", "running"), ("b", "finished"), ("c", "failed"), ("d", "pending")):
        ledger.save(trial(key, state))
    assert recover(Ledger.open(ledger.folder)) == ["a"]
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
    recover(ledger)
    left = [p.relative_to(ledger.folder) for p in ledger.folder.rglob("*") if p.is_file()]
    kept = {"sweep.json", "trials/a.json", "trials/a.json.previous", ref.path}
    assert {p.as_posix() for p in left} == kept


def test_what_lost_workers_leave_goes_at_the_end(ledger: Ledger) -> None:
    ref = CheckpointRef(epoch=1, path="checkpoints/a/a001-e00001.pt", sha256="0", bytes=1)
    for name in ("a001-e00001.pt", "a001-e00002.pt", ".a001-e00003.pt.12ab.part"):
        store.write_bytes(ledger.folder / "checkpoints" / "a" / name, b"x")
    half = ledger.folder / "artifacts" / "a" / "probe" / ".table.csv.12ab.part"
    store.write_bytes(half, b"x")
    driver = ledger.folder / "trials" / ".a.json.12ab.part"
    store.write_bytes(driver, b"the driver is writing this")
    ledger.save(trial("a", "finished", checkpoints=[ref]))
    remove_unfinished(ledger)
    files = [p for kind in ("checkpoints", "artifacts") for p in (ledger.folder / kind).rglob("*")]
    assert [p for p in files if p.is_file()] == [ledger.folder / ref.path]
    assert driver.exists()


@pytest.mark.parametrize("written", [True, False])
def test_a_checkpoint_stays_where_its_document_may_have_been_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    """Cut off by a second Ctrl-C, or by a disk that was full until something else made room."""
    refs = [
        CheckpointRef(epoch=n, path=f"checkpoints/a/a001-e0000{n}.pt", sha256="0", bytes=1)
        for n in (1, 2)
    ]
    for ref in refs:
        store.write_bytes(ledger.folder / ref.path, b"x")
    ledger.save(trial("a", "running", checkpoints=refs[:1]))
    write = store.write_document

    def cut_off(*arguments: Any, **options: Any) -> None:
        if written:
            write(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "write_document", cut_off)
        ledger.change("a", lambda t: setattr(t, "checkpoints", refs))
    remove_unfinished(ledger)
    ledger.change("a", lambda t: end_attempt(t, "interrupted", "pending"))
    there = Ledger.open(ledger.folder).trials["a"].checkpoints
    assert there == refs
    assert all((ledger.folder / ref.path).is_file() for ref in there)


def test_a_damaged_document_never_becomes_the_version_before(ledger: Ledger) -> None:
    ledger.save_sweep()
    path = ledger.folder / "sweep.json"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = Ledger.open(ledger.folder)
    assert mend(again.folder) == [path]
    assert mend(again.folder) == []
    again.save_sweep()
    assert not store.is_damaged(store.previous(path))


def test_a_checkpoint_is_intact_as_long_as_its_content_is_the_same(ledger: Ledger) -> None:
    ref = {"path": "checkpoints/a.pt", "sha256": hashlib.sha256(b"x").hexdigest()}
    assert not ledger.is_intact(ref)
    store.write_bytes(ledger.folder / "checkpoints/a.pt", b"x")
    assert ledger.is_intact(ref)
    store.write_bytes(ledger.folder / "checkpoints/a.pt", b"y")
    assert not ledger.is_intact(ref)


@pytest.mark.parametrize(("state", "kept"), [("finished", [2]), ("pending", [1, 2])])
def test_spares_stay_with_a_trial_that_is_to_go_on(
    ledger: Ledger, state: str, kept: list[int]
) -> None:
    """Another part, still under way, may have found the last checkpoint damaged."""
    refs = [
        CheckpointRef(epoch=n, path=f"checkpoints/a/{n}.pt", sha256="0", bytes=1, spare=n == 1)
        for n in (1, 2)
    ]
    ledger.save(trial("a", state, checkpoints=refs))
    ledger.note_evaluation("a", "probe", Evaluated(state="finished"))
    assert [ref.epoch for ref in ledger.trials["a"].checkpoints] == kept


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


def damage(path: Path, how: str) -> None:
    """As a bad disk does it, in place."""
    content = bytearray(path.read_bytes())
    if how == "torn":
        content = content[: len(content) // 2]
    elif how == "zeros":
        content = bytearray(len(content))
    else:
        content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))


HOW = pytest.mark.parametrize("how", ["torn", "flipped", "zeros"])


@HOW
@pytest.mark.parametrize("document", ["sweep", "trials/a", "studies/s"])
def test_of_a_damaged_document_the_version_before_is_used(
    ledger: Ledger, document: str, how: str
) -> None:
    study = Study.model_validate({name: [] for name in ("objectives",)} | STUDY)
    for state in ("pending", "finished"):
        ledger.sweep.outcome = "running" if state == "pending" else "finished"
        ledger.save_sweep()
        ledger.save(trial("a", state))
        study.end = None if state == "pending" else "complete"
        ledger.save_study(study)
    path = ledger.folder / f"{document}.json"
    damage(path, how)
    read = Ledger.open(ledger.folder)
    assert damaged(read.folder) == [path]
    older = (read.sweep.outcome, read.trials["a"].state, read.studies["s"].end)
    assert [old == new for old, new in zip(older, ("running", "pending", None), strict=True)] == [
        document.startswith(kind) for kind in ("sweep", "trials", "studies")
    ]
    recover(read)
    assert damaged(ledger.folder) == []
    # What follows is written as ever, the version that was put in its place kept beside it.
    read.save(trial("a", "failed"))
    damage(ledger.folder / "trials" / "a.json", how)
    state = Ledger.open(ledger.folder).trials["a"].state
    assert state == ("pending" if document == "trials/a" else "finished")


@HOW
def test_a_trial_of_which_both_versions_are_damaged_is_named(ledger: Ledger, how: str) -> None:
    for state in ("pending", "finished"):
        ledger.save(trial("a", state))
    path = ledger.folder / "trials" / "a.json"
    damage(path, how)
    damage(store.previous(path), how)
    with pytest.raises(UserError, match=r"(?s)a\.json.*damaged.*move it away.*from its beginning"):
        Ledger.open(ledger.folder)
    path.rename(ledger.folder / "elsewhere")
    assert Ledger.open(ledger.folder).trials == {}


def test_a_trial_can_be_continued_with_each_version_of_its_document(ledger: Ledger) -> None:
    def ref(epoch: int, *, spare: bool = False) -> CheckpointRef:
        name = f"checkpoints/a/a001-e{epoch:05d}.pt"
        if not (ledger.folder / name).exists():
            store.write_bytes(ledger.folder / name, b"x")
        return CheckpointRef(epoch=epoch, path=name, sha256="0", bytes=1, spare=spare)

    versions = [[], [ref(1)], [ref(1, spare=True), ref(2)], [ref(2, spare=True), ref(3)], [ref(3)]]
    for refs in versions:
        ledger.save(trial("a", "running", checkpoints=refs))
        path = ledger.folder / "trials" / "a.json"
        for version in (path, store.previous(path)):
            if version.exists():
                named = Trial.model_validate(store.read_document(version)).checkpoints
                assert not named or (ledger.folder / named[-1].path).exists()
    left = [path.name for path in (ledger.folder / "checkpoints").rglob("*.pt")]
    assert left == ["a001-e00003.pt"]


def test_recover_keeps_what_the_version_before_would_need(ledger: Ledger) -> None:
    refs = []
    for epoch in (1, 2):
        name = f"checkpoints/a/a00{epoch}-e00001.pt"
        store.write_bytes(ledger.folder / name, b"x")
        refs.append(CheckpointRef(epoch=epoch, path=name, sha256="0", bytes=1))
        ledger.save(trial("a", "running", checkpoints=refs[-1:]))
    recover(Ledger.open(ledger.folder))
    assert (ledger.folder / refs[1].path).exists()
    damage(ledger.folder / "trials" / "a.json", "torn")
    again = Ledger.open(ledger.folder)
    assert (again.folder / again.trials["a"].checkpoints[0].path).exists()


def test_who_holds_the_lock_is_told(ledger: Ledger) -> None:
    command = [sys.executable, "-c", HOLD, str(ledger.folder), "http://me:secret@host/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(UserError) as caught, locked(ledger.folder):
                pass
            (said,) = caught.value.lines
            assert f"process {other.pid} on {socket.gethostname()}, since " in said
            assert "http://host/" in said
            assert "secret" not in said
            assert "cvae-sweep stop s" in said
            held = holder(ledger.folder)
            assert held is not None
            assert held.pid == other.pid
            shutil.copytree(ledger.folder, ledger.folder.with_name("copy"))
            assert holder(ledger.folder.with_name("copy")) is None
        finally:
            other.send_signal(signal.SIGKILL)
            other.wait()
    assert (ledger.folder / HOLDER).exists()
    assert holder(ledger.folder) is None, "who is dead holds nothing"
    with locked(ledger.folder):
        now = holder(ledger.folder)
        assert now is not None
        assert now.pid == os.getpid()
    assert not (ledger.folder / HOLDER).exists()


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


def test_what_could_not_be_written_is_written_at_the_end(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a trial would be called finished whose document says that it is running."""
    for key in ("a", "b"):
        ledger.save(trial(key, "running"))

    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_document", full)
        with pytest.raises(StorageError):
            ledger.change("a", lambda t: setattr(t, "state", "finished"))
        with pytest.raises(StorageError):
            end(ledger)
    end(ledger)
    states = {key: each.state for key, each in Ledger.open(ledger.folder).trials.items()}
    assert states == {"a": "finished", "b": "pending"}
