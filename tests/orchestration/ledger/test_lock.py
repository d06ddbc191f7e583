"""Who holds a sweep's folder, and what becomes of one in which no sweep has begun."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from orchestration.commands import program
from orchestration.errors import UserError
from orchestration.ledger.folders import sweep_folder
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import holder, locked, made_and_locked
from orchestration.ledger.paths import STOP
from orchestration.run.stop import stop_requested


def test_nothing_is_left_where_no_sweep_comes_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "of" / "mine" / "small"
    with pytest.raises(UserError, match="wrong"), made_and_locked(folder):
        (folder / "logs").mkdir()
        (folder / "logs" / "ray.log").touch()
        (folder / STOP).touch()
        raise UserError("wrong")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_where_locks_are_refused_nothing_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As by Lustre that is mounted without `flock`, and by NFSv3 whose server has no `lockd`."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    folder = tmp_path / "runs" / "small"
    said = rf"its file system refuses locks \({os.strerror(number)}\).*--storage"
    with pytest.raises(UserError, match=said), made_and_locked(folder):
        pytest.fail("it began")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["small/notes.txt", "other.txt"])
def test_what_somebody_else_has_put_there_stays(tmp_path: Path, place: str) -> None:
    storage = tmp_path / "runs"
    with made_and_locked(storage / "small"):
        (storage / place).write_text("of somebody else")
    assert (storage / place).read_text() == "of somebody else"
    left = [path for path in storage.rglob("*") if path.is_file()]
    assert left == [storage / place]


def test_a_sweep_that_has_begun_stays(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "small"
    with made_and_locked(folder):
        (folder / "sweep.json").touch()
        assert Ledger.exists(folder)
    assert (folder / "sweep.json").exists()


def test_a_request_to_stop_is_for_who_holds_the_lock(tmp_path: Path) -> None:
    (tmp_path / STOP).touch()
    with locked(tmp_path):
        assert not stop_requested(tmp_path), "it was meant for another"
        (tmp_path / STOP).touch()
        assert stop_requested(tmp_path)
    assert not stop_requested(tmp_path), "it came too late"


def test_one_under_which_ray_died_is_meant_still(
    tmp_path: Path,
) -> None:
    (tmp_path / STOP).touch()
    with locked(tmp_path, keep_request=True):
        assert stop_requested(tmp_path)


def test_a_sweep_that_is_being_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["cvae-sweep", "run", "small.yaml"])
    with made_and_locked(tmp_path / "small"):
        told = f"is being prepared by {holder(tmp_path / 'small')}"
        with pytest.raises(UserError) as raised:
            sweep_folder("small", tmp_path)
        assert told in str(raised.value)
        assert f"`{program('cvae-sweep', from_here=False)} run small.yaml`" in told
        assert sweep_folder("small", tmp_path, begun=False) == tmp_path / "small"
        with pytest.raises(UserError, match="there is no sweep 'other'"):
            sweep_folder("other", tmp_path, begun=False)
    with pytest.raises(UserError, match="there is no sweep 'small'"):
        sweep_folder("small", tmp_path, begun=False)
