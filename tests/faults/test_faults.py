"""A few sweeps that are killed and have to end as undisturbed ones; ``make faults`` does many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .disturb import disturbed, undisturbed
from .kinds import kind_of

KILLS = 2
SEEDS = (20, 3)
"""A grid, of which worker and raylet are killed; a scheduled search, GCS and driver."""


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/tmp") as short:
        yield Path(short)


@pytest.mark.parametrize("seed", SEEDS, ids=[kind_of(seed).name for seed in SEEDS])
def test_a_killed_sweep_ends_as_an_undisturbed_one(seed: int, root: Path) -> None:
    kind = kind_of(seed).shorter
    reference = undisturbed(kind, root / "u", root / "cache")
    outcome = disturbed(kind, seed, KILLS, reference, root / "d", root / "cache")
    assert outcome.differences == []
    assert len(outcome.hits) == KILLS
