"""A sweep's searches compared, as one JSON document: families at equal budgets, best trials."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestration.compare import budgets
from orchestration.compare.families import families_of
from orchestration.compare.fronts import front
from orchestration.compare.study_trials import (
    Searched,
    finite_values,
    found_by_evaluation,
    searched,
)
from orchestration.ledger.at_work import is_at_work
from orchestration.ledger.documents import Study, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import cpus_of
from orchestration.study.importances import importances
from orchestration.study.progress import objectives_of
from orchestration.words import count

STATES = ("finished", "stopped", "failed", "running", "pending")


def search_comparison(ledger: Ledger, by: str | None = None) -> dict[str, Any]:
    """All that ``compare --json`` prints of a sweep with a search, but importances.

    Args:
        ledger: of the sweep; it may be running.
        by: the setting of the grid whose values are families; None: the model.

    Raises:
        UserError: studies do not differ in ``by``.
    """
    studies = ledger.planned_studies()
    by, families = families_of(studies, by)
    cpu = ledger.sweep.spec.get("resources", {}).get("cpu", 1)
    alive = is_at_work(ledger.folder)
    records = [
        _Record(
            study,
            families[study.key],
            searched(study, ledger.trials, cpu, alive=alive),
            ledger.trials,
        )
        for study in studies
    ]
    objectives = studies[0].objectives
    # A study that has nothing to show would leave nothing to be compared.
    able = [record for record in records if record.in_trials]
    equal = {
        "trials": int(budgets.common(record.in_trials for record in able)),
        "cpu_s": budgets.common(record.in_cpu_s for record in able),
    }
    names = list(dict.fromkeys(families.values()))
    groups = [[record for record in records if record.family == name] for name in names]
    document = {
        "name": ledger.sweep.name,
        "kind": "search",
        "by": by,
        "objectives": objectives,
        "wanted": ledger.sweep.spec.get("search", {}).get("trials"),
        "equal": equal,
        "left_out": [record.study.name for record in records if not record.in_trials],
        "families": [
            _family(name, group, equal) for name, group in zip(names, groups, strict=True)
        ],
        "studies": [_study(record, cpu) for record in records],
    }
    if len(objectives) > 1:
        _add_joint_fronts(document["families"], groups, equal)
    return document


@dataclass(frozen=True)
class _Record:
    """A study with its trials, and what of them was spent when."""

    study: Study
    family: str
    trials: list[Searched]
    known: Mapping[str, Trial]

    @property
    def signs(self) -> list[int]:
        return [objective.sign for objective in objectives_of(self.study)]

    @property
    def in_trials(self) -> budgets.Spent:
        return budgets.in_trials(self.trials)

    @property
    def in_cpu_s(self) -> budgets.Spent:
        return budgets.in_cpu_s(self.trials)


def _study(record: _Record, cpu: int) -> dict[str, Any]:
    study = record.study
    return {
        "key": study.key,
        "name": study.name,
        "family": record.family,
        "end": study.end,
        "space": study.space,
        **_totals([record]),
        **_winners([record]),
        "curves": _curves([record]),
        "points": [_entry(record, trial) for trial in record.trials],
        "replicates": _replicates(record, cpu),
    }


def _family(name: str, records: Sequence[_Record], equal: Mapping[str, float]) -> dict[str, Any]:
    return {
        "family": name,
        "studies": [record.study.key for record in records],
        **_totals(records),
        **_winners(records),
        "at_equal": _at_equal(records, equal),
        "curves": _curves(records),
    }


def _totals(records: Sequence[_Record]) -> dict[str, Any]:
    trials = [trial for record in records for trial in record.trials]
    states: Counter[str] = Counter(trial.state for trial in trials)
    duplicates = sum(
        ask.duplicate_of is not None for record in records for ask in record.study.asks
    )
    return {
        "trials": {state: states[state] for state in STATES} | {"duplicates": duplicates},
        "cpu_s": sum(trial.cpu_s for trial in trials),
    }


def _winners(records: Sequence[_Record]) -> dict[str, Any]:
    """The best of all studies or, of several objectives, those that no other one beats."""
    signs = records[0].signs
    rated = [(record, trial) for record in records for trial in record.trials if trial.rated]
    if len(signs) > 1:
        kept = front([trial.values or () for _, trial in rated], signs)
        return {"best": None, "front": [_entry(*rated[index]) for index in kept]}
    best = budgets.best_of((trial for _, trial in rated), signs[0])
    winners = [_entry(record, trial) for record, trial in rated if trial is best]
    return {"best": winners[0] if winners else None, "front": []}


def _entry(record: _Record, trial: Searched) -> dict[str, Any]:
    return {
        "key": trial.key,
        "study": record.study.key,
        "number": trial.number,
        "origin": trial.origin,
        "state": trial.state,
        "params": dict(trial.params),
        "values": None if trial.values is None else list(trial.values),
        "cpu_s": trial.cpu_s,
        "test": dict(trial.test),
    }


def _curves(records: Sequence[_Record]) -> dict[str, Any]:
    """The best so far by either budget; of several studies the mean. None for more objectives."""
    sign, *others = records[0].signs
    if others:
        return {"trials": [], "cpu_s": []}
    by_budget = {}
    able = [record for record in records if record.in_trials]
    for name, spent in (
        ("trials", [record.in_trials for record in able]),
        ("cpu_s", [record.in_cpu_s for record in able]),
    ):
        curves = [budgets.best_so_far(each, sign) for each in spent]
        end = budgets.common(spent)
        curve = budgets.mean_curve(curves, end)
        # The last point says how far it was followed.
        tail = [(end, curve[-1][1])] if curve and curve[-1][0] < end else []
        by_budget[name] = [list(point) for point in [*curve, *tail]]
    return by_budget


def _at_equal(records: Sequence[_Record], equal: Mapping[str, float]) -> dict[str, Any]:
    """What the family's studies had reached at the budgets that all studies have spent."""
    sign, *others = records[0].signs
    if others:
        return {"trials": None, "cpu_s": None}
    trials = budgets.reached(
        [budgets.best_so_far(record.in_trials, sign) for record in records], equal["trials"]
    )
    cpu_s = budgets.reached(
        [budgets.best_so_far(record.in_cpu_s, sign) for record in records], equal["cpu_s"]
    )
    return {
        "trials": None if trials is None else asdict(trials),
        "cpu_s": None if cpu_s is None else asdict(cpu_s),
    }


def _add_joint_fronts(
    families: list[dict[str, Any]],
    groups: Sequence[Sequence[_Record]],
    equal: Mapping[str, float],
) -> None:
    """How much of the front of all families' trials is whose, at either equal budget."""
    signs = groups[0][0].signs
    for budget in ("trials", "cpu_s"):
        pool = [
            (place, trial)
            for place, group in enumerate(groups)
            for record in group
            for trial in budgets.within(getattr(record, f"in_{budget}"), equal[budget])
            if trial.rated
        ]
        kept = front([trial.values or () for _, trial in pool], signs)
        owners = Counter(pool[index][0] for index in kept)
        for place, family in enumerate(families):
            family["at_equal"][budget] = {"on_joint_front": owners[place], "of": len(kept)}


def _replicates(record: _Record, cpu: int) -> dict[str, Any] | None:
    """The winner trained again with other seeds; its own value was picked as the best of many."""
    study = record.study
    if study.winner is None:
        return None
    objectives = objectives_of(study)
    trials = [record.known[key] for key in study.replicates if key in record.known]
    done = [trial for trial in trials if trial.state == "finished"]
    measured: dict[str, list[float]] = {objective.metric: [] for objective in objectives}
    for trial in done:
        values = finite_values(trial, objectives)
        if values is not None:
            for objective, value in zip(objectives, values, strict=True):
                measured[objective.metric].append(value)
        for name, value in found_by_evaluation(trial).items():
            if name not in {objective.metric for objective in objectives}:
                measured.setdefault(name, []).append(value)
    winner = next((trial for trial in record.trials if trial.key == study.winner), None)
    return {
        "winner": study.winner,
        "wanted": len(study.replicates),
        "finished": len(done),
        "keys": list(study.replicates),
        "cpu_s": sum(trial.train_s * cpus_of(trial, cpu) for trial in trials),
        "metrics": {name: _spread(values) for name, values in measured.items() if values},
        "found_in_search": None if winner is None else _entry(record, winner),
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        "n": len(values),
    }


def add_importances(document: dict[str, Any], ledger: Ledger) -> None:
    """Put importances beside each study of a comparison, and why where there are none.

    Args:
        document: as ``search_comparison`` makes it.
        ledger: that it is of.
    """
    from orchestration.study.advisor import MIN_IMPORTANCE_TRIALS

    missing = []
    for each in document["studies"]:
        shares = importances(ledger.studies[each["key"]], ledger)
        each["importances"] = shares if any(shares) else None
        if not any(shares):
            finished = each["trials"]["finished"]
            why = (
                f"it takes {MIN_IMPORTANCE_TRIALS} finished trials, there are {finished}"
                if finished < MIN_IMPORTANCE_TRIALS
                else f"{count(finished, 'finished trial')} do not differ in the objective"
            )
            missing.append(f"no importances of {each['name']}: {why}")
    document["importances_missing"] = missing
