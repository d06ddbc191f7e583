"""What a command says that it is about to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.ledger.documents import CheckpointRef, Epoch, Evaluated, Trial
from orchestration.ledger.draft import Draft
from orchestration.ledger.ledger import Ledger
from orchestration.plan.shared_map_tasks import shared_tasks
from orchestration.run.left_to_do import in_words, is_complete
from orchestration.run.request import Request
from orchestration.run.start import enter_plan
from orchestration.status.live.board import Board
from orchestration.status.state import counts_in
from orchestration.study.progress import to_come_in

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


def train(trial: Trial) -> None:
    """As if it had been trained."""
    trial.state = "finished"
    metrics = {"val/reconstruction": 1.0}
    trial.epochs = [Epoch(epoch=1, metrics=metrics, images_per_s=1.0, epoch_s=1.0, at=1.0)]


def test_replicates_may_be_added_to_a_search_that_has_ended(
    local_sweep: Callable[..., Any],
) -> None:
    def sweep(replicates: int) -> Any:
        search = {**SEARCH, "trials": 2, "replicates": replicates}
        return local_sweep(search=search, base={"epochs": 1}, evaluation={"probe": False})

    def work_off(replicates: int) -> Ledger:
        ledger = sweep(replicates).open()
        queue = sweep(replicates).queue(ledger)
        while (job := queue.next()) is not None:
            ledger.change(job.key, train)
            queue.ended(job)
        return ledger

    def is_left(replicates: int) -> tuple[bool, int]:
        ledger, there = sweep(replicates).open(), sweep(replicates)
        request = Request(there.spec, Path(), "")
        return not is_complete(request, ledger), to_come_in(ledger)

    work_off(0)
    assert [is_left(replicates) for replicates in (0, 2)] == [(False, 0), (True, 2)]
    assert len(work_off(2).planned()) == 4
    assert [is_left(replicates) for replicates in (2, 3)] == [(False, 0), (True, 1)]
    for replicates in (1, 0):  # nothing more is trained, and the others leave the search
        assert is_left(replicates) == (True, 0)
        assert len(work_off(replicates).planned()) == 2 + replicates
        assert is_left(replicates) == (False, 0)


def test_a_map_of_all_trials_is_that_of_the_plan_in_force(local_sweep: Callable[..., Any]) -> None:
    evaluation = {"probe": False, "umap": {"shared": True}}

    def sweep(beta: list[float]) -> Any:
        return local_sweep(grid={"beta": beta}, evaluation=evaluation)

    wide, narrow = sweep([0.1, 0.2, 0.3]), sweep([0.1, 0.2])
    ledger, settings = wide.open(), wide.spec.evaluation.wanted()["umap"]
    for key, config in wide.plan.trials.items():
        last = CheckpointRef(epoch=3, path=f"checkpoints/{key}/e3.pt", sha256=key, bytes=1)
        own = {"umap": Evaluated(state="finished", settings=settings)}
        found = {"state": "finished", "checkpoints": [last], "evaluations": own}
        ledger.save(Trial(key=key, config=config.to_settings(), **found))
    (task,) = shared_tasks(ledger, wide.spec.evaluation)
    done = Evaluated(state="finished", settings=task.settings)
    ledger.note_evaluation("", task.entry, done)
    for there, complete in ((wide, True), (narrow, False)):
        request, draft = Request(there.spec, there.folder, ""), Draft.of(ledger)
        enter_plan(draft, request, there.plan, {})
        assert is_complete(request, draft) is complete
