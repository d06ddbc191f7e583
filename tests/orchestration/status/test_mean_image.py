"""A trial that does worse than the mean training image is named wherever trials are looked at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.ledger.mean_image import behind_mean_image
from tests.orchestration.written import Written

SAYS = "reconstructs worse than the mean training image would (0.1136 against 0.0674)"
BEHIND = {"val/reconstruction": 0.1136, "val/reconstruction_of_mean": 0.0674}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (BEHIND, SAYS),
        (BEHIND | {"val/reconstruction": 0.05}, ""),
        (BEHIND | {"val/reconstruction": 0.0674}, ""),
        ({"val/reconstruction": 0.1136}, ""),  # of an earlier version
        ({}, ""),
    ],
)
def test_it_takes_both_figures(metrics: dict[str, float], said: str) -> None:
    assert behind_mean_image(metrics) == said


def test_status_and_compare_name_it(
    tmp_path: Path, written: Callable[..., Written], command: Callable[..., Any]
) -> None:
    made = written("small")
    keys = []
    for number in range(6):
        trial = made.trial(
            "running" if number == 1 else "finished",
            done=3,
            model=("vae", "cvae")[number % 2],
            beta=(1e-3, 1e-4, 1e-5)[number // 2],
        )
        trial.epochs[-1].metrics |= BEHIND if number else BEHIND | {"val/reconstruction": 0.01}
        made.ledger.save(trial)
        keys.append(trial.key)
    good, running, first, *others = keys
    for words in (["status"], ["compare"]):
        lines = command(tmp_path, *words, "small", "--storage", str(tmp_path)).stdout.splitlines()
        (place,) = (number for number, line in enumerate(lines) if line.endswith(SAYS))
        assert lines[place].split()[0] == first
        assert lines[place + 1] == f"    the same in 3 other trials: {', '.join(others)}"
    found = command(tmp_path, "compare", "small", "--storage", str(tmp_path), "--json").stdout
    assert json.loads(found)["warnings"] == lines[place : place + 2]
    found = command(tmp_path, "status", "small", "--storage", str(tmp_path), "--json").stdout
    warnings = {trial["key"]: trial["warnings"] for trial in json.loads(found)["trials"]}
    assert warnings == {good: {}, running: {}} | {
        key: {"training": [SAYS]} for key in [first, *others]
    }
