"""What is damaged or was written by another version: the good version before, or a clear word."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset, Images, load_dataset
from orchestration import store
from orchestration.engine import checkpoint_reading
from orchestration.errors import UserError
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.recovery import damaged
from orchestration.plan.evaluation_tasks import Wish
from orchestration.status.failures import what_to_do

pytestmark = pytest.mark.slow

LocalSweep = Callable[..., Any]
Undisturbed = Callable[..., dict[str, Trial]]
LEDGERS = Path(__file__).parents[1] / "ledgers"
GRID = LEDGERS / "numerics3-grid"
"""A grid of four with a scheduler, interrupted after seven epochs, as numerics 3 had it first."""
OLD_SECTIONS = {
    "grid": {"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]},
    "scheduler": {
        "name": "asha",
        "metric": "val/reconstruction",
        "grace_epochs": 1,
        "reduction": 2,
    },
}
SEARCH = LEDGERS / "numerics3-search"
"""A search of three and one replicate, interrupted in its second trial, of the same time."""
EARLIER = {"format1": 4, "version-0.1.0": 2}
"""The same of numerics 2, as format 1 and version 0.1.0 had them first; and how many trials."""
SEARCH_SECTIONS = {
    "base": {"epochs": 2},
    "search": {
        "trials": 3,
        "startup": 2,
        "replicates": 1,
        "space": {"beta": {"log": [1e-6, 1e-1]}},
        "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
    },
    "evaluation": {"probe": False, "diagnostics": True},
}
NO_EVALUATION = {"probe": False}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is tried again as often, at once."""
    monkeypatch.setattr(checkpoint_reading, "AGAIN_S", (0.0, 0.0))


def numbers(trials: dict[str, Trial]) -> dict[str, Any]:
    """All that has to be the same whatever happened."""
    return {
        key: (
            trial.state,
            [(epoch.epoch, epoch.metrics) for epoch in trial.epochs],
            {name: part.metrics for name, part in trial.evaluations.items()},
            [ref.sha256 for ref in trial.checkpoints if not ref.spare],
            [(decision.epoch, decision.value, decision.stop) for decision in trial.decisions],
        )
        for key, trial in trials.items()
    }


def flip(path: Path) -> None:
    """Alter one byte near the middle; of a document no last digit, which may round to the same."""
    content = bytearray(path.read_bytes())
    content[content.find(b'"', len(content) // 2) + 1] ^= 1
    path.write_bytes(bytes(content))


def refuse(patch: pytest.MonkeyPatch, paths: set[Path], code: int) -> None:
    """Let the system refuse to read these files."""
    read = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path in paths:
            raise OSError(code, os.strerror(code))
        return read(path)

    patch.setattr(Path, "read_bytes", refusing)


def outage(patch: pytest.MonkeyPatch, paths: set[Path], tries: int) -> None:
    """So many tries at these files come to nothing; in between nothing else can be read either."""
    read = Path.read_bytes
    failed = 0

    def failing(path: Path) -> bytes:
        nonlocal failed
        if failed < tries and (failed or path in paths):
            failed += path in paths
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    patch.setattr(Path, "read_bytes", failing)


def trials_of(sweep: Any) -> dict[str, Trial]:
    return Ledger.open(sweep.folder).trials


def newest(trial: Trial) -> str:
    return max(trial.checkpoints, key=lambda ref: ref.epoch).path


def test_a_running_trial_goes_on_from_the_checkpoint_before(
    local_sweep: LocalSweep, undisturbed: Undisturbed
) -> None:
    whole = undisturbed(base={"epochs": 5})
    sweep = local_sweep(base={"epochs": 5})
    (trial,) = sweep.run(stop_after=3).values()
    flip(sweep.folder / newest(trial))
    (trial,) = sweep.run().values()
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 2]
    assert "checkpoint of epoch 3 was not used" in trial.notes[0]
    assert numbers({trial.key: trial}) == numbers(whole)


def test_a_trained_trial_whose_last_checkpoint_is_damaged_is_trained_on(
    local_sweep: LocalSweep, undisturbed: Undisturbed
) -> None:
    whole = undisturbed()
    sweep = local_sweep(evaluation=NO_EVALUATION)
    (trial,) = sweep.run().values()
    assert trial.state == "finished"
    flip(sweep.folder / newest(trial))
    again = local_sweep()
    (trial,) = again.run().values()
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 2], "one epoch is repeated"
    assert numbers({trial.key: trial}) == numbers(whole)
    assert trial.evaluations["probe"].error is None


@pytest.mark.parametrize(("missing", "every_epochs"), [(True, None), (False, 1)])
def test_what_evaluate_cannot_read_is_trained_again_by_retry(
    ran: LocalSweep, *, missing: bool, every_epochs: int | None
) -> None:
    """Also for a part that only ``evaluate`` has asked for; with or without an earlier one."""
    checkpoints = {"every_epochs": every_epochs, "min_interval_s": 0}
    reference = ran("whole", checkpoints=checkpoints).evaluate(Wish(only=("diagnostics",)))
    sweep = ran(checkpoints=checkpoints)
    (trial,) = trials_of(sweep).values()
    last = sweep.folder / newest(trial)
    if missing:
        last.unlink()
    else:
        flip(last)
    (trial,) = sweep.evaluate(Wish(only=("diagnostics",))).values()
    failed = trial.evaluations["diagnostics"]
    assert (failed.state, failed.metrics, trial.state) == ("failed", {}, "finished")
    assert failed.error is not None
    said = what_to_do(failed.error.model_dump(), {}, sweep.folder, running=False, entry="x")
    assert "cvae-sweep retry sweep " in said
    ledger = sweep.open()
    ledger.put_back_failed((), ["probe"])  # as `retry` does
    (trial,) = sweep.run().values()
    assert trial.attempts[-1].from_epoch == (2 if every_epochs else 0)
    assert numbers({trial.key: trial}) == numbers(reference)
    assert not trial.has_failures
    assert not ledger.is_damaged(trial)


def test_a_trial_that_is_named_is_trained_again_before_anybody_has_evaluated_it(
    ran: LocalSweep,
) -> None:
    sweep = ran()
    (before,) = trials_of(sweep).values()
    (sweep.folder / newest(before)).unlink()
    ledger = sweep.open()
    ledger.put_back_failed((), ["probe"])
    assert ledger.trials[before.key].state == "finished", "its figures are all there"
    ledger.put_back_failed((before.key,), ["probe"])
    (trial,) = sweep.run().values()
    assert numbers({trial.key: trial}) == numbers({before.key: before})
    assert (sweep.folder / newest(trial)).exists()


def test_it_is_not_tried_for_ever(local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    write = store.write_bytes

    def bad(path: Path, content: bytes) -> None:
        write(path, content)
        if path.suffix == ".pt":
            flip(path)

    monkeypatch.setattr(store, "write_bytes", bad)
    sweep = local_sweep(retries=1)
    (trial,) = sweep.run().values()
    assert len(trial.attempts) == 2
    assert trial.state == "finished"
    error = trial.evaluations["probe"].error
    assert error is not None
    assert error.kind == "checkpoint"
    monkeypatch.undo()
    ledger = sweep.open()
    ledger.put_back_failed((), ["probe"])  # as `retry` does
    (trial,) = sweep.run().values()
    assert trial.evaluations["probe"].state == "finished"
    assert not trial.has_failures


def test_what_could_not_be_used_is_no_spare(local_sweep: LocalSweep) -> None:
    """Training went on from the checkpoint before it: that one stays until a second one is good."""
    base = {"epochs": 5}
    sweep = local_sweep(base=base, evaluation=NO_EVALUATION)
    (trial,) = sweep.run(stop_after=3).values()
    flip(sweep.folder / newest(trial))
    seldom = {"min_interval_s": 1e6}
    again = local_sweep(base=base, evaluation=NO_EVALUATION, checkpoints=seldom)
    (trial,) = again.run().values()
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 2]
    assert [(ref.epoch, ref.spare) for ref in trial.checkpoints] == [(2, True), (5, False)]
    ledger = Ledger.open(sweep.folder)
    assert all(ledger.is_intact(ref.model_dump()) for ref in trial.checkpoints)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ESTALE, errno.EACCES])
def test_a_checkpoint_that_cannot_be_read_at_the_moment_is_not_given_up(
    ran: LocalSweep, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    whole = undisturbed()
    sweep = ran(stop_after=2)
    (before,) = trials_of(sweep).values()
    with monkeypatch.context() as patch:
        refuse(patch, {sweep.folder / ref.path for ref in before.checkpoints}, code)
        (trial,) = sweep.run().values()
    assert trial.checkpoints == before.checkpoints
    assert trial.state == "pending"
    (trial,) = sweep.run().values()
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 2, 2]
    assert trial.notes == []
    assert numbers({trial.key: trial}) == numbers(whole)


@pytest.mark.parametrize("tries", [2, 3], ids=["for a moment", "longer than it is waited for"])
def test_no_checkpoint_is_given_up_while_nothing_can_be_read(
    ran: LocalSweep, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """As by NFS that is mounted `soft`, while its server is slow."""
    whole = undisturbed()
    sweep = ran(stop_after=2)
    (before,) = trials_of(sweep).values()
    assert len(before.checkpoints) == 2
    with monkeypatch.context() as patch:
        outage(patch, {sweep.folder / ref.path for ref in before.checkpoints}, tries)
        (trial,) = sweep.run().values()
    if tries > 2:
        assert (trial.state, trial.checkpoints) == ("pending", before.checkpoints)
        assert all((sweep.folder / ref.path).is_file() for ref in before.checkpoints)
        (trial,) = sweep.run().values()
    assert trial.attempts[-1].from_epoch == 2
    assert trial.notes == []
    assert numbers({trial.key: trial}) == numbers(whole)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EIO])
def test_a_checkpoint_that_is_lost_for_good_is_given_up(
    ran: LocalSweep, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    whole = undisturbed()
    sweep = ran(stop_after=2)
    (before,) = trials_of(sweep).values()
    refuse(monkeypatch, {sweep.folder / newest(before)}, code)
    (trial,) = sweep.run().values()
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 1]
    assert numbers({trial.key: trial}) == numbers(whole)


def test_a_trial_of_a_search_may_be_trained_on_as_well(
    local_sweep: LocalSweep, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its study has been told what came of it, and cannot be told twice."""
    search = {
        "trials": 3,
        "space": {"beta": {"log": [1e-6, 1e-1]}},
        "objectives": [{"metric": "val/probe_accuracy", "direction": "maximize"}],
    }
    sections = {"search": search, "evaluation": {"probe_every": 1}}
    whole = undisturbed(**sections)
    write = store.write_bytes
    bad: list[Path] = []

    def damaging(path: Path, content: bytes) -> None:
        write(path, content)
        if path.name == "a001-e00003.pt" and not bad:
            bad.append(path)
            flip(path)

    monkeypatch.setattr(store, "write_bytes", damaging)
    sweep = local_sweep(**sections)
    assert numbers(sweep.run()) == numbers(whole)
    again = Ledger.open(sweep.folder).trials[bad[0].parent.name]
    assert [attempt.from_epoch for attempt in again.attempts] == [0, 2]


@pytest.mark.parametrize("kind", ["sweep", "trials", "studies"])
def test_a_search_goes_on_from_the_version_before_of_any_document(
    ran: LocalSweep, undisturbed: Undisturbed, kind: str
) -> None:
    search = {
        "trials": 3,
        "space": {"beta": {"log": [1e-6, 1e-1]}},
        "objectives": [{"metric": "val/probe_accuracy", "direction": "maximize"}],
    }
    sections = {"search": search, "evaluation": {"probe_every": 1}}
    whole = undisturbed(**sections)
    sweep = ran(**sections, stop_after=5)
    paths = [sweep.folder / "sweep.json"]
    if kind != "sweep":
        paths = sorted((sweep.folder / kind).glob("*.json"))
    begun = [path for path in paths if store.previous(path).exists()]
    assert begun
    for path in begun:
        flip(path)
    assert damaged(sweep.folder) == begun
    assert numbers(sweep.run()) == numbers(whole)
    assert damaged(sweep.folder) == []


@pytest.mark.parametrize("name", EARLIER)
def test_ledgers_of_earlier_numerics_are_shown_and_not_continued(
    tmp_path: Path, name: str, command: Callable[..., Any]
) -> None:
    shutil.copytree(LEDGERS / name, tmp_path / "small")
    file = tmp_path / "small.yaml"
    file.write_text("name: small\nbase: {epochs: 3}\n")
    files = {p: p.read_bytes() for p in (tmp_path / "small").rglob("*") if p.is_file()}
    for words in (
        ["resume", "small"],
        ["retry", "small", "--failed"],
        ["evaluate", "small"],
        ["run", str(file)],
    ):
        done = command(tmp_path, *words, "--storage", str(tmp_path))
        assert (done.returncode, done.stdout) == (2, ""), words
        assert "small: it was trained by an early version of cvae-sweep" in done.stderr
        assert "Give the sweep another name" in done.stderr
        there = {p: p.read_bytes() for p in (tmp_path / "small").rglob("*") if p.is_file()}
        assert {p: there[p] for p in files} == files
    done = command(tmp_path, "status", "small", "--storage", str(tmp_path), "--json")
    trials = json.loads(done.stdout)["trials"]
    assert len(trials) == EARLIER[name]
    assert any(trial["metrics"].get("val/reconstruction", 0) > 0 for trial in trials)
    for words in (["status", "small"], ["compare", "small"], ["compare", "small", "--json"]):
        done = command(tmp_path, *words, "--storage", str(tmp_path))
        assert (done.returncode, done.stderr) == (0, ""), words


def without_figures(trial: Trial) -> Trial:
    """Which a part of another version would measure again."""
    return trial.model_copy(update={"evaluations": {}})


@pytest.fixture(scope="module")
def as_many() -> Dataset:
    """Images that the ledgers which are kept have seen."""
    digits = load_dataset("digits")
    train = Images(digits.train.pixels[:300], digits.train.labels[:300])
    test = Images(digits.test.pixels[:100], digits.test.labels[:100])
    return Dataset("digits", train, test, digits.classes)


def test_a_grid_of_the_first_version_of_these_numerics_is_continued(
    local_sweep: LocalSweep, as_many: Dataset
) -> None:
    whole = local_sweep("whole", data=as_many, **OLD_SECTIONS)
    finished = whole.run()
    sweep = local_sweep("old", data=as_many, **OLD_SECTIONS)
    shutil.copytree(GRID, sweep.folder)
    before = Ledger.open(sweep.folder).trials
    assert {trial.state for trial in before.values()} == {"finished", "stopped", "pending"}
    assert set(before) == set(whole.keys), "with other numerics another ledger is to be kept here"
    after = sweep.run()
    for key, trial in before.items():
        if trial.state != "pending":
            assert without_figures(after[key]) == without_figures(trial), "it is as it was"
    begun = [trial for trial in before.values() if trial.epochs and trial.state == "pending"]
    assert [after[trial.key].attempts[-1].from_epoch for trial in begun] == [2]
    assert {key: trial.state for key, trial in after.items()} == {
        key: trial.state for key, trial in finished.items()
    }


def test_a_search_of_the_first_version_of_these_numerics_is_continued(
    local_sweep: LocalSweep, as_many: Dataset
) -> None:
    whole = local_sweep("whole", data=as_many, **SEARCH_SECTIONS)
    undisturbed = whole.run()
    sweep = local_sweep("old", data=as_many, **SEARCH_SECTIONS)
    shutil.copytree(SEARCH, sweep.folder)
    before = Ledger.open(sweep.folder).trials
    assert sorted(trial.state for trial in before.values()) == ["finished", "pending"]
    assert set(before) <= set(undisturbed), "with other numerics another ledger is to be kept here"
    after = sweep.run()
    assert set(after) == set(undisturbed)
    (asked,), (afresh,) = (Ledger.open(s.folder).planned_studies() for s in (sweep, whole))
    assert (asked.asks, asked.replicates) == (afresh.asks, afresh.replicates)
    for key, trial in before.items():
        if trial.state == "finished":
            assert without_figures(after[key]) == without_figures(trial), "it is as it was"
    assert [trial.attempts[-1].from_epoch for trial in after.values()].count(1) == 1
    assert all(trial.evaluations["diagnostics"].state == "finished" for trial in after.values())


def test_a_ledger_of_a_newer_version_is_refused(ran: LocalSweep) -> None:
    sweep = ran(stop_after=2)
    (key,) = sweep.keys
    path = sweep.folder / "trials" / f"{key}.json"
    document = json.loads(path.read_text())
    document["format"] = store.FORMAT + 1
    path.write_text(json.dumps(document))
    files = {p: p.read_bytes() for p in sweep.folder.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match=r"has format 2, .* reads up to 1; update cvae-sweep"):
        sweep.run()
    assert {p: p.read_bytes() for p in sweep.folder.rglob("*") if p.is_file()} == files
