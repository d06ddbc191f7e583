"""Asking studies for trials, with trials whose worth is a formula; what is written is real."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.ledger.documents import Attempt, Epoch, Failure, Study, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.flat_names import flat
from orchestration.study.asking import Searching
from orchestration.study.progress import best_of, missing, progress

pytestmark = pytest.mark.slow

METRIC = "val/probe_accuracy"
SEARCH: dict[str, Any] = {
    "trials": 14,
    "startup": 4,
    "space": {
        "beta": {"log": [1e-8, 1e-1]},
        "lambda": {"log": [1e-3, 10.0]},
        "tau": {"range": [0.05, 1.0]},
    },
    "objectives": [{"metric": METRIC, "direction": "maximize"}],
}


def worth(config: dict[str, Any]) -> float:
    """Best at β = 1e-4; at τ = 0.3 for a CVAE."""
    tau = (config["tau"] - 0.3) ** 2 if config["model"] == "cvae" else 0.0
    degrees = 1e-3 * (config["views"]["rotation_degrees"] - 5) ** 2
    return 1.0 - 0.01 * (math.log10(config["beta"]) + 4) ** 2 - tau - degrees


class Simulation:
    """A sweep whose trials take no time: every state of its ledger goes through the disk."""

    def __init__(self, sweep: Any) -> None:
        self.sweep = sweep
        self.begin()

    def begin(self) -> None:
        """As a driver begins, from what is on disk."""
        self.ledger = self.sweep.open()
        self.searching = Searching(self.sweep.spec, self.sweep.plan.studies, self.ledger)
        self.waiting = [t.key for t in self.ledger.planned() if t.state == "pending"]

    def next(self) -> str | None:
        """As a driver goes on: what waited at its beginning first, then what a study asks for."""
        return self.waiting.pop(0) if self.waiting else self.searching.next()

    def train(self, key: str, fails: bool = False, kind: str = "error") -> None:
        """Train a trial to its end."""

        def done(trial: Trial) -> None:
            number = len(trial.attempts) + 1
            trial.attempts.append(Attempt(number=number, from_epoch=0, began=0.0, ended=1.0))
            trial.state = "failed" if fails else "finished"
            trial.error = Failure(kind=kind, message="made up") if fails else None
            metrics = {METRIC: worth(trial.config)}
            trial.epochs = [Epoch(epoch=3, metrics=metrics, images_per_s=1.0, epoch_s=1.0, at=1.0)]

        self.ledger.change(key, done)
        self.searching.ended(key)

    def finish(self, fails: Callable[[str], bool] = lambda _: False) -> None:
        """Work everything off."""
        while (key := self.next()) is not None:
            self.train(key, fails(key))

    def studies(self) -> list[Study]:
        """As they are on disk."""
        return Ledger.open(self.sweep.folder).planned_studies()

    def asks(self) -> list[list[dict[str, Any]]]:
        """All asks of each study, as they are on disk."""
        return [[ask.model_dump() for ask in study.asks] for study in self.studies()]


@pytest.fixture
def make(local_sweep: Callable[..., Any]) -> Callable[..., Simulation]:
    def made(search: dict[str, Any] | None = None, name: str = "a", **sections: Any) -> Simulation:
        sections = {"grid": {"model": ["vae", "cvae"]}, **sections}
        search = {**SEARCH, **(search or {})}
        return Simulation(local_sweep(name, search=search, **sections))

    return made


def test_every_study_gets_as_many_distinct_trials_as_it_was_promised(make: Any) -> None:
    simulation = make()
    simulation.finish()
    studies = simulation.studies()
    assert [study.name for study in studies] == ["vae", "cvae"]
    for study in studies:
        assert study.end == "complete"
        assert len({ask.key for ask in study.asks}) == 14
        assert progress(study, simulation.ledger.trials).finished == 14
    assert all("lambda" not in ask.params for ask in studies[0].asks)
    assert all(set(ask.params) == {"beta", "lambda", "tau"} for ask in studies[1].asks)


def test_a_suggestion_is_what_its_trial_trains(make: Any) -> None:
    simulation = make()
    simulation.finish()
    for study in simulation.studies():
        for ask in study.asks:
            config = flat(simulation.ledger.trials[ask.key].config)
            assert {name: config[name] for name in ask.params} == ask.params


def test_studies_take_turns(make: Any) -> None:
    simulation = make()
    models = []
    while (key := simulation.next()) is not None:
        models.append(simulation.ledger.trials[key].config["model"])
        simulation.train(key)
    assert models == ["vae", "cvae"] * 14


def test_a_search_that_is_cut_off_anywhere_asks_what_it_would_have_asked(make: Any) -> None:
    reference = make(name="reference")
    reference.finish()
    cut = make(name="cut")
    while (key := cut.next()) is not None:
        cut.begin()  # killed while it trains
        assert cut.next() == key
        cut.train(key)
        cut.begin()  # killed before the next one
    assert cut.asks() == reference.asks()


def test_an_ask_whose_trial_was_not_written_any_more_gets_it(make: Any) -> None:
    reference = make(name="reference")
    reference.finish()
    cut = make(name="cut")
    for _ in range(9):
        cut.train(cut.next())
    key = cut.next()
    (cut.sweep.folder / "trials" / f"{key}.json").unlink()
    cut.begin()
    assert cut.next() == key
    cut.train(key)
    cut.finish()
    assert cut.asks() == reference.asks()


def test_two_at_a_time_make_the_same_number(make: Any) -> None:
    simulation = make()
    chance, out = random.Random(0), []
    while True:
        key = simulation.searching.next() if len(out) < 3 else None
        if key is not None:
            simulation.ledger.change(key, lambda trial: setattr(trial, "state", "running"))
            out.append(key)
        elif out:
            simulation.train(out.pop(chance.randrange(len(out))))
        else:
            break
    for study in simulation.studies():
        assert study.end == "complete"
        assert progress(study, simulation.ledger.trials).finished == 14


def test_a_trial_of_two_studies_is_trained_once_and_told_to_both(make: Any) -> None:
    space = {"model": {"choice": ["vae", "cvae"]}, "beta": {"log": [1e-8, 1e-1]}}
    simulation = make({"space": space, "trials": 6, "startup": 2}, grid={"tau": [0.2, 0.5]})
    out = []
    while (key := simulation.searching.next()) is not None:
        out.append(key)
        if len(out) % 3 == 0:  # some end, some are under way meanwhile
            simulation.train(out[-1])
    assert len(out) == len(set(out)) < 12  # a VAE has no temperature: it is the same for both
    for key in out:
        if simulation.ledger.trials[key].state == "pending":
            simulation.train(key)
    assert [study.end for study in simulation.studies()] == ["complete", "complete"]


def test_the_best_of_an_exhausted_search_is_trained_again_in_the_same_run(make: Any) -> None:
    space = {"beta": {"choice": [1e-3, 1e-5]}}
    simulation = make({"space": space, "trials": 6, "replicates": 1})
    simulation.finish()
    for study in simulation.studies():
        assert study.end == "exhausted"
        states = [simulation.ledger.trials[key].state for key in study.replicates]
        assert states == ["finished"]
    assert simulation.searching.done


def test_nothing_is_handed_out_twice(make: Any) -> None:
    space = {"beta": {"choice": [1e-2, 1e-3, 1e-4, 1e-5]}, "clip_norm": {"choice": [0.5, 1.0]}}
    simulation = make({"space": space, "trials": 8})
    out = []
    while (key := simulation.searching.next()) is not None:
        out.append(key)  # nothing ends meanwhile
    assert len(out) == len(set(out)) == 16
    for key in out:
        simulation.train(key)
    assert [study.end for study in simulation.studies()] == ["complete", "complete"]


def test_a_small_space_is_not_given_up_where_the_model_looks_at_its_best_alone(make: Any) -> None:
    simulation = make(
        {"space": {"views.rotation_degrees": {"range": [0, 59], "step": 1}}, "trials": 50},
        grid={"model": ["cvae"]},
    )
    simulation.finish()
    assert [study.end for study in simulation.studies()] == ["complete"]


def test_a_stopped_trial_is_never_the_best(make: Any) -> None:
    simulation = make({"replicates": 1, "trials": 3})
    key = simulation.next()
    while key is not None:
        simulation.train(key)
        key = simulation.next() if simulation.studies()[0].end is None else None
    study = simulation.studies()[0]
    trials = simulation.ledger.trials
    ranked = sorted((a.key for a in study.asks), key=lambda key: -worth(trials[key].config))
    assert best_of(study, trials).key == ranked[0]
    trials[ranked[0]].state = "stopped"
    assert best_of(study, trials).key == ranked[1]


def test_failed_trials_do_not_count(make: Any) -> None:
    simulation = make()
    chance = random.Random(1)
    simulation.finish(fails=lambda _: chance.random() < 0.4)
    for study in simulation.studies():
        done = progress(study, simulation.ledger.trials)
        assert (study.end, done.finished) == ("complete", 14)
        assert done.failed > 0


def test_a_space_that_reaches_into_divergence_is_searched_to_its_end(make: Any) -> None:
    """The best lies at the border of where training diverges, as a learning rate's often does."""
    space = {"beta": {"log": [1e-8, 1e-1]}}

    def searched(name: str, *, learns: bool) -> Simulation:
        simulation: Simulation = make({"trials": 30, "space": space}, name, grid={"model": ["vae"]})
        for study in simulation.studies():
            assert study.learns_from_diverged  # of a study that is new
            study.learns_from_diverged = learns
            simulation.ledger.save_study(study)
        simulation.begin()
        while (key := simulation.next()) is not None:
            diverges = simulation.ledger.trials[key].config["beta"] > 10**-4.2
            simulation.train(key, diverges, "loss not finite")
            if learns and len(simulation.studies()[0].asks) % 7 == 0:
                simulation.begin()  # killed: it asks what it would have asked
        return simulation

    before, now = searched("before", learns=False), searched("now", learns=True)
    [study] = now.studies()
    assert (before.studies()[0].end, study.end) == ("failing", "complete")
    best = best_of(study, now.ledger.trials)
    assert best is not None
    assert 1e-5 < best.params["beta"] < 10**-4.2


def test_a_study_in_which_everything_fails_is_given_up(make: Any) -> None:
    simulation = make()
    vae = {s.key for s in simulation.studies() if s.name == "vae"}
    simulation.finish(fails=lambda key: simulation.ledger.trials[key].config["model"] == "vae")
    ends = {study.key: study.end for study in simulation.studies()}
    assert {ends[key] for key in vae} == {"failing"}
    assert sorted(ends.values()) == ["complete", "failing"]
    assert progress(simulation.studies()[0], simulation.ledger.trials).failed == 20


def test_duplicates_do_not_count_and_a_small_space_is_exhausted(make: Any) -> None:
    space = {"beta": {"choice": [1e-2, 1e-3, 1e-4, 1e-5]}, "clip_norm": {"choice": [0.5, 1.0]}}
    simulation = make({"space": space, "trials": 9})
    simulation.finish()
    for study in simulation.studies():
        assert study.end == "exhausted"
        firsts = [ask for ask in study.asks if ask.duplicate_of is None]
        assert len(firsts) == 8  # all that there are
        assert len(study.asks) - 1 - firsts[-1].number == 100
        for ask in study.asks:
            if ask.duplicate_of is not None:
                assert study.asks[ask.duplicate_of].key == ask.key
                assert study.asks[ask.duplicate_of].duplicate_of is None
    before = simulation.asks()
    simulation.begin()
    simulation.finish()
    assert simulation.asks() == before


def test_a_duplicate_is_told_what_is_known(make: Any) -> None:
    space = {"beta": {"choice": [1e-2, 1e-3, 1e-4, 1e-5]}}
    simulation = make({"space": space, "trials": 4, "startup": 1})
    simulation.finish()
    study = simulation.studies()[0]
    told = simulation.searching._advisors[study.key]._study().trials
    assert len(told) == len(study.asks) > 4
    for ask, frozen in zip(study.asks, told, strict=True):
        assert frozen.values == [worth(simulation.ledger.trials[ask.key].config)]


def test_more_trials_are_added_to_those_that_are_there(make: Any) -> None:
    few = make()
    few.finish()
    more = make({"trials": 20})
    assert [missing(s, more.ledger.trials) for s in more.ledger.planned_studies()] == [6, 6]
    more.finish()
    reference = make({"trials": 20}, name="reference")
    reference.finish()
    assert more.asks() == reference.asks()
    assert [study.end for study in more.studies()] == ["complete", "complete"]


def test_starting_points_come_first_and_the_rest_of_them_is_suggested(make: Any) -> None:
    points = [{"beta": 1e-5, "lambda": 1.0, "tau": 0.2}, {"lambda": 2.0}, {"beta": 1e-5}]
    simulation = make({"enqueue": points})
    simulation.finish()
    vae, cvae = simulation.studies()
    assert [ask.origin for ask in cvae.asks[:3]] == ["enqueued", "enqueued", "suggested"]
    assert cvae.asks[0].params == points[0]
    assert cvae.asks[1].params["lambda"] == 2.0
    assert set(cvae.asks[1].params) == {"beta", "lambda", "tau"}
    assert vae.asks[0].params == {"beta": 1e-5}
    assert [ask.origin for ask in vae.asks].count("enqueued") == 1


def test_a_starting_point_brings_what_it_means_something_beside(make: Any) -> None:
    space = {"model": {"choice": ["vae", "cvae"]}, **SEARCH["space"]}
    simulation = make({"space": space, "enqueue": [{"lambda": 2.0}]}, grid={})
    simulation.train(simulation.next())
    (study,) = simulation.studies()
    assert study.asks[0].params.items() >= {"model": "cvae", "lambda": 2.0}.items()
    assert (study.asks[0].origin, study.asks[0].params.keys()) == ("enqueued", space.keys())


def test_the_best_is_trained_again_with_new_seeds(make: Any) -> None:
    simulation = make({"replicates": 3}, seeds=[0, 1001])
    simulation.finish()
    trials = simulation.ledger.trials
    for study in simulation.studies():
        asked = [trials[ask.key] for ask in study.asks]
        best = max(asked, key=lambda trial: worth(trial.config))
        assert study.winner == best.key
        again = [trials[key] for key in study.replicates]
        assert [trial.config["seed"] for trial in again] == [1000, 1002, 1003]
        for trial in again:
            assert trial.state == "finished"
            assert {**trial.config, "seed": 0} == {**best.config, "seed": 0}


def test_studies_that_end_together_share_the_replicates_of_one_best(make: Any) -> None:
    space = {"beta": {"choice": [1e-4, 1e-5]}}
    search = {"space": space, "trials": 2, "replicates": 2}
    simulation = make(search, grid={"model": ["vae"]}, seeds=[0, 1])
    asked = [simulation.next() for _ in range(4)]
    for key in asked:
        simulation.train(key)
    one, other = simulation.studies()
    assert one.replicates == other.replicates
    out = [simulation.next() for _ in range(3)]
    assert out == [*one.replicates, None]


def test_a_new_best_has_replicates_of_its_own(make: Any) -> None:
    few = make({"replicates": 2})
    few.finish()
    before = few.studies()
    more = make({"replicates": 2, "trials": 40})
    more.finish()
    for old, new in zip(before, more.studies(), strict=True):
        best = max(
            (ask.key for ask in new.asks), key=lambda key: worth(more.ledger.trials[key].config)
        )
        assert new.winner == best
        assert (old.winner == best) == (old.replicates == new.replicates)
        assert all(more.ledger.trials[key].state == "finished" for key in new.replicates)
    assert any(old.winner != new.winner for old, new in zip(before, more.studies(), strict=True))


def test_three_that_are_not_allowed_together_are_told(make: Any) -> None:
    """No two of them are at fault: the file is in order until the three are suggested."""
    space = {
        "weights.reconstruction": {"choice": [0, 1]},
        "schedule.beta.end": {"choice": [0, 1]},
        "lambda": {"choice": [0, 1]},
    }
    fades = {"beta": {"shape": "linear", "start": 1, "epochs": 1}}
    search = {"seed": 1, "trials": 8, "space": space}
    simulation = make(search, grid={"model": ["cvae"]}, base={"epochs": 3, "schedule": fades})
    with pytest.raises(UserError, match=r"suggested, which is not allowed:.*nothing is trained"):
        simulation.finish()
    (study,) = simulation.studies()
    assert {ask.key for ask in study.asks} == {t.key for t in simulation.ledger.planned()} != set()
    assert all(trial.state == "finished" for trial in simulation.ledger.planned())


def test_a_trial_that_is_there_already_is_not_trained_again(make: Any) -> None:
    reference = make()
    reference.finish()
    simulation = make({"trials": 2}, name="b")
    first = reference.studies()[0].asks[0]
    trained = reference.ledger.trials[first.key]
    simulation.ledger.save(trained)
    key = simulation.searching.next()
    assert key != first.key
    assert simulation.studies()[0].asks[0].key == first.key
    simulation.train(key)
    simulation.finish()
    assert [study.end for study in simulation.studies()] == ["complete", "complete"]
