"""Evaluations of whole sweeps in this process: what is measured, when, and never twice."""

from __future__ import annotations

import hashlib
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cvae_core.evaluation.metrics import METRICS
from cvae_core.evaluation.parts import PARTS
from orchestration.compare.loaded import load_sweep
from orchestration.engine.jobs import SharedMapJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.ledger.documents import CheckpointRef, Evaluated, Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Wish
from orchestration.status.status import status_document
from orchestration.status.view import absent_lines, failure_lines, next_lines

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]
ON = [name for name, part in PARTS.items() if part.on]
CHEAP = {"diagnostics": True, "pictures": {"samples": 4, "reconstructions": 4}}
ALL = {**dict.fromkeys(ON, True), "umap": {"n": 60, "shared": True}, **CHEAP}
GRID = {"model": ["vae", "cvae"]}
EVERY = {"every_epochs": 1, "min_interval_s": 0}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sweep_in: LocalSweep) -> Path:
    """A sweep of two trials with three checkpoints each, all of its parts measured."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    sweep_in(folder, grid=GRID, checkpoints=EVERY, evaluation=ALL).run()
    return folder


@pytest.fixture
def copy_of(tmp_path: Path, whole: Path, sweep_in: LocalSweep) -> LocalSweep:
    """``copy_of(grid=…)``: that sweep continued, with these sections in place of its own."""

    def make(**sections: Any) -> Any:
        folder = tmp_path / "sweep"
        if not folder.exists():
            shutil.copytree(whole, folder)
        usual = {"grid": GRID, "checkpoints": EVERY, "evaluation": ALL}
        return sweep_in(folder, **(usual | sections))

    return make


def stamps(trials: dict[str, Trial]) -> dict[tuple[str, str], float | None]:
    """When each part of each trial was measured."""
    return {
        (key, entry): part.ended
        for key, trial in trials.items()
        for entry, part in trial.evaluations.items()
    }


def changed(before: dict[str, Trial], after: dict[str, Trial]) -> set[str]:
    """Entries that were measured anew."""
    old = stamps(before)
    return {
        entry for (key, entry), ended in stamps(after).items() if old.get((key, entry)) != ended
    }


def test_every_part_has_a_record_of_its_own(whole: Path) -> None:
    ledger = Ledger.open(whole)
    for key, trial in ledger.trials.items():
        assert trial.state == "finished"
        assert sorted(trial.evaluations) == sorted(ON)
        ended = [trial.evaluations[part].ended for part in ON]
        assert ended == sorted(ended), "in the order of the parts"
        for name, part in trial.evaluations.items():
            assert (part.state, part.error) == ("finished", None)
            assert part.settings == {**part.settings, "split": "test"}
            assert part.seconds is not None
            assert part.seconds > 0
            check_files(whole, part, f"artifacts/{key}/{name}")
        names = [name for part in trial.evaluations.values() for name in part.metrics]
        assert len(names) == len(set(names))
        assert {"probe/accuracy", "test/elbo"} <= set(names)
        assert any(name.startswith("umap/trustworthiness") for name in names)
        assert trial.evaluations["fd"].facts["n"] == 100
        assert "N is 100, not 10000" in trial.evaluations["fd"].warnings[0]
        files = {Path(ref.path).name for ref in trial.evaluations["pictures"].artifacts}
        assert files == {"reconstructions.png", "samples.png", "curves.png", "curves.csv"}
    # The small classifier is the sweep's own now, whatever happens to the cache.
    assert len(list((whole / "extractors").iterdir())) == 1


def check_files(folder: Path, part: Evaluated, place: str) -> None:
    for ref in part.artifacts:
        content = (folder / ref.path).read_bytes()
        assert ref.path.startswith(f"{place}/")
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (ref.sha256, ref.bytes)


def test_nothing_is_measured_twice(copy_of: LocalSweep) -> None:
    sweep = copy_of()
    before = Ledger.open(sweep.folder)
    assert sweep.run() == before.trials
    assert sweep.evaluate() == before.trials
    assert Ledger.open(sweep.folder).sweep.evaluations == before.sweep.evaluations


def test_a_part_whose_settings_changed_is_measured_again_alone(copy_of: LocalSweep) -> None:
    sweep = copy_of(evaluation={**ALL, "probe": {"neighbours": 5, "protocols": ["standard"]}})
    before = Ledger.open(sweep.folder).trials
    after = sweep.run()
    assert changed(before, after) == {"probe"}
    for trial in after.values():
        probe = trial.evaluations["probe"]
        by_angle = "probe/knn_accuracy_cosine_k5"
        assert set(probe.metrics) == {"probe/accuracy", "probe/knn_accuracy_k5", by_angle}
        assert "probe/accuracy_paper" not in trial.metrics
        assert len(trial.attempts) == 1
    assert changed(after, sweep.run()) == set()


def test_a_failed_part_is_tried_again_by_wish_alone(
    copy_of: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = copy_of(evaluation={**ALL, "diagnostics": {"active_threshold": 0.5}})
    with monkeypatch.context() as patch:
        patch.setattr("cvae_core.evaluation.diagnostics.part.evaluate", broken)
        failed = sweep.run()
    for trial in failed.values():
        assert trial.evaluations["diagnostics"].state == "failed"
        assert trial.evaluations["diagnostics"].seconds is None, "the time left is told by others"
        assert trial.state == "finished"
        # What was measured with the settings before stays until there is something new.
        assert "latent/active_units" in trial.metrics
        assert "latent/active_units_0.5" not in trial.metrics
    assert changed(failed, sweep.run()) == set()
    mended = sweep.evaluate()
    assert changed(failed, mended) == {"diagnostics"}
    assert {t.evaluations["diagnostics"].state for t in mended.values()} == {"finished"}


def broken(*_: object) -> Iterator[float]:
    yield 0.5
    raise KeyError("a mistake")


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of Inception in torch's cache, and nobody who sends them."""
    from cvae_core.evaluation.distances.inception_weights import pytorch_fid_inception

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    address = f"http://127.0.0.1:{port}/pt_inception.pth"
    monkeypatch.setattr(pytorch_fid_inception(), "FID_WEIGHTS_URL", address)


@pytest.mark.usefixtures("no_weights")
def test_what_cannot_be_had_is_absent_and_no_failure(copy_of: LocalSweep, tmp_path: Path) -> None:
    sweep = copy_of(evaluation={**ALL, "fid": True})
    trials = sweep.run()
    for trial in trials.values():
        fid = trial.evaluations["fid"]
        assert (trial.state, fid.state, fid.metrics) == ("finished", "absent", {})
        assert fid.error is not None
        assert "127.0.0.1" in fid.error.message
        assert "evaluation.fid.weights" in fid.error.message
        assert not trial.has_failures
    assert changed(trials, sweep.run()) == set(), "run does not try it again"
    assert changed(trials, sweep.evaluate()) == {"fid"}, "evaluate does"
    document = load_sweep("sweep", tmp_path).document
    (line,) = absent_lines(document)
    assert line.startswith("fid is missing for 2 trials: FID needs Inception's weights")
    assert failure_lines(document, sweep.folder) == next_lines(document, sweep.folder) == []
    assert all(t["evaluations_open"] == [] for t in document["trials"])
    assert [list(t["evaluations_absent"]) for t in document["trials"]] == [["fid"], ["fid"]]
    assert not (tmp_path / "torch").exists(), "nothing half-written"


@pytest.mark.usefixtures("no_weights")
def test_a_part_that_the_file_has_off_by_wish(copy_of: LocalSweep) -> None:
    sweep = copy_of()
    key = sweep.keys[0]
    before = Ledger.open(sweep.folder).trials
    after = sweep.evaluate(Wish(only=("fid",), trials=(key,)))
    assert changed(before, after) == {"fid"}
    assert after[key].evaluations["fid"].state == "absent"
    assert "fid" not in after[sweep.keys[1]].evaluations
    assert next_lines(load_sweep("sweep", sweep.folder.parent).document, sweep.folder) == []


def test_every_checkpoint_is_measured_once_and_on_validation(copy_of: LocalSweep) -> None:
    sweep = copy_of()
    wish = Wish(only=("probe", "diagnostics"), every_checkpoint=True)
    before = Ledger.open(sweep.folder).trials
    after = sweep.evaluate(wish)
    expected = {f"{part}@{epoch}" for part in wish.only for epoch in (1, 2, 3)}
    assert changed(before, after) == expected
    for key, trial in after.items():
        assert trial.metrics == before[key].metrics, "what is compared stays as it was"
        values = []
        for entry in expected:
            part = trial.evaluations[entry]
            assert part.settings["split"] == "validation"
            assert all(name.startswith("val/") for name in part.metrics)
            check_files(sweep.folder, part, f"artifacts/{key}/{entry}")
            values.append(part.metrics.get("val/reconstruction_mse"))
        assert len({value for value in values if value is not None}) == 3, "each has its weights"
        own = {e.epoch: e.metrics["val/reconstruction"] for e in trial.epochs}
        assert set(own) == {1, 2, 3}
    assert changed(after, sweep.evaluate(wish)) == set()


def test_validation_in_place_of_test(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(base={"epochs": 1}, evaluation={"split": "validation", **CHEAP})
    (trial,) = sweep.run().values()
    measured = {name for part in trial.evaluations.values() for name in part.metrics}
    assert measured
    assert not any(name.startswith(("probe/", "test/")) for name in measured), measured
    assert not any(metric in METRICS and "test" in metric for metric in measured)


def test_an_evaluation_trains_nothing(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid={"beta": [0.1, 0.2, 0.3]}, evaluation=CHEAP)
    before = sweep.run(stop_after=4)
    assert [before[key].state for key in sweep.keys] == ["finished", "pending", "pending"]
    after = sweep.evaluate(Wish(only=("diagnostics", "pictures")))
    assert [after[key].state for key in sweep.keys] == ["finished", "pending", "pending"]
    for key in sweep.keys[1:]:
        assert after[key].attempts == before[key].attempts
        assert after[key].evaluations == {}
    assert set(after[sweep.keys[0]].evaluations) == {"probe", "diagnostics", "pictures"}


def finished(sweep: Any) -> Ledger:
    ledger = sweep.open()
    ref = CheckpointRef(epoch=1, path="checkpoints/1.pt", sha256="0", bytes=1)
    for key, config in sweep.plan.trials.items():
        settings = config.to_settings()
        ledger.save(Trial(key=key, config=settings, state="finished", checkpoints=[ref]))
    return ledger


def test_what_all_share_is_prepared_once_while_others_go_on(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid={"beta": [1, 2, 3]}, evaluation={"fd": True})
    ledger = finished(sweep)
    queue = sweep.queue(ledger)
    out = [queue.next() for _ in range(4)]
    assert [(sweep.keys.index(job.key), job.part) for job in out] == [
        *((0, "probe"), (0, "fd")),
        *((1, "probe"), (2, "probe")),
    ]
    assert queue.next() is None
    assert not queue.done
    fd = out[1]
    ledger.note_evaluation(fd.key, "fd", Evaluated(state="finished", settings=fd.settings))
    queue.ended(fd)
    assert [(sweep.keys.index(job.key), job.part) for job in (queue.next(), queue.next())] == [
        (1, "fd"),
        (2, "fd"),
    ]


def test_one_that_is_absent_prepares_nothing(local_sweep: LocalSweep) -> None:
    """Else all others would train the classifier at once when the first, absent one, has ended."""
    weights = {"weights.reconstruction": [0, 1, 2]}
    evaluation = {"fd": True, "probe": False}
    sweep = local_sweep(base={"model": "cvae"}, grid=weights, evaluation=evaluation)
    ledger = finished(sweep)
    queue = sweep.queue(ledger)
    untrained, trained = queue.next(), queue.next()
    assert [untrained.key, trained.key] == sweep.keys[:2]
    ledger.note_evaluation(
        untrained.key, "fd", Evaluated(state="absent", settings=trained.settings)
    )
    queue.ended(untrained)
    assert queue.next() is None
    ledger.note_evaluation(
        trained.key, "fd", Evaluated(state="finished", settings=trained.settings)
    )
    queue.ended(trained)
    assert queue.next().key == sweep.keys[2]


def test_of_an_untrained_decoder_the_reason_stands_in_the_ledger(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(
        base={"model": "cvae", "weights": {"reconstruction": 0}},
        evaluation={"fd": True, "diagnostics": True, "probe": False, "fd_every": 1},
    )
    (trial,) = sweep.run().values()
    reason = "the decoder is not trained (weights.reconstruction: 0)"
    assert (trial.state, trial.evaluations["fd"].state) == ("finished", "absent")
    assert trial.evaluations["fd"].error.message == reason
    assert trial.evaluations["diagnostics"].warnings == [
        f"no reconstruction error and no ELBO: {reason}"
    ]
    assert not any("fd" in name or "reconstruction" in name for name in trial.metrics)
    assert trial.notes == [f"no val/fd: {reason}"]


@pytest.mark.parametrize("older", [False, True])
def test_one_that_prepared_was_lost(local_sweep: LocalSweep, clock: Any, *, older: bool) -> None:
    """Another takes its place, and still one alone, whatever an earlier run has left."""
    sweep = local_sweep(grid={"beta": [1, 2, 3]}, evaluation={"fd": True, "probe": False})
    ledger = finished(sweep)
    if older:
        for key in sweep.keys:
            ledger.note_evaluation(key, "fd", Evaluated(state="finished", settings={"n": 5}))
    queue = sweep.queue(ledger, clock=clock)
    first = queue.next()
    assert queue.next() is None
    queue.lost(first, Failure(kind="worker lost", message="killed"))
    second = queue.next()
    assert second.key == sweep.keys[1]
    assert queue.next() is None
    # Where it fails, or cannot be had, the others find out by themselves.
    ledger.note_evaluation(second.key, "fd", Evaluated(state="absent", settings=second.settings))
    queue.ended(second)
    clock.sleep(1.0)
    assert [queue.next().key for _ in range(2)] == [sweep.keys[2], sweep.keys[0]]


def test_one_that_was_to_prepare_was_not_taken_up(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid={"beta": [1, 2]}, evaluation={"fd": True, "probe": False})
    queue = sweep.queue(finished(sweep))
    first = queue.next()
    assert queue.next() is None
    queue.put_back(first)
    assert queue.next().key == sweep.keys[1]
    assert queue.next() is None, "one alone prepares"


def test_where_a_part_was_lost_is_known_in_the_next_attempt(
    local_sweep: LocalSweep, clock: Any
) -> None:
    sweep = local_sweep(retries=3, evaluation={"diagnostics": True, "probe": False})
    queue = sweep.queue(finished(sweep), clock=clock)
    for node in ("a", "b"):
        job = queue.next()
        queue.lost(job, Failure(kind="worker lost", message="killed"), worker={"node": node})
        clock.sleep(60.0)
    assert queue.lost_on(queue.next()) == ["a", "b"]


def test_a_lost_worker_under_a_part(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(retries=1, evaluation={"diagnostics": True})
    ledger = finished(sweep)
    queue = sweep.queue(ledger, clock=clock)
    heard: list[Failure] = []

    class Hearing(Listener):
        def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
            heard.append(failure)

    results = sweep.results(ledger, queue, Hearing())
    entries = []
    while not queue.done:
        job = queue.next()
        if job is None:
            clock.sleep(queue.pause)
            continue
        entries.append(job.entry)
        results.begun(job)
        results.lost(job, Failure(kind="worker lost", message="killed"))
    assert [failure.again_s for failure in heard] == [1.0, 1.0, None, None]
    assert entries == ["probe", "diagnostics", "probe", "diagnostics"]
    (trial,) = Ledger.open(sweep.folder).trials.values()
    assert trial.state == "finished"
    for part in ("probe", "diagnostics"):
        error = trial.evaluations[part].error
        assert error is not None
        assert (error.kind, error.message) == ("worker lost", "killed")


def test_the_map_of_all_trials_is_made_when_all_are_there(copy_of: LocalSweep) -> None:
    sweep = copy_of()
    first = Ledger.open(sweep.folder).sweep.evaluations["shared_umap"]
    assert first.state == "finished"
    assert first.facts["trials"] == 2
    assert "umap/shared_trustworthiness" in first.metrics
    check_files(sweep.folder, first, "artifacts/shared_umap")
    wider = copy_of(grid={**GRID, "beta": [1e-3, 0.1]})
    before = Ledger.open(sweep.folder).trials
    after = wider.run()
    assert set(after) - set(before) == set(wider.keys) - set(sweep.keys)
    assert changed(before, {key: after[key] for key in before}) == set()
    second = Ledger.open(sweep.folder).sweep.evaluations["shared_umap"]
    assert second.facts["trials"] == 4
    assert second.ended is not None
    assert all(
        second.ended > (part.ended or 0) for t in after.values() for part in t.evaluations.values()
    )
    wider.run()
    assert Ledger.open(sweep.folder).sweep.evaluations["shared_umap"] == second


def test_a_lost_map_is_a_failure_that_people_hear_of(
    copy_of: LocalSweep, tmp_path: Path, clock: Any
) -> None:
    evaluation = {**ALL, "umap": {"n": 60, "shared": True, "min_dist": 0.2}}
    sweep = copy_of(retries=1, evaluation=evaluation)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    for key in sweep.keys:  # the maps of each, as if they had been made
        part = ledger.trials[key].evaluations["umap"].model_copy(deep=True)
        part.settings["min_dist"] = 0.2
        ledger.note_evaluation(key, "umap", part)
    queue = sweep.queue(ledger, clock=clock)
    assert status_document(ledger)["evaluations_open"] == ["shared_umap"]
    document = load_sweep("sweep", tmp_path).document
    assert "1 evaluation missing; add with: " in next_lines(document, sweep.folder)[0]
    job = queue.next()
    assert (type(job), job.entry, len(job.trials)) == (SharedMapJob, "shared_umap", 2)
    lost = Failure(kind="worker lost", message="killed")
    assert queue.lost(job, lost).again_s == 1.0
    assert (queue.done, queue.next()) == (False, None)
    clock.sleep(1.0)
    job = queue.next()
    assert job.entry == "shared_umap"
    assert queue.lost(job, lost).again_s is None
    assert queue.done
    document = load_sweep("sweep", tmp_path).document
    assert document["evaluations"] == {"shared_umap": "failed"}
    lines = failure_lines(document, sweep.folder)
    assert lines[0] == "evaluation of all trials (shared_umap) failed: worker lost: killed"
    assert "evaluate sweep --only umap" in lines[-1]
    sweep.evaluate()
    assert load_sweep("sweep", tmp_path).document["evaluations"] == {"shared_umap": "finished"}


def test_a_trial_that_the_map_of_all_cannot_read_is_trained_on(copy_of: LocalSweep) -> None:
    """All of its own parts were measured: nothing else would find that out."""
    sweep = copy_of()
    ledger = Ledger.open(sweep.folder)
    first, second = (ledger.trials[key] for key in sweep.keys)
    path = sweep.folder / max(second.checkpoints, key=lambda ref: ref.epoch).path
    path.write_bytes(path.read_bytes()[:-1])
    del ledger.sweep.evaluations["shared_umap"]
    ledger.save_sweep()
    after = sweep.run()
    assert after[first.key] == first
    assert after[second.key].attempts[-1].from_epoch == 2
    assert after[second.key].evaluations == second.evaluations
    made = Ledger.open(sweep.folder).sweep.evaluations["shared_umap"]
    assert (made.state, made.facts["trials"]) == ("finished", 2)


def test_what_status_says_of_parts_that_are_still_to_be_measured(copy_of: LocalSweep) -> None:
    sweep = copy_of(evaluation={**ALL, "fd": {"n": 50}, "probe": {"neighbours": 3}})
    document = status_document(sweep.open())
    assert [trial["evaluations_open"] for trial in document["trials"]] == [["probe", "fd"]] * 2
    assert next_lines(document, sweep.folder)[0].startswith("4 evaluations missing; add with: ")
    assert all(set(trial["evaluations"]) == set(ON) for trial in document["trials"])
    assert "fd" in document["trials"][0]["warnings"]
