"""Whole searches in this process, with a scheduler beside them, cut off after any epoch."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.ledger.ledger import Ledger

pytestmark = pytest.mark.slow

SECTIONS: dict[str, Any] = {
    "base": {"epochs": 3, "batch_size": 150},
    "grid": {"model": ["vae", "cvae"]},
    "search": {
        "trials": 6,
        "startup": 2,
        "replicates": 1,
        "space": {"beta": {"log": [1e-8, 1e-1]}, "clip_norm": {"log": [1e-3, 1.0]}},
        "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
    },
    "scheduler": {
        "name": "asha",
        "metric": "val/reconstruction",
        "grace_epochs": 1,
        "reduction": 2,
    },
    "evaluation": {"probe": False, "probe_every": 0},
}


def record(folder: Path) -> list[Any]:
    """All that was asked, decided and measured; neither times nor attempts."""
    ledger = Ledger.open(folder)
    trials = {
        key: (
            trial.state,
            [(epoch.epoch, epoch.metrics) for epoch in trial.epochs],
            [decision.model_dump() for decision in trial.decisions],
            [(ref.epoch, ref.sha256) for ref in trial.checkpoints],
        )
        for key, trial in ledger.trials.items()
    }
    studies = [study.model_dump() for study in ledger.planned_studies()]
    return [trials, studies]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sweep_in: Callable[..., Any]) -> Path:
    folder = tmp_path_factory.mktemp("search") / "whole"
    sweep_in(folder, **SECTIONS).run()
    return folder


def test_families_have_their_budget_and_stopped_trials_count(whole: Path) -> None:
    ledger = Ledger.open(whole)
    for study in ledger.planned_studies():
        states = [ledger.trials[ask.key].state for ask in study.asks]
        assert study.end == "complete"
        assert sorted(set(states)) == ["finished", "stopped"]
        assert len(states) == 6
        best = min(
            (ledger.trials[ask.key] for ask in study.asks),
            key=lambda t: t.metrics["val/reconstruction"] if t.state == "finished" else 9.0,
        )
        assert study.winner == best.key
        (again,) = (ledger.trials[key] for key in study.replicates)
        assert (again.state, again.epoch, again.decisions) == ("finished", 3, [])


def test_cut_off_anywhere_it_asks_and_decides_the_same(
    whole: Path, tmp_path: Path, sweep_in: Callable[..., Any]
) -> None:
    chance = random.Random(0)
    while True:
        sweep = sweep_in(tmp_path / "cut", **SECTIONS)
        sweep.run(stop_after=chance.randrange(1, 10))
        if all(study.end for study in Ledger.open(tmp_path / "cut").planned_studies()):
            break
    sweep.run()
    assert record(tmp_path / "cut") == record(whole)
