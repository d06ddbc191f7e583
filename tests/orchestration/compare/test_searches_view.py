"""A comparison of searches as a person reads it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import rich.console
from rich.cells import cell_len

from orchestration.compare.searches import search_comparison
from orchestration.compare.searches_view import ended_lines, search_view
from orchestration.ledger.documents import Study
from orchestration.spec.dimensions import Dimension

from .conftest import ACCURACY, BETA, RECONSTRUCTION, TAU, Searches

Make = Callable[..., Searches]
CHANNELS = Dimension("architecture.channels", "choice", choices=([8, 16], [16, 32]))


def printed(document: dict[str, Any], width: int = 160) -> str:
    out = StringIO()
    console = rich.console.Console(file=out, width=width, highlight=False, markup=False)
    for part in search_view(document):
        console.print(part)
    return out.getvalue()


def filled(made: Searches, name: str, count: int = 3, **fixed: Any) -> Study:
    study = made.study(name, [BETA, CHANNELS, TAU], **fixed)
    for number in range(count):
        params = {"beta": 10.0 ** -(number + 1), "architecture.channels": [8, 16]}
        if fixed["model"] == "cvae":
            params["tau"] = 0.123456 + number / 10
        values = [0.5 + number / 10, 0.5 + number / 10]
        test = {"probe/accuracy": 0.4321 + number / 10}
        made.trial(study, values[: len(made.objectives)], cost=10.0, test=test, **params)
    return study


@pytest.fixture
def two(searches: Make) -> Searches:
    made = searches()
    filled(made, "vae", model="vae")
    filled(made, "cvae", model="cvae")
    return made


def test_families_stand_side_by_side(two: Searches) -> None:
    text = printed(search_comparison(two.read()))
    lines = [line.split() for line in text.splitlines()]
    assert ["vae", "3", "30.0", "s", "0.7", "0.7", "0.7"] in lines
    assert ["cvae", "3", "30.0", "s", "0.7", "0.7", "0.7"] in lines
    assert (
        "equal budgets: 3 trials in each study; CPU-seconds 30.0 (vae) and 30.0 (cvae), "
        "compared at 30.0" in text
    )
    best = next(line for line in lines if line[:1] == ["cvae"] and "8×16" in line)
    assert best[2:] == ["0.001", "8×16", "0.323", "0.7", "0.6321", "10.0", "s"]
    assert "stopped" not in text, "there are none"


def test_budgets_that_differ_are_said_to(two: Searches) -> None:
    cvae = two.ledger.planned_studies()[1]
    two.trial(cvae, 0.9, cost=5.5, beta=0.07)
    text = printed(search_comparison(two.read()))
    assert "unequal budgets: trials 3 (vae) and 4 (cvae), compared at 3" in text
    assert "CPU-seconds 30.0 (vae) and 35.5 (cvae), compared at 30.0" in text
    assert "best at 3 trials" in text


def test_several_studies_of_a_family(two: Searches) -> None:
    filled(two, "cvae seed=1", 2, model="cvae", seed=1)
    dead = two.study("vae seed=1", model="vae", seed=1)
    two.trial(dead, None, "failed", beta=0.1)
    dead.end = "failing"
    two.ledger.save_study(dead)
    document = search_comparison(two.read())
    text = printed(document)
    assert "0.6 ± 0" in text
    assert "0.6 (1 of 2)" in text
    assert "mean ± standard deviation over a family's studies" in text
    assert "nothing trained yet, and left out: vae seed=1" in text
    assert ended_lines(document) == ["vae seed=1: failing after 0 trials"]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
@pytest.mark.parametrize("objectives", [(ACCURACY,), (ACCURACY, RECONSTRUCTION)])
def test_it_fits(searches: Make, objectives: Any, width: int) -> None:
    made = searches(objectives=objectives)
    filled(made, "vae", model="vae")
    study = filled(made, "cvae", 14, model="cvae")
    study.winner = study.asks[1].key
    values = [0.7512345, 0.1][: len(objectives)]
    for _ in range(2):
        made.trial(study, values, replicate=True, test={"probe/accuracy": 0.5}, beta=0.01)
    document = search_comparison(made.read())
    for each in document["studies"]:
        each["importances"] = [{"beta": 0.9, "architecture.channels": 0.1}] * len(objectives)
    lines = printed(document, width).splitlines()
    tables = [line for line in lines if "standard" not in line]
    assert max(map(cell_len, tables)) <= width
    text = " ".join(" ".join(lines).split())
    assert "0.7512 ± 0" in text or width < 40
    assert "90%" in text
    assert ("4 more of cvae: see --json" in text) == (len(objectives) == 2)


def test_the_value_of_the_search_is_marked_as_biased(two: Searches) -> None:
    cvae = two.ledger.planned_studies()[1]
    cvae.winner = cvae.asks[2].key
    for value in (0.5, 0.6):
        two.trial(cvae, value, replicate=True, test={"probe/accuracy": value}, beta=0.001)
    text = printed(search_comparison(two.read()))
    assert "in the search (biased)" in text
    row = next(line for line in text.splitlines() if "2 of 2" in line)
    assert row.split() == [
        *("cvae", "2", "of", "2", "0.55", "±", "0.071", "0.55", "±", "0.071", "0.7"),
    ]


def test_nothing_yet(searches: Make) -> None:
    made = searches()
    made.study("vae", model="vae")
    text = printed(search_comparison(made.read()))
    assert "best trial" not in text
    assert ["vae", "0", "0.0", "s", "-", "-", "-"] in [line.split() for line in text.splitlines()]
