"""What was trained before is taken over, and changes no number."""

from __future__ import annotations

import dataclasses
import io
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cvae_core.config import NUMERICS
from cvae_core.data import Dataset
from cvae_core.training.checkpoint import sha256
from orchestration import store
from orchestration.errors import StorageError
from orchestration.ledger.documents import Evaluated, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.trials_to_come import expected_trials
from orchestration.run.finished_trials import FinishedTrials
from orchestration.run.foreseen import as_it_begins
from orchestration.run.request import Flags, Request
from orchestration.run.reuse import Reuse
from orchestration.terminal.console import Console
from tests.orchestration.numbers import numbers, numbers_of

Begin = Callable[..., Any]
ALL = {"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]}
EVALUATION = {"probe_every": 2}


@pytest.fixture
def begin(local_sweep: Callable[..., Any], ran: Callable[..., Any]) -> Begin:
    """``begin("name", grid=…)``: a sweep with its plan entered, as a run enters it.

    With ``ended=True`` it is a copy of one that was trained to its end.
    """

    def make(
        folder: str, *, code: Any = None, data: Any = None, ended: bool = False, **sections: Any
    ) -> Any:
        sections = {"evaluation": EVALUATION, **sections}
        sweep = (ran if ended else local_sweep)(folder, **sections)
        ledger = sweep.open()
        ledger.sweep.code = {"numerics": str(NUMERICS)} if code is None else code
        ledger.sweep.data = {"digits": "abc"} if data is None else data
        ledger.save_sweep()
        for key, config in sweep.plan.trials.items():
            if key not in ledger.trials:
                ledger.save(Trial(key=key, config=config.to_settings()))
        return sweep

    return make


def taken(sweep: Any) -> list[str]:
    """What is said when it takes over what there is."""
    out, ledger = io.StringIO(), Ledger.open(sweep.folder)
    reuse = Reuse(ledger, FinishedTrials(ledger))
    reuse.take_over_planned()
    reuse.say(Console(out))
    return out.getvalue().splitlines()


def trials_of(sweep: Any) -> dict[str, Trial]:
    return Ledger.open(sweep.folder).trials


def test_equal_trials_of_another_sweep_are_not_trained_again(begin: Begin) -> None:
    one = begin("one", grid={"model": ["vae"], "beta": [1e-3, 1e-5]})
    trained = one.run()
    note = "no early stopping: val/probe_accuracy is not measured"  # which is of one's scheduler
    for key in trained:
        one.open().change(key, lambda trial: trial.notes.append(note))
    two = begin("two", grid=ALL)
    assert taken(two) == [
        "2 trials taken over from one (trained before; --no-reuse trains them anew)"
    ]
    before = trials_of(two)
    states = {key: trial.state for key, trial in before.items()}
    assert states == {key: "finished" if key in trained else "pending" for key in two.keys}
    after = two.run()
    for key, trial in trained.items():
        own = after[key]
        assert numbers_of(own) == numbers_of(trial)
        assert own.attempts == trial.attempts  # nothing was done
        assert own.notes == ["taken over from one"]
        assert own.run_id is None
        ref = own.checkpoints[0]
        assert (two.folder / ref.path).samefile(one.folder / ref.path)
        for artifact in own.evaluations["probe"].artifacts:
            assert (two.folder / artifact.path).exists()
    assert {trial.state for trial in after.values()} == {"finished"}


def test_a_trial_of_more_epochs_begins_where_one_of_fewer_ended(begin: Begin) -> None:
    grid = {"model": ["vae", "cvae"]}
    short = begin("short", ended=True, grid=grid)
    long = begin("long", grid=grid, base={"epochs": 5})
    assert taken(long) == [
        "2 trials continued from where they ended in short (trained before; --no-reuse trains them "
        "anew)"
    ]
    continued = long.run()
    fresh = begin("fresh", grid=grid, base={"epochs": 5}).run()
    assert numbers(continued) == numbers(fresh)
    for trial in continued.values():
        assert [attempt.from_epoch for attempt in trial.attempts] == [3]
        assert trial.epoch == 5
    # The third epoch was the last of the short one, and measured as such.
    assert "val/probe_accuracy" in next(iter(trials_of(short).values())).epochs[2].metrics
    assert all("val/probe_accuracy" not in t.epochs[2].metrics for t in continued.values())


def test_what_a_run_would_take_over_is_foreseen(begin: Begin) -> None:
    begin("one", grid={"model": ["vae"], "beta": [1e-3]}).run()
    sections = {"grid": ALL, "base": {"epochs": 4}, "evaluation": EVALUATION}
    longer = begin("other", **sections)
    shutil.rmtree(longer.folder)  # it was never begun
    request = Request(longer.spec.model_copy(update={"name": "other"}), longer.folder.parent, "")
    ledger = Ledger.open_or_empty(longer.folder)
    draft = as_it_begins(request, longer.plan, ledger, {"digits": "abc"})
    begun = {key: trial.epoch for key, trial in draft.trials.items()}
    assert sorted(begun.values()) == [0, 0, 0, 3]
    assert expected_trials(longer.plan, draft).keys() == begun.keys()
    (same,) = (key for key, epoch in begun.items() if epoch)
    assert [begun[same]] == [c.epoch for c in draft.trials[same].checkpoints]
    assert not longer.folder.exists()
    anew = dataclasses.replace(request, flags=Flags(reuse=False))
    draft = as_it_begins(anew, longer.plan, ledger, {"digits": "abc"})
    assert not any(trial.epoch for trial in draft.trials.values())


def test_the_same_sweep_with_more_epochs_goes_on(begin: Begin) -> None:
    grid = {"model": ["vae"]}
    begin("same", ended=True, grid=grid, base={"epochs": 2})
    longer = begin("same", grid=grid, base={"epochs": 4})
    assert taken(longer)[0].startswith("1 trial continued from where they ended in same")
    (key,) = longer.keys
    assert longer.run()[key].attempts[0].from_epoch == 2


@pytest.mark.parametrize(
    "other",
    [
        {"code": {"numerics": "1"}},
        {"data": {"digits": "other images"}},
        {"evaluation": {"probe_every": 1}},
        {"base": {"learning_rate": 0.5}},
        {"seeds": [7]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_not_alike_is_not_taken_over(begin: Begin, other: dict[str, Any]) -> None:
    begin("one", ended=True, grid={"model": ["vae"]}, **other)
    assert taken(begin("two", grid={"model": ["vae"]})) == []


def test_what_another_start_of_a_sweep_has_trained_is_known_by_itself(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its document says only how the last start went; for a trial as long, and for a longer one."""
    grid = {"model": ["vae"]}
    with monkeypatch.context() as patch:
        patch.setattr("orchestration.spec.trial_key.NUMERICS", 1)
        begin("one", grid=grid).run()
    often = begin("often", grid=grid, base={"beta": 0.5}, evaluation={"probe_every": 1})
    (trial,) = often.run().values()
    ledger = Ledger.open(often.folder)
    ledger.sweep.spec["evaluation"]["probe_every"] = 2
    ledger.save_sweep()
    threads = begin("threads", grid=grid, base={"beta": 0.25})
    (trial,) = threads.run().values()
    trial.attempts[0].worker["threads"] = {"torch": 2}
    Ledger.open(threads.folder).save(trial)
    for beta, epochs in itertools.product((1e-3, 0.5, 0.25), (3, 4)):
        base = {"beta": beta, "epochs": epochs}
        assert taken(begin(f"two{beta}_{epochs}", grid=grid, base=base)) == []


@pytest.mark.parametrize(
    "sections", [{"resources": {"cpu": 2}}, {"data": {}}], ids=["threads", "unknown data"]
)
def test_sums_depend_on_threads_and_unknown_data_are_others(
    begin: Begin, sections: dict[str, Any]
) -> None:
    begin("one", ended=True, grid={"model": ["vae"]}, data=sections.get("data"))
    assert taken(begin("two", grid={"model": ["vae"]}, **sections)) == []


def test_a_trial_whose_patience_has_run_out_does_not_go_on(begin: Begin) -> None:
    selection = {"patience": 1, "min_delta": 1e9}  # improves once, on nothing
    sections = {"grid": {"model": ["vae"]}, "evaluation": {"probe_every": 5}}
    begin("short", base={"epochs": 2, "selection": selection}, **sections).run()
    long = begin("long", base={"epochs": 4, "selection": selection}, **sections)
    assert taken(long) == []
    (trial,) = long.run().values()
    assert (trial.epoch, "val/probe_accuracy" in trial.epochs[-1].metrics) == (2, True)


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_damaged_files_are_not_taken_over(begin: Begin, damage: str) -> None:
    one = begin("one", ended=True, grid={"model": ["vae"]}, base={"epochs": 2})
    (trial,) = trials_of(one).values()
    path: Path = one.folder / trial.checkpoints[-1].path
    path.write_bytes(path.read_bytes()[:-1])
    if damage == "gone":
        path.unlink()
    for epochs in (2, 3):
        again = begin(f"again{epochs}", grid={"model": ["vae"]}, base={"epochs": epochs})
        assert taken(again) == []
        assert {t.state for t in trials_of(again).values()} == {"pending"}


def test_where_one_is_damaged_another_is_taken_over(begin: Begin) -> None:
    sections = {"grid": {"model": ["vae"]}, "base": {"epochs": 2}}
    for name in ("a", "b"):
        (trial,) = trials_of(begin(name, ended=True, **sections)).values()
    Path(begin("a", **sections).folder / trial.checkpoints[-1].path).unlink()
    again = begin("c", **sections)
    assert [line.partition(" (")[0] for line in taken(again)] == ["1 trial taken over from b"]
    longer = begin("d", grid={"model": ["vae"]}, base={"epochs": 3})
    (line,) = taken(longer)
    assert line.startswith("1 trial continued from where they ended in b")


def test_files_that_another_sweep_removes_meanwhile_are_not_taken_over(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin("one", ended=True, grid={"model": ["vae"]})
    two = begin("two", grid={"model": ["vae"]})
    link = store.link

    def after_removal(source: Path, target: Path) -> None:
        source.unlink()
        link(source, target)

    monkeypatch.setattr(store, "link", after_removal)
    assert taken(two) == []
    assert {t.state for t in trials_of(two).values()} == {"pending"}


def test_a_sweep_that_is_removed_while_it_is_read_is_passed_over(begin: Begin) -> None:
    config = {"model": "vae", "epochs": 1}
    one, gone = begin("one", base=config), begin("gone", base=config)
    one.run()
    document = gone.folder / "trials" / f"{gone.keys[0]}.json"
    document.unlink()
    document.symlink_to("nowhere")  # it is listed, and is not there when it is to be read
    assert "1 trial taken over from one" in taken(begin("two", base=config))[0]


def test_what_is_begun_twice_is_noted_once(begin: Begin) -> None:
    begin("short", ended=True, grid={"model": ["vae"]}, base={"epochs": 2})
    long = begin("long", grid={"model": ["vae"]}, base={"epochs": 4})
    assert len(taken(long)) == len(taken(long)) == 1
    (trial,) = trials_of(long).values()
    assert len(trial.notes) == 1


def test_what_failed_or_is_unfinished_is_not_taken_over(begin: Begin) -> None:
    one = begin("one", grid={"model": ["vae"]})
    one.run(stop_after=1)
    assert taken(begin("two", grid={"model": ["vae"]})) == []


@pytest.mark.parametrize("epochs", [3, 5])
def test_cut_off_at_any_write_it_is_taken_over_the_next_time(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    grid = {"model": ["vae", "cvae"]}
    one = trials_of(begin("one", ended=True, grid=grid))
    whole = begin("whole", grid=grid, base={"epochs": epochs})
    writes = 0

    def counting(real: Callable[..., None], last: int) -> Callable[..., None]:
        def write(*arguments: Any, **options: Any) -> None:
            nonlocal writes
            writes += 1
            if writes > last:
                raise StorageError("cut off")
            real(*arguments, **options)

        return write

    def cut_off_after(last: int, sweep: Any) -> None:
        nonlocal writes
        writes = 0
        with monkeypatch.context() as patch:
            for name in ("link", "write_bytes", "write_document"):
                patch.setattr(store, name, counting(getattr(store, name), last))
            taken(sweep)

    cut_off_after(1000, whole)
    needed = writes
    assert needed >= 4
    expected = numbers(whole.run())
    assert epochs > 3 or expected == numbers(one)
    for last in range(needed):
        cut = begin(f"cut{last}", grid=grid, base={"epochs": epochs})
        with pytest.raises(StorageError, match="cut off"):
            cut_off_after(last, cut)
        for trial in trials_of(cut).values():  # what is named is there, whole
            for ref in trial.checkpoints:
                assert sha256((cut.folder / ref.path).read_bytes()) == ref.sha256
        taken(cut)
        if last in (needed // 2, needed - 1):
            assert numbers(cut.run()) == expected


def test_figures_of_a_sweeps_own_classifiers_are_measured_anew(begin: Begin) -> None:
    one = begin("one", ended=True, grid={"model": ["vae"]})
    (key,) = one.keys
    judged = Evaluated(state="finished", metrics={"fd/digits-cnn_n360": 1.0})
    Ledger.open(one.folder).change(key, lambda trial: trial.evaluations.update(fd=judged))
    two = begin("two", grid={"model": ["vae"]})
    taken(two)
    assert set(trials_of(two)[key].evaluations) == {"probe"}


STAGES = [{"epochs": 2, "weights": {"reconstruction": 0}}, {"lambda": 0, "reset_optimizer": True}]
CHANGING: dict[str, dict[str, Any]] = {
    "stages": {"stages": STAGES},
    "schedule": {"schedule": {"beta": {"shape": "cosine", "epochs": 2}}},
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CHANGING)
def test_a_longer_trial_goes_on_in_the_midst_of_its_course(begin: Begin, case: str) -> None:
    base = {"model": "cvae", **CHANGING[case]}
    begin("short", base=base | {"epochs": 3}).run()
    long = begin("long", base=base | {"epochs": 5})
    assert "1 trial continued from where they ended in short" in taken(long)[0]
    (continued,) = long.run().values()
    (fresh,) = begin("fresh", base=base | {"epochs": 5}).run().values()
    assert [attempt.from_epoch for attempt in continued.attempts] == [3]
    assert numbers_of(continued) == numbers_of(fresh)


def test_the_last_stage_s_length_is_no_matter_but_that_of_others_is(begin: Begin) -> None:
    def staged(name: str, first: int, last: int | None, epochs: int) -> Any:
        own = {} if last is None else {"epochs": last}
        stages = [{"epochs": first, "tau": 1.0, "name": name}, {"tau": 2.0, **own}]
        return begin(name, base={"model": "cvae", "epochs": epochs, "stages": stages})

    staged("short", 1, 1, 2).run()
    assert "taken over from short" in taken(staged("renamed", 1, None, 2))[0]
    assert "continued from where they ended in renamed" in taken(staged("longer", 1, 3, 4))[0]
    assert taken(staged("other", 2, 1, 3)) == []
    # What was taken over by another name is read as its own.
    assert {t.state for t in staged("longer", 1, 3, 4).run().values()} == {"finished"}


@pytest.mark.slow
def test_distances_are_taken_over_where_the_classifier_is_the_same(
    begin: Begin, small: Dataset
) -> None:
    sections = {
        "grid": {"model": ["vae"]},
        "data": {"digits": small.fingerprint()},
        "evaluation": {**EVALUATION, "fd": {"n": 50}},
    }
    one = begin("one", **sections)
    (trial,) = one.run().values()
    (classifier,) = (one.folder / "extractors").iterdir()
    two = begin("two", **sections)
    taken(two)
    own = trials_of(two)[trial.key]
    assert own.evaluations["fd"] == trial.evaluations["fd"]
    assert (two.folder / "extractors" / classifier.name).samefile(classifier)
    # One that has a classifier of its own, or is to have another one than that which judged.
    three = begin("three", **sections)
    weights = torch.load(classifier, weights_only=True)
    weights["weights"]["0.weight"] = weights["weights"].get("0.weight", torch.zeros(1)) + 1
    (three.folder / "extractors").mkdir()
    torch.save(weights, three.folder / "extractors" / classifier.name)
    taken(three)
    assert set(trials_of(three)[trial.key].evaluations) == {"probe"}
    classifier.write_bytes(b"torn")
    four = begin("four", **sections)
    (two.folder / "sweep.json").unlink()
    (three.folder / "sweep.json").unlink()
    taken(four)
    assert set(trials_of(four)[trial.key].evaluations) == {"probe"}
    assert not (four.folder / "extractors" / classifier.name).exists()


@pytest.mark.slow
def test_a_history_of_distances_is_taken_over_where_the_classifier_is_the_same(
    begin: Begin, small: Dataset
) -> None:
    def sweep(name: str, epochs: int) -> Any:
        evaluation = {"fd_every": 1, "probe": False, "probe_every": 0, "fd": {"n": 50}}
        sections = {"data": {"digits": small.fingerprint()}, "evaluation": evaluation}
        return begin(name, base={"model": "vae", "epochs": epochs}, **sections)

    one = sweep("one", 1)
    (trial,) = one.run().values()
    assert "val/fd_digits-cnn" in trial.epochs[0].metrics
    (classifier,) = (one.folder / "extractors").iterdir()
    weights = torch.load(classifier, weights_only=True)
    weights["weights"]["other"] = torch.zeros(1)
    for epochs, how in ((1, "taken over"), (2, "continued")):
        other, alike = sweep(f"other{epochs}", epochs), sweep(f"alike{epochs}", epochs)
        (other.folder / "extractors").mkdir()
        torch.save(weights, other.folder / "extractors" / classifier.name)
        assert taken(other) == []
        assert f"1 trial {how} from" in taken(alike)[0]


def test_what_is_taken_over_is_evaluated_whatever_else_means_nothing_to_it(begin: Begin) -> None:
    """A VAE has no τ: it is the same trial in sweeps that differ in that, and so its checkpoint."""
    base = {"model": "vae", "epochs": 1}
    begin("one", base=base | {"tau": 0.5}, evaluation={**EVALUATION, "probe": False}).run()
    two = begin("two", base=base | {"tau": 0.9}, evaluation={**EVALUATION, "probe": True})
    assert "1 trial taken over from one" in taken(two)[0]
    (trial,) = two.run().values()
    assert trial.evaluations["probe"].state == "finished", trial.evaluations["probe"].error
