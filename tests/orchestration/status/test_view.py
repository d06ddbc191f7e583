"""Plans and states as tables, at every width."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import rich.console
from rich.cells import cell_len

from cvae_core.config import TrialConfig
from orchestration.compare.loaded import load_sweep
from orchestration.plan.plan import make_plan
from orchestration.plan.view import plan_document, plan_tables
from orchestration.spec.sweep import SweepSpec
from orchestration.status.status import status_document
from orchestration.status.view import absent_lines, failure_lines, next_lines, status_table
from orchestration.terminal.tables import Sheet

SWEEP = """\
name: wide
baselines: false
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
def test_a_state_fits(ran: Callable[..., Any], width: int) -> None:
    grid = {"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]}
    sweep = ran(grid=grid, evaluation={"probe": True}, stop_after=7)
    lines = printed(status_table(load_sweep("sweep", sweep.folder.parent).document), width)
    assert max(map(cell_len, lines)) <= width
    rows = [line for line in lines if line[:10] in sweep.keys]
    assert len(rows) == 4
    assert ["finished" in row for row in rows] == [True, True, False, False]
    assert sum("3/3" in row for row in rows) == 2
    if width == 80:
        assert "probe" in lines[1]
    assert any("no room for" in line for line in lines)


ABSENT = "FID needs Inception's weights: /a/file is not there (no network). Put the file there"


def document_of(*failures: dict[str, Any], absent: str | None = None) -> dict[str, Any]:
    trials = [
        {
            "key": f"key{number}",
            "state": "finished",
            "error": None,
            "config": TrialConfig.from_settings({"seed": number}).to_settings(),
            "evaluation_errors": {"probe": failure} if failure else {},
            "evaluations_absent": {"fid": absent} if absent else {},
            "evaluations_open": [],
        }
        for number, failure in enumerate(failures)
    ]
    none = {"evaluation_errors": {}, "evaluations_absent": {}, "evaluations_open": []}
    return {"state": "finished", "trials": trials, **none}


def test_what_befell_several_trials_is_said_once(tmp_path: Path) -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nE: m'
    same = {"kind": "error", "message": "E: m", "traceback": trace}
    other = {"kind": "error", "message": "E: n", "traceback": trace}
    document = document_of(same, other, same, {}, same)
    lines = failure_lines(document, tmp_path)
    heads = [line for line in lines if "failed" in line and not line.startswith(" ")]
    assert [line.split()[0] for line in heads] == ["key0", "key1"]
    assert lines[lines.index(heads[1]) - 1] == "    the same in 2 other trials: key2, key4"
    assert any("a.py:3" in line for line in lines)
    brief = failure_lines(document, tmp_path, brief=True)
    assert not any("a.py" in line for line in brief)
    assert [line for line in brief if line in lines] == brief
    assert "cvae-sweep evaluate" in brief[1]


def test_a_long_reason_is_given_whole_in_one_place_alone() -> None:
    document = document_of({}, {}, absent=ABSENT)
    assert absent_lines(document) == [f"fid is missing for 2 trials: {ABSENT}"]
    brief = absent_lines(document, brief=True)
    assert brief == ["fid is missing for 2 trials: FID needs Inception's weights"]


def test_a_trial_that_waits_for_its_evaluation_is_trained(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep("small", evaluation={"probe": False}, base={"epochs": 1})
    sweep.run()
    before = status_table(status_document(sweep.open()))
    assert " finished " in printed(before, 99)[-1]
    ledger = local_sweep("small", base={"epochs": 1}).open()  # with a probe now
    document = status_document(ledger)
    assert document["trials"][0]["state"] == "finished", "what scripts read stays"
    assert " trained " in printed(status_table(document), 99)[-1]
    running = {**document, "state": "running"}
    assert next_lines(running, sweep.folder) == ["1 evaluation of trained trials to come"]


def test_a_trial_has_its_settings_read_once(
    plan: Sheet, load: Callable[..., SweepSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is most of what a table of thousands takes."""
    spec = load(SWEEP)
    document = plan_document(spec.name, make_plan(spec), tmp_path)
    trials = [
        trial
        | {
            "epoch": 0,
            "metrics": {},
            "evaluations_open": [],
            "evaluation_errors": {},
            "error": None,
        }
        for trial in document["trials"]
    ]
    status = {"name": "wide", "state": "interrupted", "counts": {}, "trials": trials}
    status |= {"evaluation_errors": {}}
    read = 0
    from_settings = TrialConfig.from_settings

    def counted(settings: Any) -> TrialConfig:
        nonlocal read
        read += 1
        return from_settings(settings)

    monkeypatch.setattr(TrialConfig, "from_settings", counted)
    plan_tables(document)
    assert read == len(trials)
    read = 0
    expected = printed(status_table(status), 200)
    assert failure_lines(status, tmp_path) == []
    assert read == len(trials)
    configs = {trial["key"]: from_settings(trial["config"]) for trial in trials}
    read = 0
    assert printed(status_table(status, configs), 200) == expected
    assert read == 0, "they are known"
