"""What is said of a failure."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from orchestration.compare.loaded import load_sweep
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import Attempt, CheckpointRef, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.status.failures import goes_on, innermost, next_try, what_to_do
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.view import failure_lines
from orchestration.terminal.console import Console
from orchestration.terminal.printable import printable


def deep(depth: int) -> None:
    if depth:
        deep(depth - 1)
    raise ValueError("a\x1b[31m message")


def traceback_of(call: Callable[[], None]) -> str:
    try:
        call()
    except Exception:
        return traceback.format_exc()
    raise AssertionError


def test_the_innermost_frames_with_their_code() -> None:
    def chained() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            deep(5)

    text = traceback_of(chained)
    lines = innermost(text)
    assert len(lines) == 6
    assert all("test_failures.py:" in line and ", in deep" in line for line in lines[::2])
    assert lines[1::2] == ["    deep(depth - 1)"] * 2 + [
        '    raise ValueError("a\\x1b[31m message")'
    ]
    assert innermost("no traceback at all") == []
    assert any(line.endswith("in chained") for line in innermost(text, 100))


def test_rays_frames_are_left_out_and_paths_are_short() -> None:
    text = """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/ray/tune/trainable.py", line 331, in train
    result = self.step()
  File "/home/me/here/orchestration/engine/ray_tune.py", line 2, in step
    self._worker.step()
  File "/opt/v/lib/python3.11/site-packages/torch/nn/module.py", line 9, in forward
  File "/usr/lib/python3.11/site-packages/ray/_private/worker.py", line 1, in last
    x
ValueError: no
"""
    assert innermost(text) == [
        "orchestration/engine/ray_tune.py:2, in step",
        "    self._worker.step()",
        "torch/nn/module.py:9, in forward",
    ]


def lost(starts: list[int], epoch: int) -> Trial:
    attempts = [
        Attempt(number=n, from_epoch=start, began=0.0, outcome="lost")
        for n, start in enumerate(starts, start=1)
    ]
    refs = [CheckpointRef(epoch=epoch, path="checkpoints/a", sha256="", bytes=0)] if epoch else []
    return Trial(key="k", config={}, state="pending", attempts=attempts, checkpoints=refs)


@pytest.mark.parametrize(
    ("starts", "epoch", "expected"),
    [
        ([0], 12, "from epoch 12 (attempt 2 of 3)"),
        ([0, 0], 0, "from the beginning (attempt 3 of 3)"),
        ([0, 5], 7, "from epoch 7 (attempt 3 of 4)"),  # it got on: the count begins anew
        ([], 0, "from the beginning"),
    ],
)
def test_what_is_tried_again(starts: list[int], epoch: int, expected: str) -> None:
    trial = lost(starts, epoch)
    assert next_try({}, trial, 2) == f"it is tried again {expected}"
    first = goes_on({"kind": "worker lost", "message": "its node a is gone"}, trial)
    start = expected.partition(" (")[0]
    assert first == f"worker lost, and goes on {start}: its node a is gone"


def test_advice_is_that_of_the_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAE_SWEEP_STORAGE", str(tmp_path))
    config = {"learning_rate": 1e30, "beta": 0.5, "clip_norm": None}
    diverged = what_to_do({"kind": "loss not finite"}, config, tmp_path / "s", running=False)
    assert "learning_rate (now 1e+30) or beta (now 0.5), or set clip_norm: 1.0" in diverged
    clipped = config | {"clip_norm": 2.0}
    diverged = what_to_do({"kind": "loss not finite"}, clipped, tmp_path / "s", running=False)
    assert "lower clip_norm (now 2)" in diverged
    error = what_to_do({"kind": "error"}, config, tmp_path / "s", running=True)
    assert "the other trials go on" in error
    assert error.endswith("cvae-sweep retry s")
    error = what_to_do({"kind": "error"}, config, tmp_path / "a b" / "s", running=False)
    assert error.endswith(f"retry s --storage '{tmp_path}/a b'")
    huge = what_to_do({"kind": "too large"}, config, tmp_path / "s", running=False)
    assert "run the changed sweep file, or on a machine with more memory: " in huge


def test_an_error_is_shown_while_it_runs_and_by_status(
    local_sweep: Callable[..., Any], small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvae_core.evaluation.probes.part.evaluate", lambda *_: deep(4))
    sweep = local_sweep(grid={"beta": [0.5, 1.0]}, base={"epochs": 1})
    ledger, out = sweep.open(), StringIO()
    queue = sweep.queue(ledger)
    board = Board(ledger, 1, sweep.spec.evaluation)
    results = sweep.results(ledger, queue, PlainView(Console(out), board))
    InProcessEngine(Worker({"digits": small}, sweep.folder, threads=1, gpu=False)).work(
        queue, results
    )
    first = sweep.keys[0]
    path = sweep.folder / "logs" / f"{first}-a1-probe.txt"
    assert path.read_text().startswith("Traceback (most recent call last):")
    assert path.read_text().count("in deep") >= 4
    error = Ledger.open(sweep.folder).trials[first].evaluations["probe"].error
    assert error is not None
    assert error.log == f"logs/{first}-a1-probe.txt"
    lines = out.getvalue().splitlines()
    (at,) = [n for n, line in enumerate(lines) if first in line and "evaluation (probe)" in line]
    assert lines[at] == (
        f"{first}  vae β=0.5  evaluation (probe) failed: ValueError: a\\x1b[31m message"
    )
    shown = "\n".join(lines[at : at + 9])
    assert shown.count("in deep") == 3
    assert f"whole traceback: {path}" in shown
    assert "the other trials go on" in shown
    assert board.counts() == (0, 0, 2, 2)
    view = load_sweep("sweep", sweep.folder.parent)
    later = failure_lines(view.document, view.folder)
    assert list(map(printable, later[:8])) == lines[at : at + 8], "status says the same"
    assert "\x1b" not in out.getvalue()


def test_a_failed_training_has_its_log(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(base={"learning_rate": 1e30, "clip_norm": None})
    (trial,) = sweep.run().values()
    assert trial.error is not None
    assert trial.error.log == f"logs/{trial.key}-a1.txt"
    assert (sweep.folder / trial.error.log).read_text() == trial.error.traceback


def test_documents_without_the_new_field_are_read() -> None:
    trial = Trial.model_validate(
        {"key": "k", "config": {}, "error": {"kind": "error", "message": "m", "traceback": ""}}
    )
    assert trial.error is not None
    assert trial.error.log is None
