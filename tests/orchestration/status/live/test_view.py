"""What both ways to show a sweep at work say of the map of all trials."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from orchestration.engine.jobs import SharedMapJob
from orchestration.engine.reports import AbsentReport, EvaluationReport
from orchestration.ledger.documents import Failure
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.live.table_view import TableView
from orchestration.status.live.view import View
from orchestration.terminal.console import Console

JOB = SharedMapJob("umap", "shared_umap", {"split": "test"}, [{"key": "a"}, {"key": "b"}])


@pytest.fixture(params=[PlainView, lambda console, board: TableView(console, board, "small")])
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
