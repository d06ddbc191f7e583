"""What a command says that it is about to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.run.left_to_do import in_words
from orchestration.run.request import Request
from orchestration.status.live.board import Board
from orchestration.status.state import counts_in

SEARCH = {
    "trials": 4,
    "replicates": 2,
    "space": {"beta": {"log": [1e-6, 1e-1]}},
    "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
}


def test_one_number_of_trials_whoever_counts(local_sweep: Callable[..., Any]) -> None:
    """The first line, the table and the last line of a search with replicates, one failed trial."""
    sweep = local_sweep(search=SEARCH, grid={"model": ["vae", "cvae"]}, base={"epochs": 1})
    ledger = sweep.open()
    request = Request(sweep.spec, Path(), "")

    def numbers() -> set[int]:
        board = Board(ledger, 1, sweep.spec.evaluation)
        first = in_words(request, sweep.plan, ledger)
        assert first.endswith(" trials in 2 studies, replicates included")
        return {int(first.split()[0]), board.counts()[-1], sum(counts_in(ledger).values())}

    assert numbers() == {12}
    queue = sweep.queue(ledger)
    job = queue.next()
    ledger.change(job.key, lambda trial: setattr(trial, "state", "failed"))
    queue.ended(job)
    assert numbers() == {13}, "another one is asked for instead of it"
    while (job := queue.next()) is not None:
        ledger.change(job.key, lambda trial: setattr(trial, "state", "failed"))
        queue.ended(job)
    assert numbers() == {40}, "studies that were given up repeat nothing"
