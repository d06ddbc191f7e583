"""``cvae-sweep compare``, of grids and of searches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.orchestration.written import Written

from .conftest import Searches

Compare = Callable[..., Any]


@pytest.fixture
def compare(command: Callable[..., Any]) -> Compare:
    """``compare(storage, "small", …)``."""
    return lambda storage, *arguments: command(
        storage, "compare", *arguments, "--storage", str(storage)
    )


@pytest.fixture
def grid(tmp_path: Path, written: Callable[..., Written]) -> Path:
    """A storage folder with the ledger of one small grid."""
    made = written("small")
    for model in ("vae", "cvae"):
        for beta in (1e-3, 1e-5):
            made.trial(model=model, beta=beta, metrics={"probe/accuracy": 0.5 + 10 * beta})
    return tmp_path


def test_a_grid(grid: Path, compare: Compare) -> None:
    done = compare(grid, "small")
    assert (done.returncode, done.stderr) == (0, "")
    title, _, _, *rest = done.stdout.splitlines()
    rows, verdicts = rest[:4], rest[4:]
    assert title == "VAE and CVAE side by side"
    assert verdicts[1].startswith(
        "no verdicts: they take 7 seeds in both over 2 rows, here 1 seed ("
    )
    assert [row.split()[:2] for row in rows] == [
        *(["vae", "0.001"], ["cvae", "0.001"], ["vae", "1e-05"], ["cvae", "1e-05"]),
    ]
    document = json.loads(compare(grid, "small", "--json").stdout)
    assert (document["kind"], document["by"], document["counts"]["finished"]) == (
        "grid",
        "model",
        4,
    )
    row = document["rows"][1]
    assert (row["model"], row["settings"], len(row["keys"])) == ("cvae", {"beta": 0.001}, 1)
    figure = row["metrics"]["probe/accuracy"]
    assert figure == {"mean": 0.51, "sd": None, "n": 1}


def test_a_grid_by_another_setting(grid: Path, compare: Compare) -> None:
    done = compare(grid, "small", "--by", "beta")
    title, head, _, *rest = done.stdout.splitlines()
    rows = rest[:4]
    assert title == "values of beta side by side"
    assert head.split()[:2] == ["β", "model"]
    assert [row.split()[:2] for row in rows] == [
        *(["0.001", "vae"], ["1e-05", "vae"], ["0.001", "cvae"], ["1e-05", "cvae"]),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["small", "--by", "tau"], "--by tau: the trials differ in no setting of this name"),
        (["small", "--by", "tau"], "use one of: model, beta"),
        (["nothing"], "there is no sweep 'nothing'"),
    ],
)
def test_bad_requests(grid: Path, compare: Compare, arguments: list[str], words: str) -> None:
    done = compare(grid, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_searches(searches: Callable[..., Searches], compare: Compare) -> None:
    made = searches()
    for seed in (0, 1):
        for model in ("vae", "cvae"):
            study = made.study(f"{model} seed={seed}", model=model, seed=seed)
            for number in range(3):
                made.trial(study, 0.5 + (number + seed) / 10)
    storage = made.ledger.folder.parent
    done = compare(storage, "found")
    assert (done.returncode, done.stderr) == (0, "")
    assert "found: searches for val probe ↑, side by side" in done.stdout
    assert "no importances of vae seed=0: it takes 10 finished trials, there are 3" in done.stdout
    document = json.loads(compare(storage, "found", "--by", "seed", "--json").stdout)
    assert (document["kind"], document["by"], document["figures"]) == ("search", "seed", [])
    assert [family["best"]["values"] for family in document["families"]] == [[0.7], [0.8]]
    assert {"state", "equal", "objectives", "studies", "importances_missing"} <= document.keys()
    refused = compare(storage, "found", "--by", "beta")
    assert refused.returncode == 2
    assert "it is searched" in refused.stderr


def test_a_sweep_with_nothing_trained(
    tmp_path: Path, sweep_in: Callable[..., Any], compare: Compare
) -> None:
    sweep_in(tmp_path / "empty").open()
    assert compare(tmp_path, "empty").stdout == "small: no trial has been trained yet\n"
