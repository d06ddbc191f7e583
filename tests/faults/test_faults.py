"""A few sweeps that are killed and have to end as undisturbed ones; ``make faults`` does many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .disturb import disturbed, undisturbed
from .kinds import kind_of

KILLS = 2
VICTIMS = {20: {"worker", "raylet"}, 3: {"gcs_server", "driver"}}
"""By seed: a grid, and a scheduled search."""


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/tmp") as short:
        yield Path(short)


@pytest.mark.parametrize("seed", VICTIMS, ids=[kind_of(seed).name for seed in VICTIMS])
def test_a_killed_sweep_ends_as_an_undisturbed_one(seed: int, root: Path) -> None:
    kind = kind_of(seed).shorter
    reference = undisturbed(kind, root / "u", root / "cache")
    if "scheduler" in kind.name:
        check_stops(reference.record)
    outcome = disturbed(kind, seed, KILLS, reference, root / "d", root / "cache")
    assert outcome.differences == []
    assert {hit.victim for hit in outcome.hits} == VICTIMS[seed]


def check_stops(record: dict[str, Any]) -> None:
    """Some trials were stopped, and MLflow says of each where and why."""
    stopped = {k: t for k, t in record["trials"].items() if t["state"] == "stopped"}
    assert stopped
    for key, trial in stopped.items():
        last, run = trial["decisions"][-1], record["mlflow"][key]
        epoch = str(last["epoch"])
        assert (last["stop"], last["epoch"]) == (True, len(trial["steps"]))
        assert (run["tags"]["stopped.epoch"], run["tags"]["stopped.rung"]) == (epoch, epoch)
        assert run["tags"]["stopped.reason"].startswith(f"stopped after epoch {epoch} of 4: ")
        assert [step for step, _ in run["metrics"]["val/loss"]] == trial["steps"]
