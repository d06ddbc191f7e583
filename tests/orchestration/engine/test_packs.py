"""Sweeps whose trials are trained at once: packs need no GPU, only a sweep file asks for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration import store
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.job_searcher import JobSearcher
from orchestration.engine.jobs import Assignment, PackJob, TrainJob
from orchestration.engine.placement import Placement
from orchestration.engine.queue import Queue
from orchestration.engine.ray_cluster import Cluster
from orchestration.engine.reports import (
    FailureReport,
    PackReport,
    Report,
    report_from_json,
    report_to_json,
)
from orchestration.engine.retries import LOST, OUT_OF_MEMORY
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import DIVERGED, Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import LEFT_PACK

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]
PACK = {"gpu": 1, "pack": 3}
BRIEF = {"learning_rate": 1e-4, "epochs": 2}
GRID = {"model": ["vae", "cvae"], "beta": [1e-3, 1e-2]}
VAES = {"beta": [1e-3, 1e-2, 1e-1]}


def metrics(trials: dict[str, Trial]) -> dict[str, Any]:
    return {key: [epoch.metrics for epoch in trial.epochs] for key, trial in trials.items()}


class Noting(Worker):
    """A worker that notes what it was handed, and whose reports pass as they do with Ray."""

    def __init__(self, *given: Any, after: Callable[[Report], None] = lambda _: None) -> None:
        super().__init__(*given, threads=1, gpu=False)
        self.handed: list[list[str]] = []
        self._after = after

    def start(self, job: Assignment) -> None:
        self.handed.append([own.key for own in job.jobs] if isinstance(job, PackJob) else [])
        super().start(job)

    def step(self) -> Report:
        report = report_from_json(report_to_json(super().step()))
        self._after(report)
        return report


def work(sweep: Any, small: Any, stop_after: int | None = None) -> Noting:
    """Run or continue; after so many epochs of a pack everything is told to stop."""
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1)
    results = sweep.results(ledger, queue)
    epochs = 0

    def after(report: Report) -> None:
        nonlocal epochs
        epochs += isinstance(report, PackReport)
        if epochs == stop_after:
            results.stopping = queue.closed = True

    worker = Noting({"digits": small}, sweep.folder, after=after)
    InProcessEngine(worker).work(queue, results)
    return worker


def trials_of(sweep: Any) -> dict[str, Trial]:
    return Ledger.open(sweep.folder).trials


def test_trials_of_one_shape_are_trained_at_once(local_sweep: LocalSweep, small: Any) -> None:
    sections: dict[str, Any] = {"grid": GRID, "base": BRIEF}
    sweep = local_sweep("packed", resources=PACK, baselines=["pca"], **sections)
    worker = work(sweep, small)
    trials = trials_of(sweep)
    packs = [keys for keys in worker.handed if keys]
    assert [len(keys) for keys in packs] == [2, 2]
    for keys in packs:
        assert len({trials[key].config["model"] for key in keys}) == 1
    by_setting = {}
    for trial in trials.values():
        assert (trial.state, len(trial.attempts)) == ("finished", 1)
        assert trial.evaluations["probe"].state == "finished"
        assert (sweep.folder / trial.checkpoints[0].path).is_file()
        assert trial.config["packed"] == (trial.config["model"] != "pca")
        by_setting[trial.config["model"], trial.config["beta"]] = trial
    alone = local_sweep("alone", **sections)
    for key, trial in alone.run().items():
        other = by_setting[trial.config["model"], trial.config["beta"]]
        assert other.key != key, "numbers that differ by rounding are another trial's"
        for mine, theirs in zip(other.epochs, trial.epochs, strict=True):
            assert mine.metrics == pytest.approx(theirs.metrics, rel=5e-3, abs=1e-8)


def test_what_cannot_be_packed_is_trained_alone(local_sweep: LocalSweep, small: Any) -> None:
    grid = {"architecture.norm": ["none", "batch"], "beta": [0.1, 0.2]}
    sweep = local_sweep(grid=grid, resources=PACK, base={"epochs": 1})
    worker = work(sweep, small)
    trials = trials_of(sweep)
    (pack,) = [keys for keys in worker.handed if keys]
    assert len(pack) == 2
    for key, trial in trials.items():
        assert trial.state == "finished"
        assert trial.config["packed"] == (key in pack)
        assert trial.config["packed"] == (trial.config["architecture"]["norm"] == "none")


def test_interrupted_a_pack_goes_on_from_each_trials_checkpoint(
    local_sweep: LocalSweep, small: Any
) -> None:
    sections: dict[str, Any] = {"grid": VAES, "resources": PACK}
    whole, sweep = local_sweep("whole", **sections), local_sweep("interrupted", **sections)
    work(whole, small)
    work(sweep, small, stop_after=2)
    for trial in trials_of(sweep).values():
        assert (trial.state, trial.epoch) == ("pending", 2)
        assert trial.attempts[-1].outcome == "interrupted"
    work(sweep, small)
    trials = trials_of(sweep)
    assert metrics(trials) == metrics(trials_of(whole))
    assert {trial.attempts[-1].from_epoch for trial in trials.values()} == {2}


def test_the_failure_of_one_is_its_own(local_sweep: LocalSweep, small: Any) -> None:
    grid = {"learning_rate": [1e-3, 1e4, 1e-4]}
    sweep = local_sweep(grid=grid, resources=PACK)
    worker = work(sweep, small)
    by_rate = {trial.config["learning_rate"]: trial for trial in trials_of(sweep).values()}
    assert [by_rate[rate].state for rate in (1e-3, 1e4, 1e-4)] == ["finished", "failed", "finished"]
    error = by_rate[1e4].error
    assert error is not None
    assert error.kind == DIVERGED
    assert "epoch 1" in error.message
    assert len([keys for keys in worker.handed if keys]) == 1


def test_one_that_a_scheduler_stops_leaves(local_sweep: LocalSweep, small: Any) -> None:
    scheduler = {"name": "asha", "metric": "val/reconstruction", "grace_epochs": 1, "reduction": 2}
    grid = {"learning_rate": [1e-5, 3e-3, 1e-3, 1e-4]}
    sweep = local_sweep(
        grid=grid,
        base={"epochs": 4},
        scheduler=scheduler,
        resources=PACK | {"pack": 4},
        checkpoints={"min_interval_s": 0, "keep": "all", "every_epochs": 1},
    )
    seen: list[set[str]] = []

    def after(report: Report) -> None:
        if isinstance(report, PackReport):
            seen.append(set(report.reports))

    ledger = sweep.open()
    queue = sweep.queue(ledger)
    worker = Noting({"digits": small}, sweep.folder, after=after)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue))
    trials = trials_of(sweep)
    stopped = {key: trial for key, trial in trials.items() if trial.state == "stopped"}
    assert 0 < len(stopped) < 4
    assert [keys for keys in worker.handed if keys] == [list(worker.handed[0])]
    for key, trial in stopped.items():
        assert trial.epoch < 4
        assert [key in keys for keys in seen] == [epoch < trial.epoch for epoch in range(4)]
        files = sorted((sweep.folder / "checkpoints" / key).iterdir())
        assert files[-1].name.endswith(f"e{trial.epoch:05d}.pt")
    assert len(list((sweep.folder / LEFT_PACK).iterdir())) == len(stopped)


def take(queue: Queue) -> PackJob:
    job = queue.next()
    assert isinstance(job, PackJob)
    for own in job.jobs:
        queue.begun(own)
    return job


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    """Documents take their time to be written."""
    write = store.write_document

    def writing(*given: Any, **named: Any) -> None:
        clock.sleep(0.03)
        write(*given, **named)

    monkeypatch.setattr(store, "write_document", writing)


@pytest.mark.usefixtures("slow_disk")
def test_a_lost_worker_is_lost_to_each_and_they_come_again_together(
    local_sweep: LocalSweep, clock: Any, tmp_path: Path
) -> None:
    sweep = local_sweep(grid=VAES, resources=PACK, retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    results = sweep.results(ledger, queue)
    cluster = Cluster(1, local=True, nodes=None)
    searcher = JobSearcher(queue, results, cluster, Placement(None), tmp_path)
    for name in ("one", "two"):
        job = searcher.suggest(name)["job"].job()
        assert isinstance(job, PackJob)
        assert {own.key for own in job.jobs} == set(sweep.keys)
        assert searcher.suggest("there is but one place") is None
        searcher.begun(name)
        assert {trial.state for trial in ledger.trials.values()} == {"running"}
        searcher.on_trial_complete(name, error=True)
        searcher.explain(SimpleNamespace(trial_id=name, error_file=None))
        searcher.suggest("what was lost is entered")
        clock.sleep(queue.pause or 0.0)  # until the first of them is due
    for trial in Ledger.open(sweep.folder).trials.values():
        assert trial.state == "failed"
        assert [attempt.outcome for attempt in trial.attempts] == ["lost", "lost"]
        assert trial.error is not None
        assert trial.error.kind == LOST
    assert queue.done


@pytest.mark.usefixtures("slow_disk")
def test_they_wait_as_long_as_the_one_that_waits_longest(
    local_sweep: LocalSweep, clock: Any
) -> None:
    sweep = local_sweep(grid=VAES, resources=PACK, retries=9)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    results = sweep.results(ledger, queue)
    job = take(queue)
    first = ledger.trials[job.jobs[0].key]
    for number in (2, 3):  # it was lost by itself before
        first.attempts.insert(0, first.attempts[0].model_copy(update={"outcome": "lost"}))
        first.attempts[-1].number = number
    results.lost(job, Failure(kind=LOST, message="killed"))
    assert queue.pause == pytest.approx(4.0, abs=0.1)
    clock.sleep(queue.pause)
    assert {own.key for own in take(queue).jobs} == set(sweep.keys)


@pytest.mark.usefixtures("slow_disk")
@pytest.mark.parametrize("reported", [True, False])
def test_half_packs_come_again_together(
    local_sweep: LocalSweep, clock: Any, *, reported: bool
) -> None:
    grid = {"beta": [0.1, 0.2, 0.3, 0.4]}
    sweep = local_sweep(grid=grid, resources=PACK | {"pack": 4})
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    results = sweep.results(ledger, queue)
    job = take(queue)
    if reported:
        failure = FailureReport(OUT_OF_MEMORY, "no more", traceback="", worker={})
        results.report(job, PackReport({own.key: failure for own in job.jobs}))
    else:
        results.lost(job, Failure(kind=OUT_OF_MEMORY, message="no more"))
    clock.sleep(queue.pause)
    assert len(take(queue).jobs) == 2


def test_out_of_memory_packs_are_half_as_large(local_sweep: LocalSweep, clock: Any) -> None:
    grid = {"beta": [0.1, 0.2, 0.3, 0.4, 0.5]}
    sweep = local_sweep(grid=grid, resources=PACK | {"pack": 4}, retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    results = sweep.results(ledger, queue)
    sizes = []
    for _ in range(3):
        job = take(queue)
        sizes.append(len(job.jobs))
        results.lost(job, Failure(kind=OUT_OF_MEMORY, message="no more"))
        clock.sleep(60.0)
    assert sizes == [4, 2, 1]
    lost = [trial for trial in ledger.trials.values() if trial.attempts]
    assert {trial.state for trial in lost} == {"pending"}
    # What is lost in a pack does not count, what is lost alone does.
    counted = [[attempt.counted for attempt in trial.attempts] for trial in lost]
    assert counted.count([False, False, True]) == 1
    assert len(take(queue).jobs) == 1


def test_out_of_memory_alone_packs_stay_as_they_are(local_sweep: LocalSweep, clock: Any) -> None:
    grid = {"architecture.norm": ["batch", "none"], "beta": [0.1, 0.2, 0.3]}
    sweep = local_sweep(grid=grid, resources=PACK)
    queue = sweep.queue(sweep.open(), slots=1, clock=clock)
    alone = queue.next()
    assert isinstance(alone, TrainJob)
    queue.begun(alone)
    queue.lost(alone, Failure(kind=OUT_OF_MEMORY, message="no more"))
    for _ in range(2):
        other = queue.next()
        assert isinstance(other, TrainJob)
        queue.begun(other)
        queue.lost(other, Failure(kind=OUT_OF_MEMORY, message="no more"))
    job = queue.next()
    assert isinstance(job, PackJob)
    assert len(job.jobs) == 3


def test_a_pack_takes_one_place_and_what_waits_is_shared_out(local_sweep: LocalSweep) -> None:
    grid = {"beta": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
    sweep = local_sweep(grid=grid, resources=PACK | {"pack": 5})
    queue = sweep.queue(sweep.open(), slots=2)
    first, second = queue.next(), queue.next()
    assert [len(job.jobs) for job in (first, second) if isinstance(job, PackJob)] == [3, 3]
    assert queue.next() is None
    assert first is not None
    queue.put_back(first)
    assert queue.next() == first


def test_without_packs_jobs_are_as_before(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=VAES)
    assert isinstance(sweep.queue(sweep.open()).next(), TrainJob)
