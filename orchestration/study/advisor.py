"""Optuna, boxed: what to try next, from the record of what was tried.

A suggestion is a function of the recorded asks, the ask's number and the study's seed. That holds
because nothing else is kept: every ask has a sampler and a study object of its own, and what
samplers would note beside a trial's parameters is thrown away. A study that was filled from the
ledger therefore goes on as the one that was interrupted would have.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial

from orchestration.spec.dimensions import Dimension, suggested
from orchestration.study.outcomes import Outcome

Direction = Literal["minimize", "maximize"]

MIN_IMPORTANCE_TRIALS = 10
"""Finished trials below which importances would be those of chance."""
FANOVA_DEPTH = 6
"""At Optuna's 64, 1,000 trials take half a minute; the shares differ by less than 0.02."""
STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.FAIL,
    "failed": TrialState.FAIL,
}
NAME = "study"

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=ExperimentalWarning)


def _tpe(seed: int, startup: int) -> BaseSampler:
    return TPESampler(
        seed=seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
    )


MODELS: dict[str, Callable[[int, int], BaseSampler]] = {"tpe": _tpe}
"""Samplers that learn, by their names in sweep files: of a seed, and of how many trials are random
before. A fresh one is made for each ask, so only those whose suggestions are a function of seed and
history are of use."""


class Advisor:
    """One study: told what came of its asks, it says what to try next.

    Args:
        dimensions: what is searched, in the order in which it is asked for.
        fixed: the study's other settings, under flat names.
        directions: one per objective.
        sampler: as in sweep files.
        seed: of the study. Two studies with the same one get the same random values in
            the dimensions that they share, whatever else either searches.
        startup: so many trials have to be finished or stopped before a model is asked.
        learns_from_diverged: whether a diverged trial is worse to the model than every other one,
            and counts as one that was stopped; else it learns nothing from it.
    """

    def __init__(
        self,
        dimensions: Sequence[Dimension],
        fixed: Mapping[str, Any],
        directions: Sequence[Direction],
        sampler: str,
        seed: int,
        startup: int,
        *,
        learns_from_diverged: bool = True,
    ) -> None:
        # More than five: a study's own settings, each of which a suggestion depends on.
        self._dimensions = tuple(dimensions)
        self._distributions = {d.name: distribution_of(d) for d in dimensions}
        self._fixed = dict(fixed)
        self._sampler = sampler
        self._seed = seed
        self._startup = startup
        self._directions = tuple(directions)
        self._learns_from_diverged = learns_from_diverged
        self._storage = _Storage()
        optuna.create_study(storage=self._storage, study_name=NAME, directions=directions)
        self._asked = 0
        self._judged = 0
        self._measured = 0

    def add(self, params: Mapping[str, Any], outcome: Outcome) -> int:
        """Take over one recorded ask; its number: 0, 1, 2… in the order in which they come."""
        return self.add_all([(params, outcome)])[0]

    def add_all(self, asks: Iterable[tuple[Mapping[str, Any], Outcome]]) -> list[int]:
        """Take over many recorded asks, in their order.

        Raises:
            ValueError: parameters that the study does not search.
        """
        study = self._study()
        first = self._asked
        for params, outcome in asks:
            state = self._state(outcome)
            study.add_trial(
                create_trial(
                    state=state,
                    params={name: stored(value) for name, value in params.items()},
                    distributions={name: self._distributions[name] for name in params},
                    values=self._values(outcome, state),
                    intermediate_values=_intermediate(outcome, state),
                )
            )
            self._asked += 1
            self._count(outcome, state)
        return list(range(first, self._asked))

    def ask(
        self, *, given: Mapping[str, Any] = MappingProxyType({}), random: bool = False
    ) -> dict[str, Any]:
        """What to try next, by dotted names; from then on it is running, under the next number.

        Args:
            given: settings of a starting point; the rest is suggested.
            random: without the model.

        Raises:
            ValueError: a given value lies outside the space.
        """
        study = self._study()
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = self._asked
        relative, sampler = {}, None
        make_model = MODELS.get(self._sampler)
        # Of diverged trials alone a model would take some for good ones.
        random = random or self._judged < self._startup or not self._measured
        if make_model is not None and not random:
            sampler = make_model(_seed(self._seed, self._asked, ""), self._startup)
            space = sampler.infer_relative_search_space(study, trial)
            relative = sampler.sample_relative(study, trial, space)

        def suggest(dimension: Dimension) -> Any:
            name, distribution = dimension.name, self._distributions[dimension.name]
            if name in given:
                return _plain(dimension, stored(given[name]))
            if distribution.single():
                return dimension.choices[0] if dimension.choices else dimension.low
            if name in relative:
                return _plain(dimension, relative[name])
            own = sampler or RandomSampler(seed=_seed(self._seed, self._asked, name))
            value = own.sample_independent(study, trial, name, distribution)
            return _plain(dimension, value)

        params = suggested(self._dimensions, self._fixed, suggest)
        self.add(params, Outcome("running"))
        return params

    def tell(self, number: int, outcome: Outcome) -> None:
        """What came of an ask that was running."""
        state = self._state(outcome)
        study_id = self._storage.get_study_id_from_name(NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        for epoch, value in _intermediate(outcome, state).items():
            self._storage.set_trial_intermediate_value(trial_id, epoch, value)
        self._storage.set_trial_state_values(trial_id, state, self._values(outcome, state))
        self._count(outcome, state)

    def importances(self) -> list[dict[str, float]]:
        """Per objective: how much of its variance each setting explains, the largest first.

        The shares (fANOVA) add up to 1. They are those of finished trials, and of settings that
        all of these have. {} where fewer than ``MIN_IMPORTANCE_TRIALS`` have finished, or all
        with the same value.
        """
        study = self._study()
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        rated = [trial.values for trial in trials if all(map(math.isfinite, trial.values))]
        return [
            self._importance(study, [values[place] for values in rated], place)
            for place in range(len(self._directions))
        ]

    def _importance(
        self, study: optuna.Study, values: Sequence[float], place: int
    ) -> dict[str, float]:
        if len(values) < MIN_IMPORTANCE_TRIALS or min(values) == max(values):
            return {}
        evaluator = FanovaImportanceEvaluator(
            seed=_seed(self._seed, place, "importance"), max_depth=FANOVA_DEPTH
        )
        shares = get_param_importances(
            study, evaluator=evaluator, target=lambda trial: trial.values[place]
        )
        return {name: float(share) for name, share in shares.items()}

    def _study(self) -> optuna.Study:
        # A study object holds on to trials that it has read.
        return optuna.load_study(study_name=NAME, storage=self._storage)

    def _state(self, outcome: Outcome) -> TrialState:
        several = len(self._directions) > 1
        if outcome.state == "diverged" and self._learns_from_diverged:
            # Samplers that go by ranks, as all of ``MODELS`` do, need no number for the worst: a
            # stopped trial without a value comes last, behind all that were stopped with one.
            return TrialState.COMPLETE if several else TrialState.PRUNED
        if outcome.state == "pruned" and several:
            return TrialState.FAIL  # Optuna knows no pruned trials beside several objectives
        return STATES[outcome.state]

    def _values(self, outcome: Outcome, state: TrialState) -> list[float] | None:
        if outcome.state == "diverged" and state is TrialState.COMPLETE:
            return [math.inf if each == "minimize" else -math.inf for each in self._directions]
        told = state in (TrialState.COMPLETE, TrialState.PRUNED) and outcome.values
        return [float(value) for value in outcome.values] if told else None

    def _count(self, outcome: Outcome, state: TrialState) -> None:
        told = state in (TrialState.COMPLETE, TrialState.PRUNED)
        self._judged += told
        self._measured += told and outcome.state != "diverged"


class _Storage(InMemoryStorage):
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Samplers' notes on trials under way are not in the ledger, so none may read them."""


def distribution_of(dimension: Dimension) -> BaseDistribution:
    """A dimension as Optuna has it; choices that are no single values are JSON text there."""
    if dimension.kind == "choice":
        return CategoricalDistribution([stored(choice) for choice in dimension.choices])
    if dimension.kind == "int":
        step = 1 if dimension.step is None else int(dimension.step)
        return IntDistribution(int(dimension.low), int(dimension.high), dimension.log, step)
    return FloatDistribution(dimension.low, dimension.high, dimension.log, dimension.step)


def stored(value: Any) -> Any:
    """A setting's value as Optuna keeps it."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _seed(seed: int, number: int, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed}/{number}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _plain(dimension: Dimension, value: Any) -> Any:
    """A suggested value as the sweep file would have it."""
    if dimension.kind == "float":
        return float(value) if dimension.step is None else _on_grid(dimension, float(value))
    if dimension.kind == "int" and int(value) == value:
        return int(value)
    for choice in dimension.choices:
        if stored(choice) == value:
            return choice
    raise ValueError(f"{dimension.name}: {value!r} is none of its values")


def _on_grid(dimension: Dimension, value: float) -> float:
    """The value that is written so: 0.3, where Optuna adds up steps to 0.30000000000000004."""
    low, step = Decimal(str(dimension.low)), Decimal(str(dimension.step))
    return float(low + round((Decimal(str(value)) - low) / step) * step)


def _intermediate(outcome: Outcome, state: TrialState) -> dict[int, float]:
    """Of others no sampler looks at them."""
    counts = outcome.state == "pruned" and state is TrialState.PRUNED
    return dict(outcome.intermediate) if counts else {}
