"""Which trials are compared with which: cells that differ in one setting, and their pairs.

Two trials of equal seed begin with the same weights and see the same batches and noise, so they
make a pair; what differs between the two is what is compared, and nothing else.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.evaluation.metrics import describe
from orchestration.compare.measured import Measured, alike, classifiers_of, measured
from orchestration.ledger.documents import Study
from orchestration.ledger.ledger import Ledger
from orchestration.spec.flat_names import flat
from orchestration.spec.settings import brings
from orchestration.spec.trial_names import is_usual, setting_text, short_name

FIRST = ("beta", "lambda", "tau")
"""These lead in names."""
PLACE = "data.path"
"""Where a folder lies tells no searches apart."""


@dataclass(frozen=True)
class Cell:
    """Trials that differ in nothing but what repeats them."""

    settings: dict[str, Any]
    trials: dict[tuple[Any, ...], Measured]
    """By which repetition they are."""

    @property
    def name(self) -> str:
        """The settings as text, to be told from others by."""
        return repr(sorted(self.settings.items()))

    @property
    def trained(self) -> dict[str, Any]:
        """The settings of its trials, also those that were searched."""
        return next((trial.cell for trial in self.trials.values()), self.settings)

    @property
    def cost_s(self) -> float:
        """CPU-seconds of one seed, training and evaluation, of all its splits; mean over seeds."""
        seeds = {seed for seed, *_ in self.trials}
        return sum(trial.cost_s for trial in self.trials.values()) / len(seeds)


@dataclass(frozen=True)
class Pairing:
    """Two cells that differ in the compared setting alone."""

    reference: Cell
    other: Cell
    by: str
    settings: dict[str, Any]
    """Those of either that vary among the cells, but the compared one."""
    name: str
    """The same for people; empty where nothing else varies."""

    @property
    def sides(self) -> tuple[str, str]:
        """What the two are called, such as vae and cvae, or β=0.001 and β=0.1."""
        one, other = (self._side(cell.settings.get(self.by)) for cell in self.cells)
        return one, other

    @property
    def cells(self) -> tuple[Cell, Cell]:
        """The reference, then the other."""
        return self.reference, self.other

    def comparable(self, metric: str) -> bool:
        """Whether a metric measures the same on both sides."""
        declared = describe(metric)
        if declared is None:
            return True
        # Of searches the winners' settings count as well, though they tell no searches apart.
        one, two = (cell.trained for cell in self.cells)
        differing = [name for name in one if name in two and one[name] != two[name]]
        both = [(cell.get("model"), bool(cell.get("augment"))) for cell in (one, two)]
        return not declared.changed_by(
            differing,
            contrastive=all(model == "cvae" for model, _ in both),
            augmented=all(augmented for _, augmented in both),
        )

    def values(self, metric: str) -> list[tuple[float, float]]:
        """A metric's values on both sides, one pair a seed, in the order of seeds.

        They are finite and of equal splits. Several splits of one seed are averaged: what they
        share, the initial weights above all, makes them less than pairs of their own.
        """
        one, other = self.reference.trials, self.other.trials
        by_seed: dict[Any, list[tuple[float, float]]] = {}
        for repeat in one if self.comparable(metric) else ():
            if repeat not in other:
                continue
            values = [side[repeat].metrics.get(metric, math.nan) for side in (one, other)]
            if all(map(math.isfinite, values)):
                by_seed.setdefault(repeat[0], []).append((values[0], values[1]))
        return [
            (statistics.fmean(a for a, _ in pairs), statistics.fmean(b for _, b in pairs))
            for pairs in by_seed.values()
        ]

    def _side(self, value: Any) -> str:
        if self.by == "model":
            return str(value)
        return f"{short_name(self.by, [self.by])}={setting_text(value)}"


def pairings(trials: Sequence[Measured], by: str = "model") -> list[Pairing]:
    """Every two cells of a grid that differ in ``by`` alone.

    A setting that one does not have because of ``by`` tells no cells apart: a VAE is compared with
    every CVAE that has its β, whatever their λ, and an augmented one with one that is not, whatever
    its views. The VAE is the reference, of other settings the first value of the plan. Baselines
    are in no pair.

    Args:
        trials: that were trained to their end.
        by: the setting that is compared; of ``seed`` there are no pairs.
    """
    return _paired(cells_of(trials), by)


def cells_of(trials: Sequence[Measured]) -> list[Cell]:
    """Trials by what they differ in beyond what repeats them; baselines are in no cell."""
    cells: dict[str, Cell] = {}
    for trial in trials:
        if trial.config.model in BASELINES:
            continue  # it is shown beside them: nothing is claimed of it, and no test is spent
        new = Cell(trial.cell, {})
        cells.setdefault(new.name, new).trials.setdefault(trial.repeat, trial)
    return list(cells.values())


def rows_of(settings: Iterable[dict[str, Any]], by: str = "model") -> int:
    """How many pairings there would be of trials with these settings, but for what repeats them."""
    cells = (Cell(each, {}) for each in settings)
    return len(_paired(list({cell.name: cell for cell in cells}.values()), by))


def replicate_pairings(
    ledgers: Iterable[Ledger], by: str = "model"
) -> tuple[list[Pairing], list[str]]:
    """Every two searches that differ in ``by`` alone, each by the replicates of its winner.

    What is searched tells none apart: each side has what it found to be best. The value by which a
    winner was picked has no part in it, being the best of many. Searches that began from several
    seeds have replicates of the same seeds, and are compared begun from the same one.

    Returns:
        The pairings, and a line for every metric that was left out of some trials.
    """
    searches: list[tuple[dict[str, Any], list[str]]] = []
    trials: dict[str, Measured] = {}
    for ledger in ledgers:
        classifiers = classifiers_of(ledger.planned())
        for study in ledger.planned_studies():
            replicates = [ledger.trials[key] for key in study.replicates if key in ledger.trials]
            finished = [trial for trial in replicates if trial.state == "finished"]
            done = [measured(trial, ledger.sweep, classifiers) for trial in finished]
            if done:
                searches.append((_fixed(study, done[0].cell), [trial.key for trial in done]))
                trials |= {trial.key: trial for trial in done}
    kept, left_out = alike(list(trials.values()))
    by_key = {trial.key: trial for trial in kept}
    cells = [
        Cell(settings, {by_key[key].repeat: by_key[key] for key in keys})
        for settings, keys in searches
    ]
    return _paired(cells, by), left_out


def _fixed(study: Study, winner: dict[str, Any]) -> dict[str, Any]:
    """What tells a study from others: all that is not searched, as a winner's cell has it.

    Not what a winner alone has: where the model is searched, those of two studies may be of two.
    """
    kept = {n: v for n, v in flat(study.fixed).items() if n != PLACE and n not in study.space}
    return {name: winner.get(name, value) for name, value in kept.items()}


def _paired(cells: Sequence[Cell], by: str) -> list[Pairing]:
    values: list[Any] = []
    for cell in cells:
        if by in cell.settings and cell.settings[by] not in values:
            values.append(cell.settings[by])
    if by == "model":
        values.sort(key=lambda model: model != "vae")
    varied = _varied(cells, by)
    compared = [cell for cell in cells if by in cell.settings]
    others = _Others([cell for cell in compared if cell.settings[by] != values[0]], by)
    return [
        _pairing(reference, other, by, varied)
        for reference in compared
        if reference.settings[by] == values[0]
        for other in others.beside(reference)
    ]


class _Others:
    """Cells that may stand beside a reference, found without a look at each: of thousands of cells
    there are millions of twos.

    Args:
        cells: in the order in which they are found.
        by: the setting that is compared.
    """

    def __init__(self, cells: Sequence[Cell], by: str) -> None:
        self._by = by
        self._kinds: dict[frozenset[str], list[tuple[int, Cell]]] = {}
        """By which settings they have; there are few kinds."""
        for place, cell in enumerate(cells):
            self._kinds.setdefault(frozenset(cell.settings), []).append((place, cell))
        self._found: dict[Any, dict[str, list[tuple[int, Cell]]]] = {}

    def beside(self, reference: Cell) -> list[Cell]:
        """Those that differ from it in what is compared, and in none besides that both have."""
        found: list[tuple[int, Cell]] = []
        for kind in self._kinds:
            shared = tuple(sorted((kind & reference.settings.keys()) - {self._by}))
            found += self._alike(kind, shared).get(_values(reference, shared), ())
        found.sort(key=lambda entry: entry[0])
        return [c for _, c in found if _differ_in(self._by, reference.settings, c.settings)]

    def _alike(
        self, kind: frozenset[str], shared: tuple[str, ...]
    ) -> dict[str, list[tuple[int, Cell]]]:
        """Cells of one kind by their values of these settings."""
        if (kind, shared) not in self._found:
            groups: dict[str, list[tuple[int, Cell]]] = {}
            for entry in self._kinds[kind]:
                groups.setdefault(_values(entry[1], shared), []).append(entry)
            self._found[kind, shared] = groups
        return self._found[kind, shared]


def _values(cell: Cell, names: Sequence[str]) -> str:
    return repr([cell.settings[name] for name in names])


def _differ_in(by: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two cells differ in this setting, and in none besides that both have."""
    lacking = one.keys() ^ other.keys()
    if by != "model" and not all(brings(by, name) for name in lacking):
        return False
    return all(one[name] == other[name] for name in one.keys() & other.keys() if name != by)


def _pairing(reference: Cell, other: Cell, by: str, varied: Sequence[str]) -> Pairing:
    # What both have is equal but for the compared one; some has the reference alone.
    both = reference.settings | other.settings
    settings = {name: both[name] for name in varied if name in both}
    words = {
        name: str(value) if name == "model" else f"{short_name(name, varied)}={setting_text(value)}"
        for name, value in settings.items()
    }
    # Which arm it is not says nothing, unless there is nothing else to be said.
    told = [word for name, word in words.items() if not is_usual(name, settings[name])]
    return Pairing(reference, other, by, settings, " ".join(told or words.values()))


def _varied(cells: Sequence[Cell], by: str) -> list[str]:
    """The settings that tell cells apart but the compared one, the model and β, λ, τ first."""
    names = dict.fromkeys(name for cell in cells for name in cell.settings)
    ordered = sorted(names, key=lambda name: name not in ("model", *FIRST))
    return [
        name
        for name in ordered
        if name != by and len({repr(c.settings[name]) for c in cells if name in c.settings}) > 1
    ]
