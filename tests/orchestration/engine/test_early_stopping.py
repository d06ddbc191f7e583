"""Decisions of Ray's schedulers against the published rules, and the same after every cut."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvae_core.config import TrialConfig
from orchestration.engine.early_stopping import (
    EarlyStopping,
    decision_epochs,
    decision_epochs_of,
    group_of,
    scheduler_text,
)
from orchestration.ledger.documents import Ask, Decision, Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.search import Scheduler
from orchestration.spec.sweep import SweepSpec

ASHA = Scheduler(name="asha", metric="val/reconstruction", grace_epochs=2, reduction=3)
MEDIAN = Scheduler(name="median", metric="val/reconstruction", grace_epochs=3, min_trials=3)
EPOCHS = 20
Said = tuple[int, str, int, float, bool]


def with_trials(count: int, **settings: Any) -> Ledger:
    trials = {
        f"t{n:02d}": Trial(
            key=f"t{n:02d}",
            config=TrialConfig.from_settings(
                {"epochs": EPOCHS, "seed": n, **settings}
            ).to_settings(),
            state="running",
        )
        for n in range(count)
    }
    sweep = Sweep(name="s", sweep_id="1", created=0.0, spec={}, plan=list(trials))
    return Ledger(Path("nowhere"), sweep, trials)


class Run:
    """Trials whose metric is known beforehand, trained in turns that chance decides."""

    def __init__(self, scheduler: Scheduler, seed: int, trials: int = 12, workers: int = 3) -> None:
        self.scheduler = scheduler
        self.chance = random.Random(seed)
        self.ledger = with_trials(trials)
        self.curves = {
            key: [self.chance.random() + 5 / epoch for epoch in range(1, EPOCHS + 1)]
            for key in self.ledger.trials
        }
        self.done = dict.fromkeys(self.ledger.trials, 0)
        self.workers = workers
        self.epochs = decision_epochs(scheduler, EPOCHS, 1)
        self.early = EarlyStopping(scheduler, self.ledger)

    def at_work(self) -> list[Trial]:
        left = [t for t in self.ledger.trials.values() if t.state == "running"]
        return left[: self.workers]

    def train(self, trial: Trial) -> Decision | None:
        self.done[trial.key] += 1
        epoch = self.done[trial.key]
        if epoch == EPOCHS:
            trial.state = "finished"
        if epoch not in self.epochs:
            return None
        metrics = {self.scheduler.metric: self.curves[trial.key][epoch - 1], "val/loss": 9.0}
        decision = self.early.decide(trial, epoch, metrics)
        assert decision is not None
        if decision not in trial.decisions:
            trial.decisions = [*trial.decisions, decision]
        if decision.stop:
            trial.state = "stopped"
        return decision

    def turns(self) -> Iterator[None]:
        while working := self.at_work():
            self.train(self.chance.choice(working))
            yield

    def cut(self, chance: random.Random) -> None:
        """The driver dies; what is written is read again, and some epochs are trained again."""
        before = {key: trial.decisions for key, trial in self.ledger.trials.items()}
        read = {
            key: Trial.model_validate_json(trial.model_dump_json())
            for key, trial in self.ledger.trials.items()
        }
        order = list(read.items())
        chance.shuffle(order)  # whatever order the folder's files come in
        self.ledger = Ledger(self.ledger.folder, self.ledger.sweep, dict(order))
        self.early = EarlyStopping(self.scheduler, self.ledger)
        self.ledger.trials = dict(sorted(order))
        for trial in self.at_work():
            reached = self.done[trial.key]
            self.done[trial.key] = chance.randint(0, reached)
            while self.done[trial.key] < reached:
                self.train(trial)
        assert {key: trial.decisions for key, trial in self.ledger.trials.items()} == before

    def said(self) -> list[Said]:
        found = [
            (d.number, key, d.epoch, d.value, d.stop)
            for key, trial in self.ledger.trials.items()
            for d in trial.decisions
        ]
        return sorted(found)


def by_asha(said: list[Said], reduction: int, sign: int) -> list[bool]:
    """Stopped are those below the best 1/η of all that came to the rung before (1810.05934)."""
    rungs: dict[int, list[float]] = {}
    stops = []
    for _, _, epoch, value, _ in said:
        before = rungs.setdefault(epoch, [])
        stops.append(bool(before) and sign * value < np.quantile(before, 1 - 1 / reduction))
        before.append(sign * value)
    return stops


def by_median(said: list[Said], at_least: int, sign: int) -> list[bool]:
    """Stopped are those whose best so far is worse than the median of the others' means so far
    (Golovin et al., Google Vizier, 2017, section 3.2.2)."""
    known: dict[str, dict[int, float]] = {}
    stops = []
    for _, key, epoch, value, _ in said:
        known.setdefault(key, {})[epoch] = sign * value
        means = [
            np.mean([v for e, v in values.items() if e <= epoch])
            for other, values in known.items()
            if other != key and max(values) >= epoch
        ]
        best = max(known[key].values())
        stops.append(len(means) >= at_least and best < np.median(means))
    return stops


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("metric", ["val/reconstruction", "val/probe_accuracy"])
@pytest.mark.parametrize("scheduler", [ASHA, MEDIAN])
def test_decisions_are_those_of_the_published_rule(
    scheduler: Scheduler, metric: str, workers: int
) -> None:
    scheduler = scheduler.model_copy(update={"metric": metric})
    sign = 1 if metric == "val/probe_accuracy" else -1
    stopped = 0
    for seed in range(20):
        run = Run(scheduler, seed, trials=15, workers=workers)
        for _ in run.turns():
            pass
        said = run.said()
        assert [number for number, *_ in said] == list(range(1, len(said) + 1))
        if scheduler.name == "asha":
            expected = by_asha(said, scheduler.reduction, sign)
        else:
            expected = by_median(said, scheduler.min_trials, sign)
        assert [stop for *_, stop in said] == expected
        stopped += sum(expected)
    assert stopped > 60, "otherwise little was seen here"


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("scheduler", [ASHA, MEDIAN])
def test_the_same_decisions_after_every_cut(scheduler: Scheduler, workers: int) -> None:
    for seed in range(50):
        whole = Run(scheduler, seed, workers=workers)
        turns = sum(1 for _ in whole.turns())
        cutting = random.Random(seed)
        cuts = {cutting.randrange(turns) for _ in range(4)}
        run = Run(scheduler, seed, workers=workers)
        for turn, _ in enumerate(run.turns()):
            if turn in cuts:
                run.cut(cutting)
        assert run.said() == whole.said()
        assert run.done == whole.done


@pytest.mark.parametrize(
    ("settings", "epochs", "every", "expected"),
    [
        ({"name": "asha", "grace_epochs": 5, "reduction": 3}, 20, 5, [5, 15]),
        ({"name": "asha", "grace_epochs": 1, "reduction": 2}, 9, 0, [1, 2, 4, 8]),
        # Never at the last epoch, and 1000 = 10 ** 3 is a rung below 1001.
        ({"name": "asha", "grace_epochs": 1, "reduction": 2}, 8, 1, [1, 2, 4]),
        ({"name": "asha", "grace_epochs": 1, "reduction": 10}, 1001, 1, [1, 10, 100, 1000]),
        ({"name": "asha", "grace_epochs": 5}, 5, 1, []),
        ({"name": "median", "grace_epochs": 3}, 6, 1, [3, 4, 5]),
        ({"name": "median", "grace_epochs": 6}, 20, 5, [10, 15]),
        ({"name": "median", "grace_epochs": 1}, 20, 0, []),
        ({"name": "median", "grace_epochs": 20}, 20, 1, []),
    ],
)
def test_epochs_of_decisions(
    settings: dict[str, Any], epochs: int, every: int, expected: list[int]
) -> None:
    assert decision_epochs(Scheduler(**settings), epochs, every) == expected


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("val/reconstruction", [2, 3, 4, 5, 6]),
        ("val/probe_accuracy", [3, 6]),
        ("val/fd_digits-cnn", [4]),
    ],
)
def test_the_median_rule_looks_where_there_is_a_value_anyway(
    metric: str, expected: list[int]
) -> None:
    scheduler = {"name": "median", "metric": metric, "grace_epochs": 2}
    evaluation = {"probe_every": 3, "fd_every": 4}
    spec = SweepSpec.model_validate({"name": "s", "scheduler": scheduler, "evaluation": evaluation})
    ledger = with_trials(1)
    ledger.trials["t00"].config["epochs"] = 7
    assert decision_epochs_of(spec, ledger, ledger.trials["t00"]) == expected
    spec = spec.model_copy(update={"scheduler": None})
    assert decision_epochs_of(spec, ledger, ledger.trials["t00"]) == []


def decide(early: EarlyStopping, ledger: Ledger, key: str, value: float, epoch: int = 2) -> bool:
    trial = ledger.trials[key]
    decision = early.decide(trial, epoch, {"val/reconstruction": value})
    assert decision is not None
    trial.decisions = [*trial.decisions, decision]
    return decision.stop


def test_other_settings_are_another_scheduler() -> None:
    ledger = with_trials(4)
    first = EarlyStopping(ASHA, ledger)
    assert not decide(first, ledger, "t00", 0.1)
    assert decide(first, ledger, "t01", 0.2)
    # The order of a grid changes nothing of what is decided in that order.
    same = EarlyStopping(ASHA.model_copy(update={"seed": 5, "min_trials": 9}), ledger)
    assert same.decide(ledger.trials["t02"], 2, {"val/reconstruction": 0.3}).stop  # type: ignore[union-attr]
    other = ASHA.model_copy(update={"reduction": 4})
    second = EarlyStopping(other, ledger)
    assert not decide(second, ledger, "t02", 0.3), "it knows nothing of the first's values"
    assert decide(second, ledger, "t03", 0.4)
    assert [d.number for t in ledger.trials.values() for d in t.decisions] == [1, 2, 3, 4]
    # The same trial and epoch is asked again, and both decisions stay on record.
    decide(second, ledger, "t00", 0.5)
    assert [d.scheduler for d in ledger.trials["t00"].decisions] == [
        scheduler_text(ASHA),
        scheduler_text(other),
    ]


def test_a_recorded_decision_is_used_again_whatever_the_value_is_now() -> None:
    ledger = with_trials(3)
    early = EarlyStopping(ASHA, ledger)
    assert not decide(early, ledger, "t00", 0.1)
    kept = ledger.trials["t00"].decisions[0]
    for value in (0.1, 0.0, 99.0):
        assert early.decide(ledger.trials["t00"], 2, {"val/reconstruction": value}) is kept
    # The rung still holds 0.1 alone.
    assert decide(early, ledger, "t01", 0.11)
    assert not decide(early, ledger, "t02", 0.09)


def test_without_a_value_nothing_is_decided() -> None:
    ledger = with_trials(1)
    early = EarlyStopping(ASHA, ledger)
    assert early.decide(ledger.trials["t00"], 2, {"val/loss": 1.0}) is None


@pytest.mark.parametrize(
    ("data", "together"),
    [
        ({"path": "/elsewhere", "name": "folder"}, None),
        ({"name": "mnist"}, False),
        ({"validation_fraction": 0.2}, False),
        ({"split_seed": 1}, False),
        ({"value_range": "symmetric"}, False),
        ({"divisor": 256}, False),
        ({}, True),
    ],
)
def test_trials_of_a_grid_compete_on_the_same_data(
    data: dict[str, Any], together: bool | None
) -> None:
    ledger = with_trials(2)
    base = ledger.trials["t00"].config
    if together is None:  # where a folder lies tells nothing
        folder = TrialConfig.from_settings({"data": {"name": "folder", "content": "a"}})
        ledger.trials["t00"].config = base = folder.to_settings()
    config = {**base, "model": "cvae", "epochs": 7, "data": {**base["data"], **data}}
    ledger.trials["t01"].config = config
    one, other = (group_of(ledger, trial) for trial in ledger.trials.values())
    assert one is not None
    assert (one == other) is (together is not False)
    early = EarlyStopping(ASHA, ledger)
    assert not decide(early, ledger, "t00", 0.1)
    assert decide(early, ledger, "t01", 0.2) is (together is not False)


def test_trials_of_a_search_compete_within_their_study() -> None:
    ledger = with_trials(5)
    ledger.sweep.plan = []
    ledger.sweep.studies = ["a", "b"]
    common: dict[str, Any] = {"name": "", "fixed": {}, "space": {}, "objectives": []}
    common |= {"sampler": "tpe", "seed": 0, "startup": 1, "trials": 9}
    asks = [Ask(number=n, params={}, key=key) for n, key in enumerate(("t00", "t01"))]
    ledger.studies["a"] = Study(key="a", asks=asks, replicates=["t04"], winner="t00", **common)
    ledger.studies["b"] = Study(
        key="b", asks=[Ask(number=0, params={}, key="t02"), Ask(number=1, params={}, key="t03")],
        **common,
    )  # fmt: skip
    groups = [group_of(ledger, trial) for trial in ledger.trials.values()]
    assert groups == ["a", "a", "b", "b", None]
    early = EarlyStopping(ASHA, ledger)
    assert not decide(early, ledger, "t00", 0.1)
    assert not decide(early, ledger, "t02", 0.8), "the first of its study"
    assert decide(early, ledger, "t01", 0.2)
    assert decide(early, ledger, "t03", 0.9)
    replicate = ledger.trials["t04"]
    assert early.decide(replicate, 2, {"val/reconstruction": 99.0}) is None
    spec = SweepSpec(name="s", scheduler=ASHA)
    assert decision_epochs_of(spec, ledger, replicate) == []
    assert decision_epochs_of(spec, ledger, ledger.trials["t00"]) == [2, 6, 18]


def test_trials_that_left_the_plan_do_not_compete() -> None:
    ledger = with_trials(3)
    early = EarlyStopping(ASHA, ledger)
    decide(early, ledger, "t00", 0.1)
    decide(early, ledger, "t01", 0.3)
    ledger.sweep.plan.remove("t00")
    assert not decide(EarlyStopping(ASHA, ledger), ledger, "t02", 0.2)


def test_looking_at_a_sweep_does_not_wait_for_ray(
    local_sweep: Callable[..., Any], tmp_path: Path
) -> None:
    scheduler = {"name": "asha", "metric": "val/reconstruction", "grace_epochs": 1}
    sweep = local_sweep("runs/small", grid={"beta": [1.0, 2.0]}, scheduler=scheduler)
    sweep.run()
    (tmp_path / "a.yaml").write_text("name: a\nscheduler: {name: asha}\n")
    script = (
        "import sys; from orchestration.cli.main import main\n"
        "for line in ('status small', 'plan a.yaml', 'validate a.yaml', 'list'):\n"
        "    sys.argv[1:] = line.split()\n"
        "    try: main()\n"
        "    except SystemExit as end: assert not end.code, (line, end.code)\n"
        "    assert 'ray' not in sys.modules, line\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
