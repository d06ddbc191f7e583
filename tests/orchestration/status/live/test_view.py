"""What both ways to show a sweep at work say alike: of the map of all trials, and of notes."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from orchestration.engine.jobs import SharedMapJob
from orchestration.engine.reports import AbsentReport, EpochReport, EvaluationReport
from orchestration.ledger.documents import Epoch, Failure
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.live.table_view import TableView
from orchestration.status.live.view import View
from orchestration.terminal.console import Console

JOB = SharedMapJob("umap", "shared_umap", {"split": "test"}, [{"key": "a"}, {"key": "b"}])


VIEWS = [PlainView, lambda console, board: TableView(console, board, "small")]


@pytest.fixture(params=VIEWS)
def shown(request: Any, local_sweep: Callable[..., Any]) -> tuple[View, Callable[[], list[str]]]:
    """A view, and the lines that it has printed."""
    sweep, out = local_sweep(), StringIO()
    view = request.param(Console(out), Board(sweep.open(), 1, sweep.spec.evaluation))
    return view, lambda: out.getvalue().splitlines()


def test_a_map_is_drawn(shown: Any) -> None:
    view, lines = shown
    view.map_started(JOB)
    view.map_drawn(JOB, EvaluationReport(seconds=61.0, notes=["N is 60", "N is 60"]))
    assert lines() == [
        "shared_umap of 2 trials begins",
        "shared_umap of 2 trials: done in 1:01",
        "shared_umap: N is 60",
    ]


def test_a_map_cannot_be_had(shown: Any) -> None:
    view, lines = shown
    view.map_absent(JOB, AbsentReport("umap is not installed"))
    assert lines() == ["shared_umap is left out: umap is not installed"]


def test_a_map_fails_and_is_tried_again(shown: Any) -> None:
    view, lines = shown
    view.map_failed(JOB, Failure(kind="worker lost", message="killed", again_s=2.0))
    view.map_failed(JOB, Failure(kind="worker lost", message="killed"))
    assert lines() == [
        "shared_umap of 2 trials: worker lost, and is tried again: killed",
        "    it is tried again in 2 s",
        "shared_umap of 2 trials failed: worker lost: killed",
    ]


@pytest.mark.parametrize("make", VIEWS)
def test_a_note_is_said_once_of_each_trial_whenever_it_arises(
    local_sweep: Callable[..., Any], make: Callable[..., View]
) -> None:
    sweep, out = local_sweep(grid={"beta": [0.1, 1.0]}, base={"epochs": 7}), StringIO()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    view = make(Console(out), Board(ledger, 1, sweep.spec.evaluation))
    early, late = "checkpoint of epoch 1 was not used", "no early stopping: a/b is not measured"
    for job in (queue.next(), queue.next()):
        queue.begun(job)
        trial = ledger.trials[job.key]
        for number in range(1, 7):
            epoch = Epoch(epoch=number, metrics={}, images_per_s=1.0, epoch_s=1.0, at=0.0)
            trial.epochs = [*trial.epochs, epoch]
            notes = [early] if number < 5 else [early, late]
            report = EpochReport(final=False, epoch=epoch.model_dump(), notes=notes)
            view.epoch_ended(job, report, trial)
    told = [line for line in out.getvalue().splitlines() if line.endswith((early, late))]
    assert [line.split()[0] for line in told] == [key for key in sweep.keys for _ in range(2)]
    assert [line.endswith(late) for line in told] == [False, True] * 2
