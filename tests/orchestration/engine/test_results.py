"""Every report is written down before anything follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestration import store
from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import EpochReport, ProgressReport
from orchestration.engine.results import Results
from orchestration.errors import StorageError
from orchestration.ledger.documents import Evaluated, Failure, Trial
from orchestration.ledger.ledger import Ledger

LocalSweep = Callable[..., Any]


def epoch_report(sweep: Any, job: TrainJob, epoch: int, *, final: bool = False) -> EpochReport:
    path = f"checkpoints/{job.key}/a{job.attempt:03d}-e{epoch:05d}.pt"
    store.write_bytes(sweep.folder / path, b"weights")
    return EpochReport(
        final=final,
        epoch={
            "epoch": epoch,
            "metrics": {"val/loss": 1 / epoch},
            "images_per_s": 1.0,
            "epoch_s": 0.5,
            "at": 1.0,
        },
        checkpoint={"epoch": epoch, "path": path, "sha256": "0", "bytes": 7},
        worker={"pid": 1},
    )


def begin(sweep: Any) -> tuple[Ledger, Queue, Results, TrainJob]:
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    results = sweep.results(ledger, queue)
    job = queue.next()
    results.begun(job)
    return ledger, queue, results, job


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, [7]),
        ({"every_epochs": 2}, [2, 4, 6, 7]),
        ({"every_epochs": 2, "keep": 2}, [4, 6, 7]),
        ({"every_epochs": 1, "keep": 2}, [6, 7]),
        ({"every_epochs": 1, "keep": 1}, [7]),
        ({"every_epochs": 7, "keep": 1}, [7]),
        ({"every_epochs": 5, "keep": "all"}, [5, 7]),
    ],
)
def test_only_superfluous_checkpoints_are_removed(
    local_sweep: LocalSweep, settings: dict[str, Any], kept: list[int]
) -> None:
    sweep = local_sweep(checkpoints=settings, base={"epochs": 7})
    ledger, _, results, job = begin(sweep)
    for epoch in range(1, 8):
        assert results.report(job, epoch_report(sweep, job, epoch, final=epoch == 7)) == (
            epoch == 7
        )
        refs = Ledger.open(sweep.folder).trials[job.key].checkpoints
        files = sorted((sweep.folder / "checkpoints").rglob("*.pt"))
        # What is named is there, and what is there is named.
        assert sorted(sweep.folder / ref.path for ref in refs) == files
        assert refs[-1].epoch == epoch
    assert [ref.epoch for ref in refs if not ref.spare] == kept
    assert {ref.epoch for ref in refs} == {*kept, 6}, "for the case that the last one is damaged"
    ledger.note_evaluation(job.key, "probe@4", Evaluated(state="finished"))
    ledger.note_evaluation(job.key, "probe", Evaluated(state="failed"))
    assert len(files) == len(sorted((sweep.folder / "checkpoints").rglob("*.pt")))
    ledger.note_evaluation(job.key, "umap", Evaluated(state="finished"))  # so the last is good
    assert [ref.epoch for ref in ledger.trials[job.key].checkpoints] == kept
    assert len(list((sweep.folder / "checkpoints").rglob("*.pt"))) == len(kept)


def test_a_checkpoint_is_removed_only_after_no_document_names_it(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep()
    _, _, results, job = begin(sweep)
    results.report(job, epoch_report(sweep, job, 1))
    removed = []
    real = store.remove

    def look(path: Any) -> None:
        named = [r.path for r in Ledger.open(sweep.folder).trials[job.key].checkpoints]
        document = store.previous(sweep.folder / "trials" / f"{job.key}.json")
        before = Trial.model_validate(store.read_document(document)).checkpoints
        named.append(max(before, key=lambda ref: ref.epoch).path)
        assert path.relative_to(sweep.folder).as_posix() not in named
        removed.append(path.name)
        real(path)

    monkeypatch.setattr(store, "remove", look)
    results.report(job, epoch_report(sweep, job, 2))
    assert removed == []
    results.report(job, epoch_report(sweep, job, 3))
    assert removed == ["a001-e00001.pt"]


def test_an_epoch_is_on_disk_when_the_listener_hears_of_it(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    heard = []

    class Comparing(Listener):
        def started(self, job: TrialJob, trial: Trial) -> None:
            self._compare(trial)

        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            self._compare(trial)

        def _compare(self, trial: Trial) -> None:
            on_disk = Ledger.open(sweep.folder).trials[trial.key]
            assert on_disk == trial
            heard.append((on_disk.state, on_disk.epoch))

    results = sweep.results(ledger, queue, Comparing())
    job = queue.next()
    results.begun(job)
    results.report(job, epoch_report(sweep, job, 1))
    results.report(job, epoch_report(sweep, job, 2, final=True))
    assert heard == [("running", 0), ("running", 1), ("finished", 2)]


def test_stopping_ends_a_job_as_pending(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    _, queue, results, job = begin(sweep)
    assert not results.report(job, epoch_report(sweep, job, 1))
    results.stopping = queue.closed = True
    assert results.report(job, epoch_report(sweep, job, 2))
    trial = Ledger.open(sweep.folder).trials[job.key]
    assert (trial.state, trial.attempts[-1].outcome, trial.epoch) == ("pending", "interrupted", 2)
    assert queue.done


def test_told_to_stop_in_the_midst_of_a_report(local_sweep: LocalSweep) -> None:
    """Ctrl-C comes from another thread: a job ends as pending, or goes on to its next report."""
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)

    class Stopping(Listener):
        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            results.stopping = True

    results = sweep.results(ledger, queue, Stopping())
    job = queue.next()
    queue.begun(job)
    stop = results.report(job, epoch_report(sweep, job, 1))
    assert Ledger.open(sweep.folder).trials[job.key].state == ("pending" if stop else "running")


def test_a_last_epoch_is_finished_even_while_stopping(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    _, queue, results, job = begin(sweep)
    results.stopping = queue.closed = True
    results.report(job, epoch_report(sweep, job, 3, final=True))
    assert Ledger.open(sweep.folder).trials[job.key].state == "finished"


def test_epochs_trained_again_take_the_place_of_the_old(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    _, _, results, job = begin(sweep)
    for epoch in (1, 2, 3, 2):
        results.report(job, epoch_report(sweep, job, epoch))
    assert [e.epoch for e in Ledger.open(sweep.folder).trials[job.key].epochs] == [1, 2]


def test_a_lost_worker_is_announced(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(retries=0)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    heard: list[Failure] = []

    class Hearing(Listener):
        def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
            heard.append(failure)

    results = sweep.results(ledger, queue, Hearing())
    job = queue.next()
    results.begun(job)
    results.lost(job, Failure(kind="worker lost", message="killed"))
    assert [(each.kind, each.message) for each in heard] == [("worker lost", "killed")]
    assert Ledger.open(sweep.folder).trials[job.key].state == "failed"


def test_a_stop_is_heard_in_the_midst_of_an_evaluation(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    _, queue, results, training = begin(sweep)
    assert results.report(training, epoch_report(sweep, training, 3, final=True))
    job = queue.next()
    assert isinstance(job, EvaluateJob)
    results.begun(job)
    under_way = ProgressReport(share=0.3)
    assert not results.report(job, under_way)
    results.stopping = queue.closed = True
    assert results.report(job, under_way)
    assert queue.done
    # Nothing is written down: the part is done anew another time.
    assert Ledger.open(sweep.folder).trials[job.key].evaluations == {}
    again = sweep.queue(sweep.open()).next()
    assert again is not None and (again.part, again.entry) == (job.part, job.entry)


def test_a_stop_waits_for_the_checkpoint_of_an_epoch_that_was_under_way(
    local_sweep: LocalSweep,
) -> None:
    sweep = local_sweep()
    ledger, _, results, job = begin(sweep)
    results.stop()
    assert results.report(job, replace(epoch_report(sweep, job, 1), checkpoint=None)) is False
    assert ledger.trials[job.key].state == "running"
    assert results.report(job, epoch_report(sweep, job, 2)) is True
    trial = sweep.open().trials[job.key]
    assert (trial.state, trial.epochs[-1].epoch, trial.checkpoints[-1].epoch) == ("pending", 2, 2)


def test_a_stop_that_cannot_be_written_down_waits_for_nothing(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep()
    _, _, results, job = begin(sweep)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_bytes", full)
        results.stop()
    assert results.report(job, replace(epoch_report(sweep, job, 1), checkpoint=None)) is True


@pytest.mark.parametrize("kind", ["worker lost", "error"])
def test_where_nothing_can_be_written_a_lost_worker_ends_everything(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    sweep = local_sweep()
    _, queue, results, job = begin(sweep)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_document", full)
        results.lost(job, Failure(kind=kind, message="killed"))
    assert str(results.broken) == "the disk is full"
    assert queue.closed
    results.lost(job, Failure(kind=kind, message="killed"))
    assert Ledger.open(sweep.folder).trials[job.key].state == "running"


def full(*_: Any, **__: Any) -> None:
    raise StorageError("the disk is full")
