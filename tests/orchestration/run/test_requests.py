"""Files that ask for something: where the system cannot say whether one is there, none asks."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.ledger.documents import Trial
from orchestration.ledger.paths import CHECKPOINT_NOW, LEFT_PACK, STOP
from orchestration.run import stop

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]


def refuse(patch: pytest.MonkeyPatch, name: str, code: int, times: int = 1000) -> list[str]:
    """Refuse so often to say of what has this name in its path whether it is there; each time."""
    stat, refused = os.stat, list[str]()

    def refusing(path: Any, *args: Any, **named: Any) -> os.stat_result:
        if name in str(path) and len(refused) < times:
            refused.append(str(path))
            raise OSError(code, os.strerror(code))
        return stat(path, *args, **named)

    patch.setattr(os, "stat", refusing)
    return refused


def are_trained(trials: dict[str, Trial]) -> bool:
    return all((t.state, len(t.attempts)) == ("finished", 1) for t in trials.values())


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES])
def test_no_trial_fails_because_nobody_knows_of_a_request(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    sweep = local_sweep(checkpoints={"min_interval_s": 1e6}, evaluation={"probe": False})
    with monkeypatch.context() as patch:
        refused = refuse(patch, CHECKPOINT_NOW, code)
        trials = sweep.run()
    assert refused
    assert are_trained(trials)


def test_nor_does_any_of_a_pack(local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, resources = {"beta": [0.1, 0.2]}, {"gpu": 1, "pack": 2}
    sweep = local_sweep(grid=grid, resources=resources, evaluation={"probe": False})
    with monkeypatch.context() as patch:
        refused = refuse(patch, f"{LEFT_PACK}/", errno.EIO)
        trials = sweep.run()
    assert len(trials) == 2
    assert refused
    assert are_trained(trials)


def test_a_request_to_stop_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    monkeypatch.setattr(stop, "EVERY_S", 0.01)
    (tmp_path / STOP).touch()
    try:
        with monkeypatch.context() as patch:
            refused = refuse(patch, STOP, errno.EIO, times=2)
            with stop.stoppable(tmp_path, print):
                assert stopped.wait(10.0)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(refused) == 2
    assert not (tmp_path / STOP).exists()
