"""Continuing from what a ledger keeps: the plan, the flags, and what has failed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cvae_core.config import NUMERICS, SelectionConfig
from orchestration import __version__
from orchestration.engine.queue import Queue
from orchestration.errors import UserError
from orchestration.ledger.chosen import chosen
from orchestration.ledger.documents import Attempt, Epoch, Evaluated, Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import Plan, make_plan
from orchestration.run.foreseen import as_it_begins
from orchestration.run.request import Flags, Request
from orchestration.run.resume import check_stored_plan, say_what_changed, stored_request
from orchestration.run.start import (
    enter_plan,
    new_ledger,
    note_code,
    say_new_plan,
    say_new_rhythm,
)
from orchestration.spec.sweep import SweepSpec
from orchestration.status.status import status_document
from orchestration.status.sweeps import list_document
from orchestration.terminal.console import Console

Load = Callable[..., SweepSpec]
TEXT = "name: small\nbaselines: false\nbase: {epochs: 2}\ngrid: {model: [vae, cvae], beta: [1, 2]}"


@pytest.fixture
def begun(load: Load, tmp_path: Path) -> Ledger:
    """A sweep whose plan is noted, with every trial pending."""
    request = Request(
        load(TEXT),
        tmp_path,
        "",
        Flags(data_root=tmp_path / "data", address="10.0.0.1:6379", max_concurrent=3),
    )
    plan = make_plan(request.spec)
    ledger = new_ledger(request, {})
    note_code(ledger.sweep)
    enter_plan(ledger, request, plan, {})
    for key, config in plan.trials.items():
        ledger.save(Trial(key=key, config=config.to_settings()))
    return ledger


def again(ledger: Ledger, retry: tuple[str, ...] | None = None, **flags: object) -> Request:
    return stored_request(
        "small",
        ledger.folder.parent,
        Flags(**flags),  # type: ignore[arg-type]
        retry=retry,
    )


def test_a_sweep_from_before_there_were_baselines_goes_on_without_them(begun: Ledger) -> None:
    del begun.sweep.spec["baselines"]
    begun.save_sweep()
    assert list(make_plan(again(begun).spec).trials) == begun.sweep.plan


def test_the_stored_plan_and_flags(begun: Ledger) -> None:
    request = again(begun)
    assert list(make_plan(request.spec).trials) == begun.sweep.plan
    assert request.flags.data_root == begun.folder.parent / "data"
    assert request.flags.address == "10.0.0.1:6379"
    assert request.flags.max_concurrent == 3
    assert request.stored_plan
    assert request.retry is None


def test_a_flag_given_now_wins_and_leaves_the_others(begun: Ledger) -> None:
    request = again(begun, max_concurrent=1)
    assert request.flags.max_concurrent == 1
    assert request.flags.address == "10.0.0.1:6379"


def test_images_are_looked_for_where_the_sweep_was_started(
    begun: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Path.cwd()
    monkeypatch.chdir(tmp_path)
    assert again(begun).flags.directory == started


def test_passwords_are_not_kept_and_do_not_hide_those_in_force(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(load(TEXT), tmp_path, "", Flags(tracking_uri="http://me:secret@host:1"))
    ledger = new_ledger(request, {})
    enter_plan(ledger, request, make_plan(request.spec), {})
    assert "secret" not in (ledger.folder / "sweep.json").read_text()
    assert again(ledger).flags.tracking_uri == "http://host:1"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@host:1")
    assert again(ledger).flags.tracking_uri is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://another:2")
    assert again(ledger).flags.tracking_uri == "http://host:1"


def test_a_version_that_computes_differently_is_refused(begun: Ledger) -> None:
    begun.sweep.code["numerics"] = str(NUMERICS - 1)
    begun.save_sweep()
    with pytest.raises(UserError, match=r"computes otherwise .* Give the sweep another name"):
        again(begun)
    # Also one that notes none, where trials would have other keys now.
    del begun.sweep.code["numerics"]
    begun.save_sweep()
    again(begun)
    old = begun.trials[begun.sweep.plan[0]].model_copy(update={"key": "0123456789"})
    begun.save(old)
    begun.sweep.plan[0] = old.key
    begun.save_sweep()
    with pytest.raises(UserError, match="trained by an early version of cvae-sweep"):
        again(begun)


def test_a_plan_that_cannot_be_read_is_refused(begun: Ledger) -> None:
    begun.sweep.spec["new_section"] = 1
    begun.save_sweep()
    with pytest.raises(UserError, match="run its sweep file again"):
        again(begun)


def test_other_trials_are_refused(begun: Ledger, load: Load) -> None:
    check_stored_plan(begun, make_plan(load(TEXT)))
    other = make_plan(load(TEXT.replace("[1, 2]", "[1, 3]")))
    with pytest.raises(UserError, match="of 4 trials 2 would be the same now"):
        check_stored_plan(begun, other)


def test_other_images_are_refused(begun: Ledger, load: Load) -> None:
    spec = load("name: small\nbaselines: false\nbase: {data: {name: folder}}")
    begun.sweep.plan = list(make_plan(spec, lambda _: "a" * 64).trials)
    with pytest.raises(UserError, match="images in the folder have changed"):
        check_stored_plan(begun, make_plan(spec, lambda _: "b" * 64))


def test_other_code_is_said(begun: Ledger) -> None:
    stream = io.StringIO()
    say_what_changed(begun, Console(stream))
    assert stream.getvalue() == ""
    begun.sweep.code["version"] = "0.0.1"
    say_what_changed(begun, Console(stream))
    assert "version 0.0.1 then" in stream.getvalue()


def fail(ledger: Ledger, key: str, *, losses: int) -> None:
    attempts = [
        Attempt(number=n + 1, from_epoch=0, began=0.0, outcome="lost") for n in range(losses)
    ]
    failure = Failure(kind="worker lost", message="gone")

    def change(trial: Trial) -> None:
        trial.state, trial.attempts, trial.error = "failed", attempts, failure

    ledger.change(key, change)


def test_failed_trials_stay_failed_unless_retried(begun: Ledger) -> None:
    key, other = begun.sweep.plan[:2]
    fail(begun, key, losses=3)
    assert again(begun).retry is None
    assert again(begun, retry=()).retry == ()
    assert again(begun, retry=(key,)).retry == (key,)
    # As an interrupted retry leaves it: the same command goes on.
    assert again(begun, retry=(key, other)).retry == (key, other)
    begun.change(other, lambda trial: setattr(trial, "state", "finished"))
    with pytest.raises(UserError, match="has not failed: it is finished"):
        again(begun, retry=(other,))
    with pytest.raises(UserError, match="no trial 'nothing'"):
        again(begun, retry=("nothing",))


def test_the_beginning_of_a_key_is_enough(begun: Ledger) -> None:
    key, other = begun.sweep.plan[:2]
    fail(begun, key, losses=3)
    assert again(begun, retry=(key[:6], key)).retry == (key,)
    assert chosen(begun, [other[:6], key[:6]]) == (other, key)
    begun.save(begun.trials[key].model_copy(update={"key": key[:6] + "more"}))
    begun.sweep.plan.append(key[:6] + "more")
    assert chosen(begun, [key]) == (key,), "a whole key means itself"
    with pytest.raises(UserError, match=f"2 trials of .* begin with .*: {key}, {key[:6]}more"):
        chosen(begun, [key[:6]])
    with pytest.raises(UserError, match="no trial ''"):
        chosen(begun, [""])


def test_nothing_to_retry_is_a_resume(begun: Ledger) -> None:
    assert again(begun, retry=()).retry is None


@pytest.mark.parametrize("named", [True, False])
def test_a_retried_trial_is_pending_again_with_all_its_retries(
    begun: Ledger, load: Load, *, named: bool
) -> None:
    spec = load(TEXT)
    key, other = begun.sweep.plan[:2]
    fail(begun, key, losses=3)
    fail(begun, other, losses=1)
    begun.put_back_failed((key,) if named else (), ["probe"])
    assert begun.trials[key].state == "pending"
    assert begun.trials[other].state == ("failed" if named else "pending")
    queue = Queue(spec, Plan({key: make_plan(spec).trials[key]}), begun)
    job = queue.next()
    assert job is not None
    assert (job.key, job.attempt) == (key, 4)
    queue.begun(job)
    queue.lost(job, Failure(kind="worker lost", message="gone again"))
    assert begun.trials[key].state == "pending"


def test_failed_evaluations_are_put_back_alone(begun: Ledger) -> None:
    key = begun.sweep.plan[0]

    def change(trial: Trial) -> None:
        trial.state = "finished"
        trial.evaluations = {
            "probe": Evaluated(state="failed", error=Failure(kind="error", message="")),
            "other": Evaluated(state="finished"),
        }

    begun.change(key, change)
    begun.put_back_failed((), ["probe"])
    assert begun.trials[key].state == "finished"
    assert list(begun.trials[key].evaluations) == ["other"]


def test_planned_trials_are_there_before_the_plan(load: Load, tmp_path: Path) -> None:
    """Cut off right after the plan was noted, a sweep is no finished one."""
    request = Request(load(TEXT), tmp_path, "")
    ledger = new_ledger(request, {})
    enter_plan(ledger, request, make_plan(request.spec), {})
    document = status_document(Ledger.open(ledger.folder))
    assert (document["state"], document["counts"]["pending"]) == ("interrupted", 4)
    (row,) = list_document(tmp_path)["sweeps"]
    assert (row["state"], row["trials"], row["counts"]["pending"]) == ("interrupted", 4, 4)


def test_the_code_is_noted_where_something_is_done(load: Load, tmp_path: Path) -> None:
    """Who asks again about a finished sweep has trained none of it."""
    request = Request(load(TEXT), tmp_path, "")
    ledger = new_ledger(request, {})
    ledger.sweep.code = before = {"version": "0.0.1", "git_commit": "abc"}
    enter_plan(ledger, request, make_plan(request.spec), {})
    assert Ledger.open(ledger.folder).sweep.code == before
    draft = as_it_begins(request, make_plan(request.spec), ledger, {})
    assert draft.sweep.code["version"] == __version__


def test_a_trial_without_a_document_is_pending(begun: Ledger) -> None:
    """Earlier versions noted the plan first."""
    for path in (begun.folder / "trials").iterdir():
        path.unlink()
    document = status_document(Ledger.open(begun.folder))
    assert (document["state"], document["counts"]["pending"]) == ("interrupted", 4)
    (row,) = list_document(begun.folder.parent)["sweeps"]
    assert (row["state"], row["counts"]["pending"]) == ("interrupted", 4)
    assert again(begun, retry=(begun.sweep.plan[0],)).retry is None


def test_a_sweep_of_the_version_before_flags_were_kept(begun: Ledger) -> None:
    begun.sweep.flags = {"data_root": None, "address": None}
    del begun.sweep.code["numerics"]
    begun.save_sweep()
    request = again(begun)
    assert request.flags.directory == Path.cwd()
    assert request.flags.max_concurrent is None


def test_trials_that_leave_the_plan_are_said_even_where_there_is_to_be_quiet(
    load: Load, tmp_path: Path, begun: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    for beta, said in (("[1, 2, 3]", False), ("[2, 3]", True)):
        request = Request(load(TEXT.replace("[1, 2]", beta)), tmp_path, "")
        console = Console(io.StringIO(), quiet=True)
        say_new_plan(begun, make_plan(request.spec), console)
        enter_plan(begun, request, make_plan(request.spec), {})
        assert ("the plan has changed" in capsys.readouterr().err) is said


def test_another_rhythm_is_warned_of_where_epochs_are_chosen_by_it(
    load: Load, begun: Ledger
) -> None:
    now = load(TEXT, "evaluation.probe_every=1")
    then = begun.sweep.spec["evaluation"]["probe_every"]
    said = f"warning: probe_every was {then} and is 1 now: 1 trial with epochs on record"
    record = {"epoch": 1, "metrics": {}, "images_per_s": 1.0, "epoch_s": 1.0, "at": 0.0}
    first, *_ = begun.planned()
    first.epochs = [Epoch.model_validate(record)]
    probe = SelectionConfig(metric="val/probe_accuracy")
    for selection, warned in (
        (probe, False),
        (replace(probe, epoch="best"), True),
        (replace(probe, patience=2), True),
        (SelectionConfig(epoch="best"), False),
    ):
        trials = make_plan(now).trials
        plan = Plan({key: replace(c, selection=selection) for key, c in trials.items()}, {})
        output = io.StringIO()
        say_new_rhythm(begun, plan, load(TEXT).evaluation, Console(output))
        assert output.getvalue() == ""
        say_new_rhythm(begun, plan, now.evaluation, Console(output))
        assert output.getvalue().startswith(said) == warned
        for trial in begun.trials.values():
            trial.state = "finished"
        say_new_rhythm(begun, plan, now.evaluation, Console(quiet := io.StringIO()))
        assert quiet.getvalue() == "", "nothing is trained any more"
        for trial in begun.trials.values():
            trial.state = "pending"


def test_more_epochs_are_said_calmly(load: Load, begun: Ledger) -> None:
    longer, out = TEXT.replace("epochs: 2", "epochs: 3"), io.StringIO()
    changed = "warning: the plan has changed: 4 trials are new, 4 have left it"
    say_new_plan(begun, make_plan(load(longer)), Console(out))
    assert out.getvalue().startswith(changed), "nothing was trained that could be gone on from"
    for trial in begun.trials.values():
        trial.state = "finished"
    say_new_plan(begun, make_plan(load(longer)), Console(out), takes_over=False)
    assert out.getvalue().splitlines()[-1].startswith(changed)
    for text, also in ((longer, ""), (longer.replace("[1, 2]", "[1, 2, 3]"), ", and 2 are new")):
        say_new_plan(begun, make_plan(load(text)), Console(out))
        said = f"4 trials have more epochs than before{also}; what was trained stays"
        assert out.getvalue().splitlines()[-1] == said
    for other in ("epochs: 1", "epochs: 3, learning_rate: 0.5"):
        say_new_plan(begun, make_plan(load(TEXT.replace("epochs: 2", other))), Console(out))
        last = out.getvalue().splitlines()[-1]
        assert last.startswith(changed)
