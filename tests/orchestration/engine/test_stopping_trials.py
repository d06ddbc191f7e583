"""Whole sweeps with a scheduler in this process: what is decided, kept, and left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import StringIO
from typing import Any, NamedTuple

import pytest

from orchestration import store
from orchestration.compare.grid import comparison_rows
from orchestration.engine.early_stopping import scheduler_text
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import EpochReport, EvaluationReport
from orchestration.engine.results import Results
from orchestration.engine.worker import Worker
from orchestration.errors import StorageError
from orchestration.ledger.documents import Decision, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import stop_of, stop_text
from orchestration.plan.evaluation_tasks import Wish
from orchestration.plan.shared_map_tasks import shared_tasks
from orchestration.run.summary import say_summary
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.live.table_view import TableView
from orchestration.status.status import status_document
from orchestration.terminal.console import Console

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]
ASHA = {"name": "asha", "metric": "val/reconstruction", "grace_epochs": 1, "reduction": 2}
MEDIAN = {"name": "median", "metric": "val/reconstruction", "grace_epochs": 2, "min_trials": 2}
GRID = {"model": ["vae", "cvae"], "learning_rate": [1e-5, 3e-3, 1e-4, 1e-3]}
SECTIONS: dict[str, Any] = {"grid": GRID, "base": {"epochs": 5}}


def record(trials: dict[str, Trial]) -> dict[str, Any]:
    """All that has to be the same in every run."""
    return {
        key: (
            trial.state,
            [(epoch.epoch, epoch.metrics) for epoch in trial.epochs],
            [decision.model_dump() for decision in trial.decisions],
            {name: part.metrics for name, part in trial.evaluations.items()},
        )
        for key, trial in trials.items()
    }


class Shown(NamedTuple):
    """A sweep, what was told of it while it ran, and the board behind that."""

    sweep: Any
    board: Board
    plain: str
    live: str


@pytest.fixture(scope="module")
def shown(
    sweep_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, small: Any
) -> Shown:
    """An undisturbed sweep with ASHA, under the eyes of both views."""
    sweep = sweep_in(tmp_path_factory.mktemp("asha"), scheduler=ASHA, **SECTIONS)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    board, live_board = (Board(ledger, 1, sweep.spec.evaluation) for _ in range(2))
    out, live_out = StringIO(), StringIO()
    plain = PlainView(Console(out), board)
    live = TableView(Console(live_out), live_board, "small")

    class Both(Listener):
        def started(self, job: TrialJob, trial: Trial) -> None:
            plain.started(job, trial)
            live.started(job, trial)

        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            plain.epoch_ended(job, report, trial)
            live.epoch_ended(job, report, trial)

        def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> None:
            plain.evaluated(job, report, trial)
            live.evaluated(job, report, trial)

    worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue, Both()))
    return Shown(sweep, board, out.getvalue(), live_out.getvalue())


@pytest.fixture(scope="module")
def wholes(
    sweep_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, shown: Shown
) -> dict[str, tuple[Any, dict[str, Trial]]]:
    """Undisturbed sweeps, by scheduler."""
    median = sweep_in(tmp_path_factory.mktemp("median"), scheduler=MEDIAN, **SECTIONS)
    return {
        "asha": (shown.sweep, Ledger.open(shown.sweep.folder).trials),
        "median": (median, median.run()),
    }


@pytest.mark.parametrize("name", ["asha", "median"])
def test_bad_trials_are_stopped_and_the_others_trained_to_their_end(
    wholes: dict[str, tuple[Any, dict[str, Trial]]], name: str
) -> None:
    sweep, trials = wholes[name]
    states = [trial.state for trial in trials.values()]
    assert set(states) == {"finished", "stopped"}
    assert states.count("stopped") >= 3
    epochs = {"asha": [1, 2, 4], "median": [2, 3, 4]}[name]
    for trial in trials.values():
        assert [d.epoch for d in trial.decisions] == [e for e in epochs if e <= trial.epoch]
        for decision in trial.decisions:
            measured = trial.epochs[decision.epoch - 1].metrics["val/reconstruction"]
            assert (decision.value, decision.metric) == (measured, "val/reconstruction")
            assert decision.scheduler == scheduler_text(sweep.spec.scheduler)
        assert trial.attempts[-1].outcome == trial.state
        assert [ref.epoch for ref in trial.checkpoints if not ref.spare] == [trial.epoch]
        assert (sweep.folder / trial.checkpoints[0].path).is_file()
        if trial.state == "stopped":
            assert trial.decisions[-1].stop
            assert trial.evaluations == {}
        else:
            assert trial.epoch == 5
            assert not any(decision.stop for decision in trial.decisions)
            assert list(trial.evaluations) == ["probe"]
    numbers = sorted(d.number for trial in trials.values() for d in trial.decisions)
    assert numbers == list(range(1, len(numbers) + 1))
    best = min(trials.values(), key=lambda t: t.epochs[-1].metrics["val/reconstruction"])
    assert best.state == "finished"


@pytest.mark.parametrize(("scheduler", "interval"), [(ASHA, 1000), (MEDIAN, 0)])
def test_interrupted_again_and_again_the_decisions_are_the_same(
    wholes: dict[str, tuple[Any, dict[str, Trial]]],
    local_sweep: LocalSweep,
    scheduler: dict[str, Any],
    interval: float,
) -> None:
    checkpoints = {"min_interval_s": interval}
    sweep = local_sweep(scheduler=scheduler, checkpoints=checkpoints, **SECTIONS)
    for epochs in (1, 4, 3, 2, 6):
        before = sweep.run(stop_after=epochs)
    _, whole = wholes[scheduler["name"]]
    assert record(before) != record(whole), "it was to be interrupted"
    assert record(sweep.run()) == record(whole)
    assert record(sweep.run()) == record(whole), "nothing is left to do"


def test_killed_before_a_checkpoint_of_the_decision_can_be_read(
    wholes: dict[str, tuple[Any, dict[str, Trial]]], local_sweep: LocalSweep
) -> None:
    """Epochs before a decision are trained again, and it is not taken again."""
    sweep = local_sweep(scheduler=ASHA, **SECTIONS)
    sweep.run(stop_after=3)
    ledger = Ledger.open(sweep.folder)
    (cut,) = (trial for trial in ledger.trials.values() if trial.attempts)
    assert (cut.state, cut.epoch, [d.epoch for d in cut.decisions]) == ("pending", 3, [1, 2])
    for ref in cut.checkpoints:
        (sweep.folder / ref.path).write_bytes(b"torn")
    trials = sweep.run()
    assert trials[cut.key].attempts[-1].from_epoch == 0
    assert record(trials) == record(wholes["asha"][1])


def test_other_settings_decide_what_is_left(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(scheduler=ASHA, **SECTIONS)
    before = sweep.run(stop_after=18)
    stopped = [key for key, trial in before.items() if trial.state == "stopped"]
    assert stopped
    other = {**ASHA, "reduction": 4}
    trials = local_sweep(scheduler=other, **SECTIONS).run()
    assert {trial.state for trial in trials.values()} <= {"finished", "stopped"}
    for key, trial in before.items():
        kept = [d.model_dump() for d in trials[key].decisions[: len(trial.decisions)]]
        assert kept == [d.model_dump() for d in trial.decisions]
    for key in stopped:
        assert record({key: trials[key]}) == record({key: before[key]})
    after = [d for t in trials.values() for d in t.decisions if d.scheduler.endswith("=4")]
    assert min(after, key=lambda d: d.number).number == 1 + sum(
        len(trial.decisions) for trial in before.values()
    )
    assert {d.epoch for d in after} == {1, 4}
    numbers = [d.number for t in trials.values() for d in t.decisions]
    assert len(set(numbers)) == len(numbers)


def test_a_grid_is_trained_in_an_order_of_its_own(local_sweep: LocalSweep) -> None:
    def order(folder: str, **sections: Any) -> tuple[list[str], list[str]]:
        sweep = local_sweep(folder, grid={"beta": [n / 10 for n in range(10)]}, **sections)
        queue = sweep.queue(sweep.open())
        keys = []
        while (job := queue.next()) is not None:
            keys.append(job.key)
        return keys, sweep.keys

    plain, planned = order("plain")
    assert plain == planned
    drawn, planned = order("drawn", scheduler=ASHA)
    assert drawn != planned
    assert sorted(drawn) == sorted(planned)
    assert order("again", scheduler=ASHA)[0] == drawn
    assert order("seeded", scheduler={**ASHA, "seed": 1})[0] not in (drawn, planned)


def test_what_was_begun_is_continued_first(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid={"beta": [n / 10 for n in range(10)]}, scheduler=ASHA)
    queue = sweep.queue(sweep.open())
    keys = [job.key for job in iter(queue.next, None)]
    ledger = sweep.open()
    again = sweep.queue(ledger)
    last = [again.next() for _ in keys][-1]
    assert last.key == keys[-1]
    again.begun(last)
    assert sweep.queue(sweep.open()).next().key == keys[-1]


# The results.


def begin(sweep: Any) -> tuple[Ledger, Queue, Results, TrainJob]:
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    results = sweep.results(ledger, queue)
    job = queue.next()
    results.begun(job)
    return ledger, queue, results, job


def report(job: TrainJob, epoch: int, value: float, *, final: bool = False) -> EpochReport:
    metrics = {"train/loss": value, "val/loss": value, "val/reconstruction": value}
    return EpochReport(
        final=final,
        epoch={"epoch": epoch, "metrics": metrics, "images_per_s": 1.0, "epoch_s": 0.5, "at": 1.0},
        checkpoint={
            "epoch": epoch,
            "path": f"checkpoints/{job.key}-{epoch}.pt",
            "sha256": "0",
            "bytes": 7,
        },
    )


def second_of_two(sweep: Any) -> tuple[Ledger, Queue, Results, TrainJob]:
    """The first of two trials is finished and good; the second one begins."""
    ledger, queue, results, job = begin(sweep)
    for epoch in (1, 2, 3):
        assert results.report(job, report(job, epoch, 0.1, final=epoch == 3)) is (epoch == 3)
    assert [d.epoch for d in ledger.trials[job.key].decisions] == [1, 2], "not at the last"
    job = queue.next()
    results.begun(job)
    return ledger, queue, results, job


@pytest.fixture
def two(local_sweep: LocalSweep) -> Any:
    grid = {"beta": [0.1, 0.2]}
    return local_sweep(grid=grid, scheduler=ASHA, evaluation={"probe": False})


def test_a_decision_is_one_write_with_its_epoch(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, queue, results, job = second_of_two(two)
    written: list[Trial] = []
    real = store.write_document

    def write(path: Any, content: Any, **options: Any) -> None:
        written.append(Trial.model_validate(content))
        real(path, content, **options)

    monkeypatch.setattr(store, "write_document", write)
    assert results.report(job, report(job, 1, 0.2))
    (trial,) = written
    assert (trial.key, trial.state, trial.epoch) == (job.key, "stopped", 1)
    assert [(d.epoch, d.value, d.stop) for d in trial.decisions] == [(1, 0.2, True)]
    assert (trial.attempts[-1].outcome, trial.checkpoints[-1].epoch) == ("stopped", 1)
    assert trial.attempts[-1].ended is not None
    assert queue.done


def test_what_could_not_be_written_was_not_decided(
    two: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, results, job = second_of_two(two)

    def full(*_: object, **__: object) -> None:
        raise StorageError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_document", full)
        assert results.report(job, report(job, 1, 0.2)), "nothing goes on"
        assert str(results.broken) == "no space left"
    trial = Ledger.open(two.folder).trials[job.key]
    assert (trial.state, trial.epochs, trial.decisions) == ("running", [], [])
    _, _, results, job = begin(two)
    assert results.report(job, report(job, 1, 0.2))
    (decision,) = Ledger.open(two.folder).trials[job.key].decisions
    assert (decision.number, decision.stop) == (3, True)


@pytest.mark.parametrize("value", [0.1, 0.05])
def test_epochs_trained_again_keep_their_decisions(two: Any, value: float) -> None:
    ledger, _, results, job = second_of_two(two)
    assert not results.report(job, report(job, 1, value))
    (decision,) = ledger.trials[job.key].decisions
    assert not results.report(job, report(job, 1, 0.9)), "a worse value now is no reason"
    assert ledger.trials[job.key].decisions == [decision]
    assert results.report(job, report(job, 2, 0.9))
    assert [d.number for d in ledger.trials[job.key].decisions] == [3, 4]


def test_a_last_epoch_ends_a_trial_whatever_its_value(two: Any) -> None:
    """Its patience has run out where the scheduler would have decided."""
    ledger, _, results, job = second_of_two(two)
    assert results.report(job, report(job, 1, 0.9, final=True))
    trial = ledger.trials[job.key]
    assert (trial.state, trial.decisions) == ("finished", [])


def test_stopped_while_everything_is_told_to_stop(two: Any) -> None:
    ledger, queue, results, job = second_of_two(two)
    results.stopping = queue.closed = True
    assert results.report(job, report(job, 1, 0.9))
    assert ledger.trials[job.key].state == "stopped"


def test_going_on_while_everything_is_told_to_stop(two: Any) -> None:
    ledger, queue, results, job = second_of_two(two)
    results.stopping = queue.closed = True
    assert results.report(job, report(job, 1, 0.05))
    trial = ledger.trials[job.key]
    assert (trial.state, [d.stop for d in trial.decisions]) == ("pending", [False])


# What the worker measures and writes for a decision.


@pytest.mark.parametrize(
    ("metric", "evaluation"),
    [
        ("val/probe_accuracy", {"probe_every": 3}),
        ("val/probe_accuracy", {"probe_every": 0}),
        ("val/fd_digits-cnn", {"probe_every": 0}),
    ],
)
def test_the_metric_is_there_whatever_else_is_measured_when(
    local_sweep: LocalSweep, metric: str, evaluation: dict[str, Any]
) -> None:
    scheduler = {**ASHA, "metric": metric}
    sections = {"base": {"epochs": 5}, "evaluation": {"probe": False, "fd": False, **evaluation}}
    (plain,) = local_sweep("plain", **sections).run().values()
    sweep = local_sweep("decided", scheduler=scheduler, **sections)
    (trial,) = sweep.run().values()
    assert [d.epoch for d in trial.decisions] == [1, 2, 4]
    assert trial.notes == []
    for record, other in zip(trial.epochs, plain.epochs, strict=True):
        assert (metric in record.metrics) == (record.epoch in (1, 2, 4) or metric in other.metrics)
        for name, value in other.metrics.items():
            assert record.metrics[name] == value
        assert record.metrics.keys() - other.metrics.keys() <= {metric}


def test_a_metric_that_is_never_there_is_noted(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(scheduler=ASHA, evaluation={"probe": False})
    # As where no classifier can be trained: a sweep file that names such a metric is refused.
    absent = sweep.spec.scheduler.model_copy(update={"metric": "val/fd_mnist-cnn"})
    sweep.spec = sweep.spec.model_copy(update={"scheduler": absent})
    (trial,) = sweep.run().values()
    assert (trial.state, trial.decisions) == ("finished", [])
    assert trial.notes == ["no early stopping: val/fd_mnist-cnn is not measured"]


def test_nothing_more_is_measured_for_a_metric_of_every_epoch(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(scheduler=MEDIAN, evaluation={"probe_every": 0})
    (trial,) = sweep.run().values()
    assert len(trial.decisions) == 1
    assert not any("val/probe_accuracy" in record.metrics for record in trial.epochs)


def test_there_is_a_checkpoint_of_every_decision(local_sweep: LocalSweep, small: Any) -> None:
    sweep = local_sweep(base={"epochs": 6}, checkpoints={"min_interval_s": 1000}, scheduler=ASHA)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    written = []

    class Watching(Listener):
        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            if report.checkpoint is not None:
                written.append(report.checkpoint["epoch"])

    worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue, Watching()))
    assert written == [1, 2, 4, 6]


# What is said of stopped trials, and what is done with them afterwards.


def test_what_a_person_sees(shown: Shown) -> None:
    sweep, board, plain, live = shown
    trials = Ledger.open(sweep.folder).trials
    stopped = [trial for trial in trials.values() if trial.state == "stopped"]
    lines = plain.splitlines()
    behind: list[str] = []
    for trial in stopped:
        value = trial.epochs[-1].metrics["val/reconstruction"]
        said = (
            f"stopped after epoch {trial.epoch} of 5: val/reconstruction {value:.4g} "
            f"(rung {trial.epoch})"
        )
        mean = trial.epochs[-1].metrics["val/reconstruction_of_mean"]
        if value > mean:
            said += (
                "; there it reconstructs worse than the mean training image would "
                f"({value:.4g} against {mean:.4g})"
            )
            behind.append(trial.key)
        assert stop_text(trial, trial.decisions[-1]) == said
        (line,) = (line for line in lines if line.startswith(trial.key) and "stopped" in line)
        assert said in line
        (line,) = (x for x in live.splitlines() if x.startswith(trial.key))
        assert line.endswith(said)
        row = board.rows[trial.key]
        assert (row.state, board.trial_left(row, 0.0)) == ("stopped", 0.0)
    assert behind
    ended = [line for line in lines if "trials done" in line]
    assert len(ended) == 8
    assert ended[-1].endswith(f"(8 of 8 trials done, {len(stopped)} stopped early)")
    assert board.counts() == (8 - len(stopped), len(stopped), 0, 8)
    assert board.sweep_left(0.0) == 0.0
    # A later start finds the same.
    again = Board(Ledger.open(sweep.folder), 1, sweep.spec.evaluation)
    assert again.counts() == board.counts()


def test_the_median_rule_is_named() -> None:
    decision = Decision(
        number=1, epoch=3, rung=3, metric="val/reconstruction", value=0.5, stop=True,
        scheduler="median metric=val/reconstruction grace_epochs=2 min_trials=2",
    )  # fmt: skip
    trial = Trial(key="a", config={"epochs": 9}, state="stopped", decisions=[decision])
    assert stop_of(trial) is decision
    assert stop_text(trial, decision) == (
        "stopped after epoch 3 of 9: val/reconstruction 0.5 (worse than the median)"
    )
    assert stop_of(Trial(key="a", config={}, state="finished")) is None


def test_status_and_comparison(wholes: dict[str, tuple[Any, dict[str, Trial]]]) -> None:
    sweep, trials = wholes["asha"]
    ledger = Ledger.open(sweep.folder)
    document = status_document(ledger)
    stopped = [key for key, trial in trials.items() if trial.state == "stopped"]
    assert document["state"] == "finished"
    assert document["counts"]["stopped"] == len(stopped)
    for trial in document["trials"]:
        assert trial["evaluations_open"] == []
        if trial["key"] not in stopped:
            assert trial["stopped"] is None
            continue
        decision = trials[trial["key"]].decisions[-1]
        assert (trial["stopped"]["epoch"], trial["stopped"]["rung"]) == (decision.epoch,) * 2
        assert trial["stopped"]["value"] == decision.value
        assert trial["stopped"]["reason"].startswith(f"stopped after epoch {decision.epoch} of 5")
    out = StringIO()
    assert say_summary(ledger, Console(out)) == 0
    assert f"small: {8 - len(stopped)} finished, {len(stopped)} stopped early" in out.getvalue()
    assert "stopped early" in out.getvalue().splitlines()[2], "a column of the comparison"
    rows = comparison_rows(document["trials"])
    assert sum(row["stopped"] for row in rows) == len(stopped)
    assert sum(row["trials"] for row in rows) == 8 - len(stopped)
    assert all(bool(row["metrics"]) == bool(row["trials"]) for row in rows)


def test_stopped_trials_are_evaluated_where_it_is_asked_for_alone(
    wholes: dict[str, tuple[Any, dict[str, Trial]]], local_sweep: LocalSweep
) -> None:
    evaluation = {"umap": {"n": 20, "shared": True}}
    sweep = local_sweep(scheduler=ASHA, evaluation=evaluation, **SECTIONS)
    shutil.copytree(wholes["asha"][0].folder, sweep.folder)
    trials = {key: trial for key, trial in sweep.run().items() if trial.state == "stopped"}
    ledger = Ledger.open(sweep.folder)
    shown = ledger.sweep.evaluations["shared_umap"]
    assert shown.state == "finished"
    assert shared_tasks(ledger, sweep.spec.evaluation) == []
    ledger.sweep.evaluations.clear()
    (task,) = shared_tasks(ledger, sweep.spec.evaluation)
    assert {trial.state for trial in task.trials} == {"finished"}, "no stopped one is on the map"
    key, *others = trials
    sweep.evaluate()
    sweep.evaluate(Wish(only=("diagnostics",)))
    assert not any(Ledger.open(sweep.folder).trials[k].evaluations for k in trials)
    after = sweep.evaluate(Wish(only=("probe",), trials=(key,)))
    assert list(after[key].evaluations) == ["probe"]
    assert after[key].evaluations["probe"].metrics["probe/accuracy"] > 0
    assert not any(after[k].evaluations for k in others)
    assert (after[key].state, after[key].epoch) == ("stopped", trials[key].epoch)
    # Where it was asked for once, it is measured again with other settings, and not by run.
    changed = local_sweep(
        scheduler=ASHA,
        evaluation={**evaluation, "probe": {"neighbours": 3}, "diagnostics": True},
        **SECTIONS,
    )
    settings = after[key].evaluations["probe"].settings
    assert changed.run()[key].evaluations["probe"].settings == settings
    assert changed.evaluate()[key].evaluations["probe"].settings["neighbours"] == 3
    assert list(changed.evaluate()[key].evaluations) == ["probe"]


@pytest.mark.parametrize(
    ("kind", "gone", "states"),
    [
        ("error", False, ("stopped", "failed")),
        ("checkpoint", False, ("stopped", "pending")),  # a moment out of sight
        ("checkpoint", True, ("pending", "pending")),
    ],
)
def test_retrying_leaves_stopped_trials_as_they_are(
    wholes: dict[str, tuple[Any, dict[str, Trial]]],
    local_sweep: LocalSweep,
    kind: str,
    gone: bool,
    states: tuple[str, str],
) -> None:
    whole, trials = wholes["asha"]
    sweep = local_sweep(scheduler=ASHA, **SECTIONS)
    shutil.copytree(whole.folder, sweep.folder)
    key = next(key for key, trial in trials.items() if trial.state == "stopped")
    ledger = sweep.open()
    job = sweep.queue(ledger, Wish(trials=(key,))).next()
    failed = {
        "state": "failed",
        "settings": job.settings,
        "error": {"kind": kind, "message": ""},
    }
    trial = Trial.model_validate(
        ledger.trials[key].model_dump() | {"evaluations": {"probe": failed}}
    )
    ledger.save(trial)
    if gone:
        (sweep.folder / trial.checkpoints[-1].path).unlink()
    ledger.put_back_failed((), sweep.spec.evaluation.wanted())
    back = ledger.trials[key]
    assert (back.state, back.evaluations["probe"].state) == states
    after = sweep.run()[key]
    assert (after.state, after.epoch) == ("stopped", trial.epoch), "as it was decided before"
    assert sweep.evaluate()[key].evaluations["probe"].state == "finished"
