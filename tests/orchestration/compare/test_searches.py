"""Searches compared, from documents on disk, with numbers counted by hand."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.compare.searches import search_comparison
from orchestration.errors import UserError
from orchestration.ledger.processes import recorded
from orchestration.spec.dimensions import Dimension

from .conftest import RECONSTRUCTION, START, TAU, Searches

Make = Callable[..., Searches]


def compared(searches: Searches, by: str | None = None) -> dict[str, Any]:
    """As scripts get it."""
    document: dict[str, Any] = json.loads(
        json.dumps(search_comparison(searches.read(), by), allow_nan=False)
    )
    return document


@pytest.fixture
def two(searches: Make) -> Searches:
    """VAE: four trials and a failed one; CVAE: three, of which one was stopped."""
    made = searches(cpu=2)
    vae = made.study("vae", model="vae")
    cvae = made.study("cvae", model="cvae")
    made.trial(vae, 0.6, cost=10.0, ended=10)
    made.trial(vae, None, "failed", cost=4.0, ended=5)
    made.trial(vae, 0.5, cost=10.0, ended=20)
    made.trial(vae, 0.7, cost=10.0, ended=30)
    made.duplicate(vae, of=0)
    made.trial(vae, 0.8, cost=10.0, ended=40)
    made.trial(cvae, 0.4, cost=15.0, ended=25, test={"probe/accuracy": 0.45})
    made.trial(cvae, 0.99, "stopped", cost=5.0, ended=12)
    made.trial(cvae, 0.9, cost=15.0, ended=33, test={"probe/accuracy": 0.85})
    return made


def test_budgets_and_the_best_at_equal_ones(two: Searches) -> None:
    document = compared(two)
    assert (document["kind"], document["by"], document["wanted"]) == ("search", "model", 12)
    vae, cvae = document["families"]
    assert [vae["family"], cvae["family"]] == ["vae", "cvae"]
    assert vae["trials"] == {
        **{"finished": 4, "stopped": 0, "failed": 1, "running": 0, "pending": 0},
        "duplicates": 1,
    }
    assert (cvae["trials"]["finished"], cvae["trials"]["stopped"]) == (2, 1)
    assert (vae["cpu_s"], cvae["cpu_s"]) == (2 * 44, 2 * 35)
    assert document["equal"] == {"trials": 3, "cpu_s": 70}
    # The failed one is none of the three trials, but 8 of the CPU-seconds.
    assert vae["at_equal"]["trials"] == {"mean": 0.7, "sd": None, "n": 1}
    assert vae["at_equal"]["cpu_s"] == {"mean": 0.7, "sd": None, "n": 1}
    assert cvae["at_equal"]["trials"]["mean"] == cvae["at_equal"]["cpu_s"]["mean"] == 0.9
    assert vae["curves"]["trials"] == [[1, 0.6], [3, 0.7], [4, 0.8]]
    assert vae["curves"]["cpu_s"] == [[28, 0.6], [68, 0.7], [88, 0.8]]
    assert cvae["curves"]["trials"] == [[1, 0.4], [3, 0.9]]
    assert cvae["curves"]["cpu_s"] == [[40, 0.4], [70, 0.9]]


def test_only_a_finished_trial_is_the_best(two: Searches) -> None:
    _, cvae = compared(two)["studies"]
    assert cvae["best"]["values"] == [0.9], "0.99 was stopped on its way"
    assert cvae["best"]["params"] == {"beta": 0.003}
    assert (cvae["best"]["cpu_s"], cvae["best"]["test"]) == (30, {"probe/accuracy": 0.85})
    assert [point["values"] for point in cvae["points"]] == [[0.4], [0.99], [0.9]]
    assert [point["state"] for point in cvae["points"]] == ["finished", "stopped", "finished"]
    assert cvae["best"]["key"] == two.ledger.planned_studies()[1].asks[2].key


def test_while_it_runs(two: Searches) -> None:
    vae = two.ledger.planned_studies()[0]
    two.trial(vae, 0.95, "running", cost=6.0, ended=50)
    trial = two.trial(vae, None, "pending")
    (two.ledger.folder / "trials" / f"{trial.key}.json").unlink()  # asked, and not yet written
    left = compared(two)["families"][0]["trials"]
    assert (left["running"], left["pending"]) == (0, 2), "its driver is gone"
    with recorded(two.ledger.folder):
        family = compared(two)["families"][0]
    assert (family["trials"]["running"], family["trials"]["pending"]) == (1, 1)
    assert family["cpu_s"] == 2 * 50
    assert family["best"]["values"] == [0.8]
    assert family["curves"]["cpu_s"][-1] == [100, 0.8], "what it has cost so far is spent"
    assert family["curves"]["trials"][-1] == [4, 0.8]


def test_a_smaller_value_may_be_the_better_one(searches: Make) -> None:
    made = searches(objectives=[RECONSTRUCTION])
    study = made.study("vae", model="vae")
    for value in (0.5, 0.3, 0.4):
        made.trial(study, value)
    (family,) = compared(made)["families"]
    assert family["best"]["values"] == [0.3]
    assert family["curves"]["trials"] == [[1, 0.5], [2, 0.3], [3, 0.3]]


def test_several_studies_of_a_family_are_averaged(searches: Make) -> None:
    made = searches()
    values = {
        ("vae", 0): (0.1, 0.5, 0.9),
        ("vae", 1): (0.2, 0.2),
        ("cvae", 0): (0.3, 0.4, 0.6),
        ("cvae", 1): (0.7, 0.1, 0.8),
    }
    for (model, seed), found in values.items():
        study = made.study(f"{model} seed={seed}", model=model, seed=seed)
        for value in found:
            made.trial(study, value)
    document = compared(made)
    assert document["equal"]["trials"] == 2
    for family in document["families"]:
        own = [max(v[:2]) for (model, _), v in values.items() if model == family["family"]]
        reached = family["at_equal"]["trials"]
        assert reached["mean"] == pytest.approx(statistics.fmean(own))
        assert reached["sd"] == pytest.approx(statistics.stdev(own))
        assert len(family["studies"]) == 2
    vae, cvae = document["families"]
    assert vae["best"]["values"] == [0.9]
    assert vae["curves"]["trials"] == [[1, pytest.approx(0.15)], [2, pytest.approx(0.35)]]
    assert cvae["curves"]["trials"][-1] == [3, pytest.approx(0.7)]

    by_seed = compared(made, "seed")
    assert [family["family"] for family in by_seed["families"]] == ["seed=0", "seed=1"]
    assert by_seed["families"][1]["best"]["values"] == [0.8]


def test_a_study_without_trials_leaves_something_to_compare(two: Searches) -> None:
    before = compared(two)["equal"]
    dead = two.study("cvae seed=1", model="cvae", seed=1)
    two.trial(dead, None, "failed", cost=1.0)
    document = compared(two)
    assert document["equal"] == before
    assert document["left_out"] == ["cvae seed=1"]
    assert document["families"][1]["at_equal"]["trials"]["n"] == 1


def test_nothing_at_all_yet(searches: Make) -> None:
    made = searches()
    made.study("vae", model="vae")
    document = compared(made)
    assert document["equal"] == {"trials": 0, "cpu_s": 0}
    assert document["families"][0]["best"] is None
    assert document["families"][0]["at_equal"] == {"trials": None, "cpu_s": None}


def test_what_families_can_be_made_of(two: Searches) -> None:
    with pytest.raises(UserError, match=r"--by latent: .*use one of: model$"):
        compared(two, "latent")
    with pytest.raises(UserError, match=r"--by beta: it is searched.*use one of: model$"):
        compared(two, "beta")


def test_a_searched_model_makes_one_family(searches: Make) -> None:
    made = searches()
    study = made.study("all", [Dimension("model", "choice", choices=("vae", "cvae"))])
    made.trial(study, 0.5, model="vae")
    made.trial(study, 0.6, model="cvae")
    document = compared(made)
    assert document["by"] is None
    assert [family["family"] for family in document["families"]] == ["all"]
    with pytest.raises(UserError, match=r"--by model: it is searched.*the grid fixes nothing else"):
        compared(made, "model")


def test_a_setting_that_a_family_does_not_have(searches: Make) -> None:
    made = searches()
    for name, fixed in (("vae", {}), ("cvae τ=0.1", {"tau": 0.1}), ("cvae τ=1", {"tau": 1.0})):
        study = made.study(name, model=name.split()[0], **fixed)
        if not fixed:
            del study.fixed["tau"]
            made.ledger.save_study(study)
        made.trial(study, 0.5)
    families = compared(made, "tau")["families"]
    assert [family["family"] for family in families] == ["no τ", "τ=0.1", "τ=1"]


def test_fronts_of_several_objectives(searches: Make) -> None:
    made = searches(objectives=[{"metric": "val/a", "direction": "maximize"}, RECONSTRUCTION])
    points = {
        "vae": [(0.1, 0.1), (0.5, 0.5), (0.5, 0.6), (0.4, 0.5)],
        "cvae": [(0.5, 0.4), (0.95, 0.01), (0.9, 0.9)],
    }
    for model, values in points.items():
        study = made.study(model, model=model)
        for place, value in enumerate(values):
            stopped = model == "cvae" and place == 1
            made.trial(study, value, "stopped" if stopped else "finished")
    document = compared(made)
    vae, cvae = document["families"]
    assert [tuple(e["values"]) for e in vae["front"]] == [(0.1, 0.1), (0.5, 0.5)]
    assert [tuple(e["values"]) for e in cvae["front"]] == [(0.5, 0.4), (0.9, 0.9)]
    assert vae["best"] is None
    assert vae["curves"] == {"trials": [], "cpu_s": []}
    # (0.5, 0.4) beats (0.5, 0.5); what was stopped is on no front.
    assert document["equal"]["trials"] == 3
    assert vae["at_equal"]["trials"] == {"on_joint_front": 1, "of": 3}
    assert cvae["at_equal"]["trials"] == {"on_joint_front": 2, "of": 3}


def test_replicates_speak_for_themselves_alone(two: Searches) -> None:
    cvae = two.ledger.planned_studies()[1]
    cvae.winner = cvae.asks[2].key
    values, tests = (0.7, 0.8, 0.75), (0.6, 0.62, 0.7)
    for value, test in zip(values, tests, strict=True):
        two.trial(cvae, value, cost=9.0, replicate=True, test={"probe/accuracy": test}, beta=0.003)
    two.trial(cvae, None, "failed", replicate=True, beta=0.003, cost=1.0)
    vae, study = compared(two)["studies"]
    assert vae["replicates"] is None
    found = study["replicates"]
    assert (found["wanted"], found["finished"], found["cpu_s"]) == (4, 3, 2 * 28)
    for name, own in (("val/probe_accuracy", values), ("probe/accuracy", tests)):
        assert found["metrics"][name] == {
            "mean": pytest.approx(statistics.fmean(own)),
            "sd": pytest.approx(statistics.stdev(own)),
            "n": 3,
        }
    assert found["found_in_search"]["values"] == [0.9]
    assert study["cpu_s"] == 70, "they are none of the search's budget"
    assert len(study["points"]) == 3


def test_metrics_that_are_not_finite_or_missing_are_no_values(searches: Make) -> None:
    made = searches()
    study = made.study("cvae", [TAU], model="cvae")
    made.trial(study, None, tau=0.1)
    made.trial(study, 0.2, tau=0.2)
    made.trial(study, 0.9, tau=0.3).epochs[-1].metrics["val/probe_accuracy"] = float("inf")
    document = search_comparison(made.ledger)
    assert document["families"][0]["best"]["values"] == [0.2]
    assert [point["values"] for point in document["studies"][0]["points"]] == [None, [0.2], None]
    assert document["equal"]["trials"] == 3


def test_a_trial_that_is_taken_over_was_not_known_before(searches: Callable[..., Searches]) -> None:
    """Another sweep had trained it long ago."""
    made = searches()
    study = made.study("vae", model="vae")
    made.trial(study, 0.5, cost=10.0, ended=100.0)
    taken = made.trial(study, 0.9, cost=20.0, ended=5.0)
    taken.taken_over = START + 200.0
    made.ledger.save(taken)
    (found,) = search_comparison(made.read())["studies"]
    assert found["curves"]["cpu_s"] == [[10.0, 0.5], [30.0, 0.9]]
