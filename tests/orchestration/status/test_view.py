"""Plans and states as tables, at every width."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import rich.console
from rich.cells import cell_len

from orchestration.compare.loaded import load_sweep
from orchestration.plan.plan import make_plan
from orchestration.plan.view import plan_document, plan_tables
from orchestration.spec.sweep import SweepSpec
from orchestration.status.view import status_table
from orchestration.terminal.tables import Sheet

SWEEP = """\
name: wide
base: {data: {name: digits}}
grid:
  model: [vae, cvae]
  tau: [0.1, 1]
  architecture.latent_dim: [4, 16]
  data.divisor: [255, 256]
seeds: [0, 1]
"""


def printed(sheet: Sheet, width: int) -> list[str]:
    out = StringIO()
    rich.console.Console(file=out, width=width, highlight=False).print(sheet)
    return out.getvalue().splitlines()


@pytest.fixture
def plan(load: Callable[..., SweepSpec], tmp_path: Any) -> Sheet:
    spec = load(SWEEP)
    return plan_tables(plan_document(spec.name, make_plan(spec), tmp_path))[0]


def test_what_varies_has_a_column_and_what_belongs_to_none_is_a_dash(plan: Sheet) -> None:
    title, head, _, *rows = printed(plan, 200)
    assert title == "wide: 24 trials"
    assert head.split() == [
        *("trial", "state", "model", "β", "λ", "τ", "divisor", "latent_dim", "seed"),
        *("data", "epochs"),
    ]
    cells = [row.split()[1:] for row in rows]
    assert len(cells) == 24
    assert ["pending", "vae", "0.001", "-", "-", "256", "4", "1", "digits", "20"] in cells
    assert ["pending", "cvae", "0.001", "0.1", "0.1", "255", "16", "0", "digits", "20"] in cells


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_a_plan_fits_and_every_trial_can_be_told_from_the_others(plan: Sheet, width: int) -> None:
    lines = printed(plan, width)
    assert max(map(cell_len, lines)) <= width
    body = "\n".join(lines[3:])
    assert body.count("pending") == 24
    if width < 60:
        told = " ".join(body.split())
        assert len(set(plan.names)) == 24
        assert all(f" {name} " in f"{told} " for name in plan.names), "settings stand below"


@pytest.mark.parametrize("width", [40, 80])
def test_a_state_fits(local_sweep: Callable[..., Any], width: int) -> None:
    sweep = local_sweep(grid={"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]})
    sweep.run(stop_after=7)
    lines = printed(status_table(load_sweep("sweep", sweep.folder.parent).document), width)
    assert max(map(cell_len, lines)) <= width
    rows = [line for line in lines if line[:10] in sweep.keys]
    assert len(rows) == 4
    assert ["finished" in row for row in rows] == [True, True, False, False]
    assert sum("3/3" in row for row in rows) == 2
    if width == 80:
        assert "probe" in lines[1]
    assert any("no room for" in line for line in lines)
