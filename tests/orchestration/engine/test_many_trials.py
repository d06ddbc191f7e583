"""What a trial costs the driver does not grow with the trials there are: counted, not timed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from io import StringIO
from types import FrameType
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import EvaluateJob, Job
from orchestration.engine.reports import EpochReport, Report
from orchestration.ledger.ledger import Ledger
from orchestration.status.live import view
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.terminal.console import Console

EPOCHS = 2
LEAST = 1.0
"""Fewer instructions than it takes to look at one other trial."""
ONCE = 3
"""So often all may be listed in a whole sweep: at its end."""


class InNoTime:
    """In place of a worker: says what one would, and trains nothing."""

    def start(self, job: Job) -> None:
        self._job, self._epoch = job, 0

    def step(self) -> Report:
        self._epoch += 1
        losses = {"train/loss": 0.5, "val/loss": 0.5}
        record = {"epoch": self._epoch, "metrics": losses, "images_per_s": 1.0, "epoch_s": 1.0}
        path = f"checkpoints/{self._job.key}/a001-e{self._epoch:05d}.pt"
        return EpochReport(
            final=self._epoch == EPOCHS,
            epoch=record | {"at": time.time()},
            checkpoint={"epoch": self._epoch, "path": path, "sha256": "0", "bytes": 10},
        )


def instructions(call: Callable[[], object]) -> int:
    """How many instructions of Python's a call takes."""
    done = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal done
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        done += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return done


@pytest.mark.slow
def test_no_event_has_all_trials_looked_at(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # That is said in seconds, however many events they have.
    monkeypatch.setattr(view, "SWEEP_LEFT_S", 1e9)
    listed = 0
    planned_keys = Ledger.planned_keys

    def counted(ledger: Ledger) -> list[str]:
        nonlocal listed
        listed += 1
        return planned_keys(ledger)

    monkeypatch.setattr(Ledger, "planned_keys", counted)

    def work(trials: int) -> int:
        nonlocal listed
        sweep = local_sweep(
            f"{trials}",
            seeds=list(range(trials)),
            base={"epochs": EPOCHS},
            evaluation={"probe": False},
            checkpoints={"min_interval_s": 0, "max_gb": 1},
        )
        ledger = sweep.open()
        queue = sweep.queue(ledger)
        shown = PlainView(Console(StringIO()), Board(ledger, 1, sweep.spec.evaluation))
        results = sweep.results(ledger, queue, shown)
        engine = InProcessEngine(InNoTime())  # type: ignore[arg-type]
        listed = 0
        taken = instructions(lambda: engine.work(queue, results))
        assert listed <= ONCE, "all keys are listed again and again, by no instruction of Python's"
        assert {trial.state for trial in ledger.trials.values()} == {"finished"}
        return taken

    work(2)  # what is done once is done
    few, more, most = (work(trials) for trials in (10, 20, 30))
    # Of a + b n + c n² that is 2 · 10² c; where each trial has every other one looked at, c is
    # the instructions that takes.
    each = (most - 2 * more + few) / (2 * 10**2)
    assert abs(each) < LEAST, f"{each:.2f} instructions for each other trial: {few, more, most}"


def test_what_waits_is_passed_over_without_its_settings_being_read_again(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the first has prepared what all share, the others wait: on a cluster thousands."""
    trials = 12
    sweep = local_sweep(seeds=list(range(trials)), evaluation={"probe": True, "fd": True})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    for key in sweep.keys:
        ledger.change(key, lambda trial: setattr(trial, "state", "finished"))
    queue = sweep.queue(ledger)
    read = 0
    from_settings = TrialConfig.from_settings

    def counted(settings: Any) -> TrialConfig:
        nonlocal read
        read += 1
        return from_settings(settings)

    monkeypatch.setattr(TrialConfig, "from_settings", counted)
    jobs = []
    while (job := queue.next()) is not None:
        assert isinstance(job, EvaluateJob)
        jobs.append(job.part)
        read -= 1  # for its label
    assert sorted(jobs) == ["fd", *["probe"] * trials]
    assert queue.next() is None
    assert read <= trials
