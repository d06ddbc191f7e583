"""Asks studies for trials: duplicates, starting points, replicates, and who is next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.settings import merge
from orchestration.errors import UserError
from orchestration.ledger.documents import Ask, Study, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.dimensions import suggested
from orchestration.spec.flat_names import flat
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import trial_key
from orchestration.spec.trial_names import setting_text
from orchestration.study.cells import StudyPlan
from orchestration.study.outcomes import outcome_of
from orchestration.study.progress import (
    best_of,
    distinct,
    duplicates_in_a_row,
    ending,
    missing,
    objectives_of,
    progress,
)

if TYPE_CHECKING:
    from orchestration.study.advisor import Advisor

RANDOM_AFTER = 20
"""So many duplicates in a row, and suggestions are random: what is left is found sooner."""
FIRST_REPLICATE_SEED = 1000


class Searching:
    """The studies of a sweep. What they ask for stands in the ledger before anybody hears of it.

    A suggestion is a function of the study's record alone, so that a search that was cut off goes
    on as it would have.

    Args:
        spec: of the sweep.
        plans: its studies by key, which the ledger knows.
        ledger: of the sweep.
    """

    def __init__(self, spec: SweepSpec, plans: Mapping[str, StudyPlan], ledger: Ledger) -> None:
        self._ledger = ledger
        self._plans = plans
        self._seeds = spec.seeds
        self._enqueue = spec.search.enqueue if spec.search else []
        self._replicates = spec.search.replicates if spec.search else 0
        self._advisors: dict[str, Advisor] = {}
        self._ready: deque[str] = deque()
        """Replicates that are to be trained."""
        self._handed_out: set[str] = set()
        """Trials that were handed out since, or are in line; studies may ask for the same ones."""
        for study in self._studies:
            for ask in distinct(study):  # an ask is written down before its trial
                self._enter(ask.key, self._plans[study.key], ask.params)
            self._settle(study)
        self._ready.clear()  # they stand in the plan already
        self._handed_out = {t.key for t in ledger.planned() if t.state == "pending"}

    @property
    def _studies(self) -> list[Study]:
        return [self._ledger.studies[key] for key in self._plans]

    @property
    def done(self) -> bool:
        """Whether nothing is left to be asked for, or to be handed out."""
        return not self._ready and not any(
            missing(study, self._ledger.trials) for study in self._studies
        )

    def next(self) -> str | None:
        """A replicate, or a trial that is asked for; its key, None where there is neither.

        The study that has got fewest trials so far is asked, so that all get on alike. What it
        suggests may be trained already: then the next one is asked.
        """
        while not self._ready:
            open_ = [study for study in self._studies if missing(study, self._ledger.trials)]
            if not open_:
                return None
            study = min(open_, key=self._got)
            trial = self._ask(study)
            if trial is not None and self._hand_out(trial):
                return trial.key
            self._settle(study)
        return self._ready.popleft()

    def ended(self, key: str) -> None:
        """Tell the studies what came of a trial."""
        for study in self._studies:
            mine = [ask for ask in study.asks if ask.key == key]
            advisor = self._advisors.get(study.key)
            if advisor is not None:
                for ask in mine:
                    advisor.tell(ask.number, self._outcome(study, ask))
            if mine:
                self._settle(study)

    def again(self, key: str) -> None:
        """A trial of which the studies were told is trained again: they forget what it came to."""
        for study in self._studies:
            if any(ask.key == key for ask in study.asks):
                self._advisors.pop(study.key, None)  # refilled from the record

    def _hand_out(self, trial: Trial) -> bool:
        """Whether a trial is still to be trained; another study may have the same one."""
        new = trial.state == "pending" and trial.key not in self._handed_out
        self._handed_out.add(trial.key)
        return new

    def _got(self, study: Study) -> int:
        done = progress(study, self._ledger.trials)
        return done.asked - done.failed

    def _ask(self, study: Study) -> Trial | None:
        """One suggestion, written down; its trial, None where it was suggested before."""
        plan, advisor = self._plans[study.key], self._advisor(study)
        given = self._starting_point(study, plan)
        blind = duplicates_in_a_row(study) >= RANDOM_AFTER
        params = advisor.ask(given=given, random=blind)
        key = trial_key(_allowed(plan, params))
        first = next((ask.number for ask in study.asks if ask.key == key), None)
        ask = Ask(
            number=len(study.asks),
            params=params,
            key=key,
            origin="enqueued" if given else "suggested",
            duplicate_of=first,
        )
        study.asks.append(ask)
        self._ledger.save_study(study)
        trial = self._enter(key, plan, params)
        if not trial.is_open:
            advisor.tell(ask.number, self._outcome(study, ask))
        return trial if first is None else None

    def _starting_point(self, study: Study, plan: StudyPlan) -> dict[str, Any]:
        """The first of the starting points that was not asked for yet; empty: there is none."""
        for point in self._enqueue:
            values = flat(point)
            for dimension in reversed(plan.dimensions):
                if dimension.name in values:  # and so is what it means something beside
                    for other, allowed in dimension.when.items():
                        values.setdefault(other, allowed[0])
            given = suggested(
                [dimension for dimension in plan.dimensions if dimension.name in values],
                flat(plan.fixed),
                lambda dimension, values=values: values[dimension.name],  # type: ignore[misc]
            )
            if given and not any(given.items() <= ask.params.items() for ask in study.asks):
                return given
        return {}

    def _advisor(self, study: Study) -> Advisor:
        """Optuna's study, refilled from the record when it is needed first."""
        if study.key not in self._advisors:
            from orchestration.study.advisor import Advisor

            plan = self._plans[study.key]
            advisor = Advisor(
                plan.dimensions,
                flat(plan.fixed),
                [objective.direction or "maximize" for objective in objectives_of(study)],
                study.sampler,
                study.seed,
                study.startup,
                learns_from_diverged=study.learns_from_diverged,
            )
            advisor.add_all([(ask.params, self._outcome(study, ask)) for ask in study.asks])
            self._advisors[study.key] = advisor
        return self._advisors[study.key]

    def _outcome(self, study: Study, ask: Ask) -> Any:
        return outcome_of(self._ledger.trials[ask.key], objectives_of(study))

    def _enter(self, key: str, plan: StudyPlan, params: Mapping[str, Any]) -> Trial:
        if key not in self._ledger.trials:
            self._ledger.save(Trial(key=key, config=plan.config(params).to_settings()))
        return self._ledger.trials[key]

    def _settle(self, study: Study) -> None:
        """Note whether a study has come to its end; new replicates of its best are begun then."""
        before = study.end, study.winner, study.replicates
        study.end = ending(study, self._ledger.trials)
        if study.end is not None:
            best = best_of(study, self._ledger.trials) if self._replicates else None
            study.winner = None if best is None else best.key
            seeds = [] if best is None else self._new_seeds()
            study.replicates = [self._replicate(str(study.winner), seed) for seed in seeds]
        if (study.end, study.winner, study.replicates) != before:
            self._ledger.save_study(study)
        for key in study.replicates:
            if self._hand_out(self._ledger.trials[key]):
                self._ready.append(key)

    def _new_seeds(self) -> list[int]:
        """Seeds that no search has, the same for every study."""
        free = (seed for seed in count(FIRST_REPLICATE_SEED) if seed not in self._seeds)
        return list(islice(free, self._replicates))

    def _replicate(self, key: str, seed: int) -> str:
        settings = merge(self._ledger.trials[key].config, {"seed": seed})
        config = TrialConfig.from_settings(settings)
        again = trial_key(config)
        if again not in self._ledger.trials:
            self._ledger.save(Trial(key=again, config=config.to_settings()))
        return again


def _allowed(plan: StudyPlan, params: Mapping[str, Any]) -> TrialConfig:
    """The trial that is suggested.

    Raises:
        UserError: its settings are not allowed together, which no pair of ends has shown.
    """
    try:
        return plan.config(params)
    except ConfigError as error:
        words = ", ".join(f"{name}={setting_text(value)}" for name, value in params.items())
        raise UserError(
            f"search.space: {plan.name}: {words} was suggested, which is not allowed: {error}; "
            "narrow the space, which makes it another search; trials that it shares are not "
            "trained again"
        ) from error
