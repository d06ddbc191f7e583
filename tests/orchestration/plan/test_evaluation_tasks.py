"""Which evaluations are still to be done, told from what was noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.evaluation.parts import PARTS
from orchestration.errors import UserError
from orchestration.ledger.documents import CheckpointRef, Evaluated, Failure, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import split_entry
from orchestration.plan.evaluation_tasks import (
    Task,
    Wish,
    check_wish,
    is_open,
    open_tasks,
    tasks_of,
)
from orchestration.plan.shared_map_tasks import missing, shared_tasks
from orchestration.spec.evaluation import Evaluation

CONFIG = TrialConfig().to_settings()


def trained(key: str = "a", epochs: tuple[int, ...] = (4, 2), **more: Any) -> Trial:
    refs = [
        CheckpointRef(epoch=e, path=f"checkpoints/{e}.pt", sha256=f"{key}{e}", bytes=1)
        for e in epochs
    ]
    return Trial(key=key, config=CONFIG, state="finished", checkpoints=refs, **more)


def done(trial: Trial, evaluation: Evaluation, state: Any = "finished") -> Trial:
    for task in tasks_of(trial, evaluation):
        error = None if state == "finished" else Failure(kind=state, message="why")
        trial.evaluations[task.entry] = Evaluated(state=state, settings=task.settings, error=error)
    return trial


def entries(tasks: list[Task]) -> list[str]:
    return [task.entry for task in tasks]


def test_what_is_on_in_the_order_of_the_parts() -> None:
    on = [name for name, part in PARTS.items() if part.on]
    assert entries(tasks_of(trained(), Evaluation())) == on
    assert "fid" not in on
    some = Evaluation(fid=True, umap=False, probe={"neighbours": 5})
    wanted = {*on, "fid"} - {"umap"}
    assert entries(tasks_of(trained(), some)) == [name for name in PARTS if name in wanted]
    assert tasks_of(trained(), some)[0].settings["neighbours"] == 5
    assert tasks_of(trained(), some, Wish(only=("fid", "probe")))[1].part == "fid"


@pytest.mark.parametrize("state", ["pending", "running", "failed"])
def test_only_trained_trials_are_evaluated(state: Any) -> None:
    trial = trained()
    trial.state = state
    assert tasks_of(trial, Evaluation()) == []
    assert tasks_of(trial, Evaluation(), Wish(every_checkpoint=True)) == []


def test_a_changed_setting_opens_its_part_alone() -> None:
    trial = done(trained(), Evaluation())
    assert open_tasks(trial, Evaluation()) == []
    changed = Evaluation(probe={"neighbours": 5}, pictures={"samples": 64})
    assert entries(open_tasks(trial, changed)) == ["probe"]
    assert len(open_tasks(trial, Evaluation(split="validation"))) == len(trial.evaluations)


@pytest.mark.parametrize("value", [0.01, 0.5])
def test_a_setting_that_joined_later_is_at_its_default(value: float) -> None:
    trial = done(trained(), Evaluation())
    del trial.evaluations["diagnostics"].settings["active_threshold"]
    evaluation = Evaluation(diagnostics={"active_threshold": value})
    assert entries(open_tasks(trial, evaluation)) == (["diagnostics"] if value == 0.5 else [])


def test_metrics_that_joined_later_are_added_by_evaluate_alone(tmp_path: Path) -> None:
    before, now = done(trained("a"), Evaluation()), done(trained("b"), Evaluation())
    joined = [name for name, part in PARTS.items() if part.additions and part.on]
    assert "diagnostics" in joined
    for entry in before.evaluations.values():
        del entry.settings["additions"]  # as before there was any
    assert open_tasks(before, Evaluation()) == [], "a sweep that is done stays done"
    assert entries(open_tasks(before, Evaluation(), Wish())) == joined
    assert entries(open_tasks(before, Evaluation(), Wish(only=("umap", "diagnostics")))) == [
        "diagnostics"
    ]
    assert open_tasks(now, Evaluation(), Wish()) == []
    ledger = ledger_of(tmp_path, before, now)
    assert missing(ledger, Evaluation(), Wish()) == [("a", part) for part in joined]


def test_a_setting_that_has_left_is_measured_again() -> None:
    trial = done(trained(), Evaluation())
    trial.evaluations["umap"].settings["metric"] = "cosine"
    assert entries(open_tasks(trial, Evaluation())) == ["umap"]


@pytest.mark.parametrize("state", ["finished", "failed", "absent"])
def test_where_a_file_lies_matters_only_while_there_is_no_result(state: str) -> None:
    trial = done(trained(), Evaluation(fid={"n": 50}), state)
    named = Evaluation(fid={"n": 50, "weights": "/elsewhere"})
    assert entries(open_tasks(trial, named)) == ([] if state == "finished" else ["fid"])
    other = Evaluation(fid={"n": 50, "sha256": "0" * 64})
    assert entries(open_tasks(trial, other)) == ["fid"]


def test_a_map_of_all_changes_nothing_of_the_maps_of_each() -> None:
    trial = done(trained(), Evaluation())
    assert open_tasks(trial, Evaluation(umap={"shared": True})) == []


@pytest.mark.parametrize("state", ["failed", "absent"])
def test_what_is_not_there_is_missing_but_not_open(state: str, tmp_path: Path) -> None:
    trial = done(trained(), Evaluation())
    trial.evaluations["umap"].state = state  # type: ignore[assignment]
    ledger = ledger_of(tmp_path, trial)
    assert open_tasks(trial, Evaluation()) == []
    assert missing(ledger, Evaluation(), Wish()) == [("a", "umap")]
    assert missing(ledger, Evaluation(), Wish(only=("probe",))) == []
    assert missing(ledger, Evaluation(), Wish(trials=("b",))) == []
    ledger.forget_missing([("a", "umap"), ("a", "probe"), ("", "shared_umap"), ("a", "nothing")])
    assert entries(open_tasks(ledger.trials["a"], Evaluation())) == ["umap"]
    assert Ledger.open(ledger.folder).trials["a"].evaluations["umap"].state == "pending"


def test_every_checkpoint_on_validation() -> None:
    wish = Wish(only=("diagnostics", "probe"), every_checkpoint=True)
    tasks = tasks_of(trained(), Evaluation(), wish)
    assert entries(tasks) == ["probe@2", "diagnostics@2", "probe@4", "diagnostics@4"]
    assert {task.settings["split"] for task in tasks} == {"validation"}
    paths = [task.checkpoint.path for task in tasks if task.checkpoint]
    assert paths[::2] == ["checkpoints/2.pt", "checkpoints/4.pt"]
    trial = done(trained(), Evaluation())
    assert len(open_tasks(trial, Evaluation(), wish)) == 4, "those on test are others"
    trial.evaluations["probe@2"] = Evaluated(state="finished", settings=tasks[0].settings)
    assert entries(open_tasks(trial, Evaluation(), wish))[0] == "diagnostics@2"
    assert not is_open(tasks[0], trial)
    assert split_entry("probe@12") == ("probe", 12)
    assert split_entry("probe") == ("probe", None)


def test_a_wish_for_what_cannot_be_evaluated(tmp_path: Path) -> None:
    waiting = Trial(key="b", config=CONFIG)
    gone = trained("c")
    ledger = ledger_of(tmp_path, trained(), waiting, gone)
    ledger.sweep.plan = ["a", "b"]
    check_wish(Wish(trials=("a",)), ledger)
    with pytest.raises(UserError, match="trial b of s is pending: only trained trials"):
        check_wish(Wish(trials=("a", "b")), ledger)
    for key in ("c", "nothing"):
        with pytest.raises(
            UserError, match=rf"no trial '{key}' in s; see .*cvae-sweep status s --storage"
        ):
            check_wish(Wish(trials=(key,)), ledger)


SHARED = Evaluation(umap={"shared": True, "n": 50})


def ledger_of(folder: Path, *trials: Trial) -> Ledger:
    plan = [trial.key for trial in trials]
    ledger = Ledger.create(
        folder / "s", Sweep(name="s", sweep_id="1", created=0, spec={}, plan=plan)
    )
    for trial in trials:
        ledger.save(trial)
    return ledger


def note(ledger: Ledger, state: Any = "finished") -> None:
    (task,) = shared_tasks(ledger, SHARED, missing=True)
    ledger.note_evaluation("", task.entry, Evaluated(state=state, settings=task.settings))


def test_a_map_of_all_trials_once_all_are_trained(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, trained("a"), trained("b"), Trial(key="c", config=CONFIG))
    assert shared_tasks(ledger, SHARED) == [], "one is still to be trained"
    ledger.change("c", lambda trial: setattr(trial, "state", "failed"))
    (task,) = shared_tasks(ledger, SHARED)
    assert (task.entry, [trial.key for trial in task.trials]) == ("shared_umap", ["a", "b"])
    for wish in (
        Wish(only=("probe",)),
        Wish(trials=("a",)),
        Wish(every_checkpoint=True),
    ):
        assert shared_tasks(ledger, SHARED, wish) == []
    assert len(shared_tasks(ledger, SHARED, Wish(only=("umap",)))) == 1
    assert shared_tasks(ledger, Evaluation()) == []
    note(ledger)
    assert shared_tasks(ledger, SHARED, missing=True) == []


def test_a_map_of_all_trials_is_made_again_where_something_has_changed(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, trained("a"), trained("b"))
    note(ledger)
    del ledger.sweep.evaluations["shared_umap"].settings["min_dist"]
    assert shared_tasks(ledger, SHARED) == [], "a setting that joined later"
    assert len(shared_tasks(ledger, Evaluation(umap={"shared": True, "n": 60}))) == 1
    ledger.save(trained("c"))
    ledger.sweep.plan.append("c")
    assert len(shared_tasks(ledger, SHARED)) == 1
    note(ledger)
    ledger.change("b", lambda t: setattr(t.checkpoints[0], "sha256", "trained again"))
    assert len(shared_tasks(ledger, SHARED)) == 1


@pytest.mark.parametrize("state", ["failed", "absent"])
def test_a_map_that_is_not_there_is_made_again_by_wish(tmp_path: Path, state: str) -> None:
    ledger = ledger_of(tmp_path, done(trained("a"), SHARED), done(trained("b"), SHARED))
    note(ledger, state)
    assert shared_tasks(ledger, SHARED) == []
    assert ledger.has_failures == (state == "failed")
    assert missing(ledger, SHARED, Wish()) == [("", "shared_umap")]
    ledger.forget_missing(missing(ledger, SHARED, Wish()))
    assert Ledger.open(ledger.folder).sweep.evaluations == {}
    assert len(shared_tasks(ledger, SHARED)) == 1


def test_one_trial_has_no_map_with_others(tmp_path: Path) -> None:
    assert shared_tasks(ledger_of(tmp_path, trained("a")), SHARED) == []


def test_retry_puts_back_what_comes_again_by_itself(tmp_path: Path) -> None:
    trial = trained("a")
    failed = Evaluated(state="failed", error=Failure(kind="error", message=""))
    trial.evaluations = {"probe": failed, "fid": failed, "probe@2": failed}
    ledger = ledger_of(tmp_path, trial, trained("b"))
    note(ledger, "failed")
    ledger.put_back_failed(("a",), SHARED.wanted())
    assert list(ledger.trials["a"].evaluations) == ["fid", "probe@2"]
    assert list(ledger.sweep.evaluations) == ["shared_umap"]
    ledger.put_back_failed((), SHARED.wanted())
    assert ledger.sweep.evaluations == {}


def test_weights_are_found_from_every_working_directory() -> None:
    def weights(fid: Any) -> Any:
        located = Evaluation(fid=fid).located(Path("/started/here"))
        return located.wanted(("fid",))["fid"]["weights"]

    assert weights({"weights": "weights/i.pth"}) == "/started/here/weights/i.pth"
    assert weights({"weights": "/absolute/i.pth"}) == "/absolute/i.pth"
    assert weights({"weights": "~/i.pth"}) == "~/i.pth"
    assert weights({"n": 50}) is weights(True) is weights(False) is None
