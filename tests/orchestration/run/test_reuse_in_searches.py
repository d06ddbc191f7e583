"""A search takes over what was trained before, and asks for the same as if it had trained it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.terminal.console import Console

SECTIONS: dict[str, Any] = {
    "baselines": False,
    "base": {
        "data": {"name": "digits"},
        "epochs": 1,
        "architecture": {"channels": [4, 8], "latent_dim": 4},
    },
    "grid": {"model": ["vae", "cvae"]},
    "evaluation": {
        **dict.fromkeys(PARTS, False),
        "probe_every": 0,
        "probe": {"protocols": ["standard"], "neighbours": None},
    },
}
OBJECTIVE = {"metric": "val/reconstruction", "direction": "minimize"}
SEARCH = {
    "trials": 4,
    "startup": 2,
    "replicates": 2,
    "space": {"beta": {"log": [1e-8, 1e-1]}},
    "objectives": [OBJECTIVE],
}
Run = Callable[..., tuple[list[str], int]]


@pytest.fixture
def run(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_takes_everything: None,
) -> Run:
    """``run("name", search=…)``: what a run prints, and how often an engine was started for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)

    def carry_out(name: str, *, flags: dict[str, Any] | None = None, **sections: Any) -> Any:
        started, out = 0, io.StringIO()

        @contextmanager
        def start(run: SweepRun, _: ProcessRecord) -> Iterator[Engine]:
            nonlocal started
            started += 1
            yield InProcessEngine(Worker(run.data.sets, run.request.folder, threads=1, gpu=False))

        content = {"name": name, **SECTIONS, **sections}
        spec = parse_spec(Layers(Path("file.yaml"), content, {}))
        with ended_by_signals() as signals:
            given = Flags(**(flags or {}))
            request = Request(spec, tmp_path, "cvae-sweep run file.yaml", given)
            assert run_sweep(request, Console(out), signals, start) == 0
        return out.getvalue().splitlines(), started

    return carry_out


def record(folder: Path) -> Any:
    """All that was asked for and measured; neither times nor where it was trained."""
    ledger = Ledger.open(folder)
    trials = {
        key: (trial.state, [epoch.metrics for epoch in trial.epochs], sorted(trial.evaluations))
        for key, trial in ledger.trials.items()
    }
    return trials, [study.model_dump() for study in ledger.planned_studies()]


def taken_over(folder: Path) -> list[bool]:
    """Of each planned trial in its order."""
    return [trial.taken_over is not None for trial in Ledger.open(folder).planned()]


@pytest.mark.slow
def test_a_search_takes_over_trials_and_replicates_and_asks_for_the_same(
    run: Run, tmp_path: Path
) -> None:
    lines, started = run("short", search={**SEARCH, "trials": 2, "replicates": 0})
    assert (started, taken_over(tmp_path / "short")) == (1, [False] * 4)
    assert not any("taken over" in line for line in lines)

    lines, started = run("long", search=SEARCH)
    assert started == 1
    assert "4 trials taken over from short (trained before; --no-reuse trains them anew)" in lines
    # Of each study the first two, and what it asks for next, then both replicates.
    assert taken_over(tmp_path / "long") == [*[True] * 2, *[False] * 4] * 2

    lines, started = run("fresh", search=SEARCH, flags={"reuse": False})
    assert (started, taken_over(tmp_path / "fresh")) == (1, [False] * 12)
    assert record(tmp_path / "long") == record(tmp_path / "fresh")

    lines, started = run("again", search=SEARCH)
    assert started == 0  # all of it was trained before
    assert "12 trials taken over from fresh (trained before; --no-reuse trains them anew)" in lines
    assert "again: 12 finished" in lines
    assert taken_over(tmp_path / "again") == [True] * 12
    assert record(tmp_path / "again") == record(tmp_path / "fresh")


@pytest.mark.slow
def test_what_is_still_to_be_evaluated_of_them_is(run: Run, tmp_path: Path) -> None:
    search = {**SEARCH, "trials": 2, "replicates": 1}
    bare = {**SECTIONS["evaluation"], "probe": False}
    run("bare", search=search, evaluation=bare)
    lines, started = run("judged", search=search)
    assert started == 1
    trials = Ledger.open(tmp_path / "judged").trials.values()
    assert taken_over(tmp_path / "judged") == [True] * 6
    assert [trial.evaluations["probe"].state for trial in trials] == ["finished"] * 6
    assert sum("begins" in line for line in lines) == 0


@pytest.mark.slow
def test_a_grid_that_was_trained_elsewhere_starts_no_engine(run: Run, tmp_path: Path) -> None:
    assert run("one")[1] == 1
    lines, started = run("two")
    assert started == 0
    assert "2 trials taken over from one (trained before; --no-reuse trains them anew)" in lines
    assert not any("at a time" in line for line in lines)
    assert "two: 2 finished" in lines
    assert run("two")[1] == 0
    assert run("three", seeds=[0, 1])[1] == 1  # two of four are new


@pytest.mark.slow
def test_with_a_scheduler_trials_are_a_sweeps_own(run: Run, tmp_path: Path) -> None:
    base = {**SECTIONS["base"], "epochs": 2}
    run("one", base=base)
    scheduler = {"name": "median", "metric": "val/reconstruction", "grace_epochs": 1}
    assert run("two", base=base, scheduler=scheduler)[1] == 1
    assert taken_over(tmp_path / "two") == [False] * 2


@pytest.mark.slow
def test_what_has_gone_meanwhile_is_said_and_the_next_run_trains_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("one")
    with monkeypatch.context() as patch:
        patch.setattr("orchestration.ledger.ledger.Ledger.link", lambda *_: False)
        with pytest.raises(AssertionError):  # it ends with the code of an interruption
            run("two")
    assert Ledger.open(tmp_path / "two").sweep.outcome == "interrupted"
    assert run("two")[1] == 0


@pytest.mark.slow
def test_baselines_and_replicates_may_be_added_to_a_search_that_has_ended(
    run: Run, tmp_path: Path
) -> None:
    search = {**SEARCH, "trials": 1, "replicates": 0}
    sections: dict[str, Any] = {"grid": {"model": ["vae"]}, "search": search}
    assert run("one", **sections)[1] == 1
    lines, started = run("one", **sections, baselines=["pca"])
    assert started == 1
    assert "one: 2 finished" in lines
    assert Ledger.open(tmp_path / "one").sweep.outcome == "finished"
    lines, started = run("one", **sections, baselines=["pca"])
    assert (started, "nothing left to do" in "".join(lines)) == (0, True)
    sections["search"]["replicates"] = 1
    lines, started = run("one", **sections, baselines=["pca"])
    assert (started, "one: 3 finished" in lines) == (1, True)
