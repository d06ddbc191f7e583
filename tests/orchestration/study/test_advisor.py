"""Suggestions as a function of the record alone, checked against the record of a live study."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import TrialState

from orchestration.spec.dimensions import Dimension
from orchestration.spec.search import Sampler
from orchestration.study.advisor import (
    MIN_IMPORTANCE_TRIALS,
    MODELS,
    Advisor,
    Direction,
    _seed,
    distribution_of,
    stored,
)
from orchestration.study.outcomes import Outcome

BETA = Dimension("beta", "float", 1e-8, 1e-1, log=True)
CHANNELS = Dimension("architecture.channels", "choice", choices=([8, 16], [8, 16, 32]))
LATENT = Dimension("architecture.latent_dim", "int", 4, 64, step=4)
MODEL = Dimension("model", "choice", choices=("vae", "cvae"))
LAMBDA = Dimension("lambda", "float", 1e-3, 10.0, log=True, when={"model": ("cvae",)})
TAU = Dimension("tau", "float", 0.05, 1.0, when={"model": ("cvae",)})
PLAIN = (BETA,)
INF = math.inf
CONDITIONAL = (CHANNELS, LATENT, BETA, MODEL, LAMBDA, TAU)
SAMPLERS: tuple[str, ...] = get_args(Sampler)
SPACES = {"plain": PLAIN, "conditional": CONDITIONAL}
DIRECTIONS: dict[int, tuple[Direction, ...]] = {1: ("maximize",), 2: ("minimize", "maximize")}


def advisor(
    dimensions: tuple[Dimension, ...] = CONDITIONAL,
    objectives: int = 1,
    *,
    fixed: dict[str, Any] | None = None,
    sampler: str = "tpe",
    seed: int = 0,
    startup: int = 4,
) -> Advisor:
    directions = DIRECTIONS[objectives]
    return Advisor(dimensions, fixed or {}, directions, sampler, seed, startup)


def outcome(number: int, params: dict[str, Any], objectives: int) -> Outcome:
    """Made up: best where β and λ are 1e-4; some trials fail, diverge or are stopped."""
    far = sum((math.log10(params.get(name, 1e-4)) + 4) ** 2 for name in ("beta", "lambda"))
    if number % 7 == 3:
        return Outcome("failed", (), {1: 0.1})
    if number % 9 == 5:
        return Outcome("diverged")
    if number % 5 == 2:
        if objectives == 1:
            return Outcome("pruned", (-far,), {1: -20.0, 1 + number % 3: -far})
        return Outcome("pruned")
    return Outcome("complete", (-far,) if objectives == 1 else (far, params["beta"]), {1: -far})


class Record:
    """What the ledger would hold of a study with up to three trials under way."""

    def __init__(self, live: Advisor, asks: int, objectives: int) -> None:
        self.params: list[dict[str, Any]] = []
        self.outcomes: list[Outcome] = []
        self.histories: list[str] = []
        """The record as JSON text before each ask."""
        order = random.Random(0)
        for number in range(asks):
            self.histories.append(self.text())
            self.params.append(live.ask(random=number % 11 == 6))
            self.outcomes.append(Outcome("running"))
            running = [n for n, o in enumerate(self.outcomes) if o.state == "running"]
            if len(running) == 3:  # they end in another order than they began
                ended = order.choice(running)
                self.outcomes[ended] = outcome(ended, self.params[ended], objectives)
                live.tell(ended, self.outcomes[ended])

    def text(self) -> str:
        return json.dumps(
            [
                [params, o.state, o.values, list(o.intermediate.items())]
                for params, o in zip(self.params, self.outcomes, strict=True)
            ]
        )


def refill(found: Advisor, text: str) -> Advisor:
    found.add_all(
        (params, Outcome(state, tuple(values), dict(intermediate)))
        for params, state, values, intermediate in json.loads(text)
    )
    return found


def test_every_sampler_of_sweep_files_is_a_model_but_random() -> None:
    assert sorted(SAMPLERS) == sorted([*MODELS, "random"])


@pytest.mark.parametrize("objectives", [1, 2])
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_refilled_study_asks_what_the_live_one_asked(
    space: str, objectives: int, sampler: str
) -> None:
    record = Record(advisor(SPACES[space], objectives, sampler=sampler), 34, objectives)
    states = {o.state for o in record.outcomes}
    assert states == {"complete", "pruned", "diverged", "failed", "running"}
    for number, text in enumerate(record.histories):
        again = refill(advisor(SPACES[space], objectives, sampler=sampler), text)
        assert again.ask(random=number % 11 == 6) == record.params[number]


def test_a_study_of_stopped_trials_goes_on_as_the_live_one() -> None:
    live = advisor(PLAIN)
    record: list[list[Any]] = []
    for number in range(12):
        params = live.ask()
        again = refill(advisor(PLAIN), json.dumps(record))
        assert again.ask() == params
        rungs = {1: 0.1, 2 + number % 2: -abs(math.log10(params["beta"]) + 4)}
        live.tell(number, Outcome("pruned", (rungs[2 + number % 2],), rungs))
        record.append([params, "pruned", [rungs[2 + number % 2]], list(rungs.items())])


def all_told() -> str:
    """What is asked with one objective and with two, and importances, of four trees instead of 64:
    how good they are is no matter here."""
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "orchestration.study.advisor.FanovaImportanceEvaluator",
            partial(FanovaImportanceEvaluator, n_trees=4),
        )
        for objectives in (1, 2):
            found = advisor(objectives=objectives)
            lines += [Record(found, 25, objectives).text(), str(found.importances())]
    return "\n".join(lines)


SCRIPT = "from tests.orchestration.study.test_advisor import all_told; print(all_told())"


@pytest.mark.slow
@pytest.mark.program
def test_another_process_with_other_hashes_asks_the_same() -> None:
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout == f"{all_told()}\n"
    assert there.stderr == ""  # nor does Optuna say anything


def test_what_is_running_is_kept_away_from() -> None:
    def next_beta(*running: float) -> float:
        found = advisor(PLAIN)
        for power in range(-8, -1):
            far = abs(power + 4)
            found.add({"beta": 10.0**power}, Outcome("complete", (-far,)))
        for beta in running:
            found.add({"beta": beta}, Outcome("running"))
        return float(found.ask()["beta"])

    assert next_beta() != next_beta(1e-4)


def test_stopped_and_failed_trials_and_their_rungs_matter_to_the_model() -> None:
    def next_betas(last: Outcome) -> tuple[float, ...]:
        found = advisor(PLAIN)
        for power in range(-8, -2):
            found.add({"beta": 10.0**power}, Outcome("pruned", (0.5,), {2: 0.5 + power / 100}))
        found.add({"beta": 3e-2}, last)
        return tuple(found.ask()["beta"] for _ in range(4))

    late, early = Outcome("pruned", (0.4,), {9: 0.4}), Outcome("pruned", (0.4,), {1: 0.4})
    assert len({next_betas(last) for last in (late, early, Outcome("failed"))}) == 3


def test_a_stopped_trial_beside_several_objectives_does_not_break_the_study() -> None:
    found = advisor(objectives=2)
    first = found.ask()
    found.tell(0, Outcome("pruned", (0.5,), {1: 0.5}))
    for number in range(1, 8):
        params = found.ask()
        assert params != first
        found.tell(number, Outcome("complete", (float(number), 0.0)))


@pytest.mark.parametrize("objectives", [1, 2])
def test_the_model_keeps_away_from_where_training_diverges(objectives: int) -> None:
    def diverged_in_a_row(*, learns: bool) -> int:
        directions, row, longest = DIRECTIONS[objectives], 0, 0
        found = Advisor((BETA,), {}, directions, "tpe", 0, 10, learns_from_diverged=learns)
        for number in range(60):
            params = found.ask()
            power = math.log10(params["beta"])
            row = row + 1 if power > -5 else 0  # the better, the nearer to it
            longest = max(longest, row)
            values = (power,) if objectives == 1 else (-power, 0.0)
            found.tell(number, Outcome("diverged") if row else Outcome("complete", values))
        return longest

    assert diverged_in_a_row(learns=True) < 10 < diverged_in_a_row(learns=False)


def test_a_diverged_trial_is_worse_than_any_stopped_one() -> None:
    def next_beta(*outcomes: Outcome) -> float:
        found = advisor(PLAIN)
        found.add_all(({"beta": 10.0 ** -(8 - n)}, each) for n, each in enumerate(outcomes))
        return float(found.ask()["beta"])

    stopped = [Outcome("pruned", (0.1 * n,), {1: 0.1 * n}) for n in range(1, 6)]
    assert next_beta(Outcome("diverged"), *stopped) == next_beta(Outcome("pruned"), *stopped)


def test_a_model_is_not_asked_about_diverged_trials_alone() -> None:
    found, blind = advisor(PLAIN), advisor(PLAIN, sampler="random")
    for _ in range(6):
        params = found.ask()
        assert params == blind.ask()
        found.tell(_, Outcome("diverged"))


def test_a_study_of_before_goes_on_without_learning_from_diverged_trials() -> None:
    def asks(state: Any, *, learns: bool) -> list[dict[str, Any]]:
        directions = DIRECTIONS[1]
        found = Advisor(CONDITIONAL, {}, directions, "tpe", 0, 4, learns_from_diverged=learns)
        for number in range(20):
            params = found.ask()
            told = outcome(number, params, 1)
            found.tell(number, Outcome(state) if number % 3 == 1 else told)
        return [found.ask() for _ in range(3)]

    before = asks("diverged", learns=False)
    assert before != asks("diverged", learns=True)
    # ``outcome`` itself has diverged ones, at 5, 14: they failed as well.
    assert before == asks("failed", learns=False)


def test_the_model_is_asked_when_enough_have_ended() -> None:
    def sixth_ask(startup: int) -> dict[str, Any]:
        found = advisor(startup=startup)
        for number in range(5):
            found.tell(number, outcome(number, found.ask(), 1))  # the fourth one fails
        return found.ask()

    assert sixth_ask(5) == sixth_ask(100)
    assert sixth_ask(4) != sixth_ask(100)
    assert advisor(sampler="random").ask() == advisor(startup=100).ask()


def test_the_model_may_be_passed_over() -> None:
    asks = []
    for sampler, random_ones in (("tpe", True), ("tpe", False), ("random", False)):
        found = advisor(sampler=sampler)
        for number in range(8):
            found.add({"beta": 10.0 ** -(number + 1)}, Outcome("complete", (float(number),)))
        asks.append(found.ask(random=random_ones))
    assert asks[0] == asks[2] != asks[1]


def test_the_model_finds_better_ones_than_chance() -> None:
    def best(sampler: str, seed: int) -> float:
        found = advisor((BETA, TAU_ALWAYS), sampler=sampler, seed=seed)
        values = []
        for number in range(40):
            params = found.ask()
            far = (math.log10(params["beta"]) + 4) ** 2 + (10 * params["tau"] - 3) ** 2
            values.append(-far)
            found.tell(number, Outcome("complete", (-far,)))
        return max(values)

    better = sum(best("tpe", seed) > best("random", seed) for seed in range(7))
    assert better >= 6


TAU_ALWAYS = Dimension("tau", "float", 0.05, 1.0)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_two_families_begin_with_the_same_values_in_what_they_share(sampler: str) -> None:
    width = Dimension("width", "float", 0.0, 1.0)
    vae = advisor((BETA, width), fixed={"model": "vae"}, sampler=sampler)
    cvae = advisor((BETA, LAMBDA, TAU, width), fixed={"model": "cvae"}, sampler=sampler)
    betas = set()
    for _ in range(4):
        one, other = vae.ask(), cvae.ask()
        assert {name: other[name] for name in one} == one
        assert other.keys() - one.keys() == {"lambda", "tau"}
        betas.add(one["beta"])
    assert len(betas) == 4
    assert advisor((BETA, width), sampler=sampler, seed=1).ask()["beta"] not in betas


def test_random_values_cover_the_space_evenly() -> None:
    found = advisor(sampler="random", fixed={})
    asks = [found.ask() for _ in range(400)]
    powers = [math.log10(params["beta"]) for params in asks]
    for low in range(-8, -1):  # of seven decades each has a seventh; 4 standard deviations
        assert abs(sum(low <= power < low + 1 for power in powers) - 400 / 7) < 4 * 7.0
    assert {params["architecture.latent_dim"] for params in asks} == set(range(4, 65, 4))
    taus = [params["tau"] for params in asks if "tau" in params]
    assert abs(sum(tau < 0.525 for tau in taus) - len(taus) / 2) < 4 * math.sqrt(len(taus)) / 2


def test_values_are_plain_and_conditional_ones_are_asked_for_where_they_mean_something() -> None:
    found = advisor()
    seen = []
    for number in range(30):
        params = found.ask()
        assert json.loads(json.dumps(params)) == params
        assert ("lambda" in params) == ("tau" in params) == (params["model"] == "cvae")
        assert type(params["beta"]) is float
        assert type(params["architecture.latent_dim"]) is int
        assert params["architecture.channels"] in ([8, 16], [8, 16, 32])
        seen.append(params["model"])
        found.tell(number, outcome(number, params, 1))
    assert set(seen) == {"vae", "cvae"}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_steps_lead_to_the_values_that_are_written(sampler: str) -> None:
    """0.1 + 2 · 0.1 is not 0.3."""
    dimension = Dimension("clip_norm", "float", 0.1, 0.9, step=0.1)
    found = Advisor([dimension], {}, ["maximize"], sampler, 0, 4)
    asked = []
    for number in range(40):
        params = found.ask()
        asked.append(params["clip_norm"])
        found.tell(number, outcome(number, params, 1))
    assert set(asked) <= {n / 10 for n in range(1, 10)}
    assert 0.3 in asked


@pytest.mark.parametrize(
    ("dimension", "distribution"),
    [
        (BETA, FloatDistribution(1e-8, 1e-1, log=True)),
        (Dimension("tau", "float", 0.1, 0.9, step=0.2), FloatDistribution(0.1, 0.9, step=0.2)),
        (LATENT, IntDistribution(4, 64, step=4)),
        (Dimension("n", "int", 1, 64, log=True), IntDistribution(1, 64, log=True)),
        (MODEL, CategoricalDistribution(["vae", "cvae"])),
        (Dimension("c", "choice", choices=(None, 1, 0.5, True)), None),
        (CHANNELS, CategoricalDistribution(["[8, 16]", "[8, 16, 32]"])),
    ],
)
def test_dimensions_are_optunas_own(dimension: Dimension, distribution: Any) -> None:
    expected = distribution or CategoricalDistribution(list(dimension.choices))
    assert distribution_of(dimension) == expected


def test_a_dimension_with_one_value_has_it() -> None:
    only = (
        Dimension("channels", "choice", choices=([8, 16],)),
        Dimension("n", "int", 3, 3),
        Dimension("x", "float", 2.0, 2.0),
        BETA,
    )
    found = advisor(only, startup=1)
    for number in range(4):
        params = found.ask()
        assert {**params, "beta": 0} == {"channels": [8, 16], "n": 3, "x": 2.0, "beta": 0}
        found.tell(number, Outcome("complete", (params["beta"],)))


def test_a_starting_point_has_its_values_and_the_rest_is_suggested() -> None:
    given = {"model": "cvae", "lambda": 1, "architecture.channels": [8, 16, 32]}
    found = advisor()
    params = found.ask(given=given)
    assert {name: params[name] for name in given} == given
    assert type(params["lambda"]) is float
    rest = advisor().ask()
    assert (params["beta"], params["architecture.latent_dim"]) == (
        rest["beta"],
        rest["architecture.latent_dim"],
    )
    again = refill(advisor(), json.dumps([[params, "running", [], []]]))
    assert again.ask() == found.ask()


@pytest.mark.parametrize(
    "given",
    [{"beta": 1.0}, {"architecture.latent_dim": 6.5}, {"architecture.channels": [1]}, {"tau": 2.0}],
)
def test_what_lies_outside_the_space_is_refused_and_leaves_no_trace(given: dict[str, Any]) -> None:
    found = advisor()
    with pytest.raises(ValueError, match=next(iter(given)).split(".")[-1]):
        found.ask(given={"model": "cvae", **given})
    assert found.ask() == advisor().ask()
    assert found.add({"beta": 1e-4}, Outcome("failed")) == 1


def test_numbers_count_up_whoever_added_them() -> None:
    found = advisor()
    assert found.add({"beta": 1e-4}, Outcome("running")) == 0
    found.ask()
    assert found.add_all([({"beta": 1e-4}, Outcome("failed"))] * 2) == [2, 3]


def ranked(value: Callable[[dict[str, Any]], float], trials: int = 60) -> list[dict[str, float]]:
    found = advisor((BETA, LATENT, TAU_ALWAYS), sampler="random")
    for number in range(trials):
        found.tell(number, Outcome("complete", (value(found.ask()),)))
    return found.importances()


def test_importances_are_those_of_the_function() -> None:
    (shares,) = ranked(lambda params: 5 * math.log10(params["beta"]) + params["tau"])
    assert next(iter(shares)) == "beta"
    assert shares["beta"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    assert (shares,) == tuple(ranked(lambda p: 5 * math.log10(p["beta"]) + p["tau"]))


def test_importances_per_objective() -> None:
    found = advisor((BETA, TAU_ALWAYS), 2, sampler="random")
    for number in range(40):
        params = found.ask()
        found.tell(number, Outcome("complete", (params["tau"], math.log(params["beta"]))))
    assert [next(iter(shares)) for shares in found.importances()] == ["tau", "beta"]


def test_no_importances_of_too_few_trials_or_of_equal_ones() -> None:
    assert ranked(lambda params: params["tau"], MIN_IMPORTANCE_TRIALS - 1) == [{}]
    assert ranked(lambda params: params["tau"], MIN_IMPORTANCE_TRIALS) != [{}]
    assert ranked(lambda params: 1.0) == [{}]


@pytest.mark.parametrize("objectives", [1, 2])
@pytest.mark.parametrize("space", SPACES)
def test_the_model_is_optunas_own_as_its_study_would_ask_it(space: str, objectives: int) -> None:
    ours = advisor(SPACES[space], objectives)
    theirs = optuna.create_study(directions=DIRECTIONS[objectives])
    distributions = {dimension.name: distribution_of(dimension) for dimension in SPACES[space]}
    for number in range(20):
        params = ours.ask()
        result = outcome(number, params, objectives)
        if number > 9:
            theirs.sampler = optuna.samplers.TPESampler(
                seed=_seed(0, number, ""), multivariate=True, group=True, n_startup_trials=4
            )
            trial = theirs.ask({name: distributions[name] for name in params})
            channels = "architecture.channels"
            plain = {n: json.loads(v) if n == channels else v for n, v in trial.params.items()}
            assert plain == params
        else:
            trial = theirs.ask()
            for name, value in params.items():
                trial.storage.set_trial_param(
                    number,
                    name,
                    distributions[name].to_internal_repr(stored(value)),
                    distributions[name],
                )
        for epoch, value in result.intermediate.items() if objectives == 1 else ():
            trial.report(value, epoch)
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        if result.state == "pruned" and objectives == 2:
            result = Outcome("failed")
        told = result
        if result.state == "diverged":
            told = Outcome("pruned") if objectives == 1 else Outcome("complete", (INF, -INF))
        state = states.get(told.state, TrialState.FAIL)
        theirs.tell(trial, told.values if told.state == "complete" else None, state)
        ours.tell(number, result)
