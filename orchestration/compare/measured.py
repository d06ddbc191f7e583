"""Trained trials of one or several sweeps, and which of their metrics mean the same."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.settings import plain, setting_name
from orchestration.ledger.documents import Evaluated, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.machines import cpus_of
from orchestration.spec.evaluation import BESIDES, part_settings
from orchestration.spec.trial_names import settings_of
from orchestration.words import count

DIGEST = "extractor_digest"
"""Among the facts of a part: of the classifier whose features it compares."""
REPEATS = ("seed", "data.split_seed")
"""Settings by which a trial repeats another: a comparison averages over them."""


@dataclass(frozen=True)
class Measured:
    """A trial at the end of its training, as far as comparisons look at it."""

    key: str
    config: TrialConfig
    settings: dict[str, Any]
    """All that mean something to its model, under flat names."""
    metrics: dict[str, float]
    measured_by: dict[str, str]
    """By metric: part, settings and numerics of its measurement, as text to be told apart."""
    cost_s: float
    """Seconds of its training and evaluation, times its CPUs."""

    @property
    def repeat(self) -> tuple[Any, ...]:
        """Which repetition it is; a pair is of equal ones."""
        return tuple(self.settings.get(name) for name in REPEATS)

    @property
    def cell(self) -> dict[str, Any]:
        """Its settings but those by which it repeats others."""
        return {name: value for name, value in self.settings.items() if name not in REPEATS}


def measured_trials(ledgers: Iterable[Ledger]) -> list[Measured]:
    """The planned trials that were trained to their end, each once, in the order of plans.

    One that several sweeps have, as one took it over from another, has what either has measured.
    """
    trials: dict[str, Measured] = {}
    for ledger in ledgers:
        classifiers = classifiers_of(ledger.planned())
        for trial in ledger.planned():
            if trial.state == "finished":
                new = measured(trial, ledger.sweep, classifiers)
                trials[trial.key] = _joined(trials.get(trial.key, new), new)
    return list(trials.values())


def _joined(one: Measured, other: Measured) -> Measured:
    """A trial with all that was measured of it; where both have a metric, it is the first one's."""
    if one is other or not other.metrics.keys() - one.metrics.keys():
        return one
    return replace(
        one,
        metrics=other.metrics | one.metrics,
        measured_by=other.measured_by | one.measured_by,
        cost_s=max(one.cost_s, other.cost_s),
    )


def classifiers_of(trials: Iterable[Trial]) -> dict[str, str]:
    """The digest of a sweep's classifier by data set: all of its trials share one.

    Trials that were taken over may have been judged by another; most tell which is the sweep's own.
    """
    found: dict[str, Counter[str]] = {}
    for trial in trials:
        digest = FD.name in trial.evaluations and trial.evaluations[FD.name].facts.get(DIGEST)
        if digest:
            data = TrialConfig.from_settings(trial.config).data.dataset
            found.setdefault(data, Counter())[str(digest)] += 1
    return {data: digests.most_common(1)[0][0] for data, digests in found.items()}


def measured(trial: Trial, sweep: Sweep, classifiers: Mapping[str, str] | None = None) -> Measured:
    """A trained trial of a sweep as comparisons look at it.

    Args:
        trial: of the sweep.
        sweep: to which it belongs.
        classifiers: as ``classifiers_of`` gives them.
    """
    numerics = sweep.code.get("numerics", str(NUMERICS))
    cpu = sweep.spec.get("resources", {}).get("cpu", 1)
    config = TrialConfig.from_settings(trial.config)
    measured_by = dict.fromkeys(trial.metrics, f"training, numerics {numerics}")
    parts = {entry: part for entry, part in trial.evaluations.items() if "@" not in entry}
    for entry, part in parts.items():
        measured_by |= dict.fromkeys(part.metrics, _way_of(entry, part, numerics))
    digest = FD.name in parts and parts[FD.name].facts.get(DIGEST)
    digest = digest or (classifiers or {}).get(config.data.dataset)
    if digest:
        # In training no classifier is noted: it is the sweep's, of which this part tells, of this
        # trial or of others.
        in_training = [name for name in trial.metrics if name.startswith(f"val/{FD.name}_")]
        way = {"part": "training", "numerics": numerics, DIGEST: digest}
        measured_by |= dict.fromkeys(in_training, json.dumps(way, sort_keys=True))
    evaluation_s = sum(part.seconds or 0.0 for part in parts.values())
    return Measured(
        key=trial.key,
        config=config,
        settings=settings_of(_as_compared(config)),
        metrics=dict(trial.metrics),
        measured_by=measured_by,
        cost_s=(trial.train_s + evaluation_s) * cpus_of(trial, cpu),
    )


def _as_compared(config: TrialConfig) -> TrialConfig:
    """With one name for what is one thing: ``auto``, where the output is what that would be."""
    shape = config.architecture
    if shape.output != config.data.output:
        return config
    return replace(config, architecture=replace(shape, output="auto"))


def alike(trials: Sequence[Measured]) -> tuple[list[Measured], list[str]]:
    """The trials with only such metrics as were measured in the same way in most of them.

    Returns:
        The trials, and a line for every metric that was left out of some of them.
    """
    ways: dict[str, Counter[str]] = {}
    for trial in trials:
        for name in trial.metrics:
            ways.setdefault(name, Counter())[trial.measured_by[name]] += 1
    usual = {name: found.most_common(1)[0][0] for name, found in ways.items()}
    kept = [
        replace(
            trial,
            metrics={
                name: value
                for name, value in trial.metrics.items()
                if trial.measured_by[name] == usual[name]
            },
        )
        for trial in trials
    ]
    lines = [
        f"{name}: left out of {count(found.total() - found[usual[name]], 'trial')} that measured "
        f"it otherwise ({_difference(usual[name], found)})"
        for name, found in ways.items()
        if len(found) > 1
    ]
    return kept, lines


def _way_of(part: str, done: Evaluated, numerics: str) -> str:
    """How a part was measured: every setting that changes what is found."""
    noted = {name: done.settings.get(name) for name in BESIDES if name in done.settings}
    try:
        settings = part_settings(part, done.settings)
        own = {
            setting_name(field): plain(getattr(settings, field.name))
            for field in dataclasses.fields(settings)
            if field.metadata["identity"]
        }
    except (ConfigError, KeyError):  # noted by another version
        own = dict(done.settings)
    # Classifiers of one data set that were trained on unlike processors are two.
    way = {"part": part, "numerics": numerics, **noted, **own}
    if DIGEST in done.facts:
        way[DIGEST] = done.facts[DIGEST]
    return json.dumps(way, sort_keys=True)


def _difference(usual: str, found: Counter[str]) -> str:
    """The first setting in which two ways of measuring differ, in words."""
    other = next(way for way in found if way != usual)
    try:
        one, two = json.loads(usual), json.loads(other)
    except ValueError:  # of training
        return f"{other} instead of {usual}"
    # As they are told apart: 1 is not 1.0, and null is not nothing.
    name = next(n for n in {**one, **two} if _noted(one, n) != _noted(two, n))
    return f"{name} {_noted(two, name)} instead of {_noted(one, name)}"


def _noted(way: Mapping[str, Any], name: str) -> str:
    return json.dumps(way[name], sort_keys=True) if name in way else "not noted"
