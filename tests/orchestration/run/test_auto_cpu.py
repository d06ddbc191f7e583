"""``resources.cpu: auto`` from a sweep's begin on."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from joblib import cpu_count

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.plan import make_plan
from orchestration.plan.step_times import StepS
from orchestration.run.auto_cpu import as_begun, chosen
from orchestration.run.preparation import SweepData
from orchestration.run.request import Flags, Request
from orchestration.run.resume import stored_request
from orchestration.run.runner import run_sweep
from orchestration.run.start import enter_plan, new_ledger
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.sweep import SweepSpec
from orchestration.terminal.console import Console

Load = Callable[..., SweepSpec]
TEXT = (
    "name: small\nbaselines: false\nresources: {cpu: auto}\n"
    "base: {epochs: 1, architecture: {channels: [4, 8], latent_dim: 4}}\n"
    f"evaluation: {{probe_every: 0, {', '.join(f'{part}: false' for part in PARTS)}}}\n"
)
NO_DATA = SweepData({}, {})


def in_process(run: SweepRun, _: ProcessRecord) -> AbstractContextManager[Engine]:
    threads = run.request.spec.resources.threads
    worker = Worker(run.data.sets, run.request.folder, threads=threads, gpu=False)
    return nullcontext(InProcessEngine(worker))


def threads(folder: Path) -> list[int]:
    """Of every attempt of the sweep, as its worker says."""
    trials = Ledger.open(folder).trials.values()
    return [a.worker["threads"]["torch"] for trial in trials for a in trial.attempts]


@pytest.mark.slow
@pytest.mark.skipif(cpu_count() < 2, reason="one CPU leaves nothing to choose")
def test_a_sweep_is_trained_on_what_was_chosen_and_keeps_to_it(
    load: Load,
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_takes_everything: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)

    # Whatever this machine is busy with, two threads gain twice; the plan times real steps.
    def step_times(config: TrialConfig, data: Dataset, most: int) -> AbstractContextManager[StepS]:
        assert (config.architecture.channels, data, most) == ((4, 8), small, 1)
        return nullcontext(lambda threads, _: 1e3 / threads)

    monkeypatch.setattr("orchestration.plan.auto_cpu.step_times", step_times)

    def run(*overrides: str) -> str:
        out = io.StringIO()
        flags = Flags(max_concurrent=1)
        request = Request(load(TEXT, *overrides), tmp_path, "", flags)
        with ended_by_signals() as signals:
            assert run_sweep(request, Console(out), signals, in_process) == 0
        return out.getvalue()

    said = run()
    assert "1 trial at a time, 2 threads each (chosen: 1 trial, a step gains " in said
    assert threads(tmp_path / "small") == [2]
    monkeypatch.setattr("orchestration.plan.auto_cpu.choose_cpu", lambda *_: pytest.fail("again"))
    assert "2 threads each (as this sweep has had before)" in run("seeds=[0, 1]")
    assert threads(tmp_path / "small") == [2, 2]
    assert stored_request("small", tmp_path, Flags()).spec.resources.cpu == 2
    assert "1 thread each\n" in run("seeds=[0, 1, 2]", "resources.cpu=1")
    assert sorted(threads(tmp_path / "small")) == [1, 2, 2]


def test_it_is_no_part_of_a_trials_key(load: Load) -> None:
    keys = [list(make_plan(load(TEXT, f"resources.cpu={n}")).trials) for n in ("auto", "1", "2")]
    assert keys[0] == keys[1] == keys[2]


def begun_with(request: Request, cpu: Any) -> Ledger:
    ledger = new_ledger(request, {})
    enter_plan(ledger, request, make_plan(request.spec), {})
    ledger.sweep.spec["resources"]["cpu"] = cpu
    ledger.save_sweep()
    return Ledger.open(ledger.folder)


def test_what_the_ledger_has_wins_over_auto_alone(load: Load, tmp_path: Path) -> None:
    auto = Request(load(TEXT), tmp_path, "")
    fresh = Ledger.open_or_empty(tmp_path / "small")
    assert as_begun(auto, fresh).spec.resources.cpu == "auto"
    ledger = begun_with(auto, 3)
    kept = as_begun(auto, ledger)
    assert (kept.spec.resources.cpu, kept.why_threads) == (3, "as this sweep has had before")
    named = Request(load(TEXT, "resources.cpu=2"), tmp_path, "")
    assert as_begun(named, ledger) == named


def test_on_a_cluster_it_is_one_thread_and_said(load: Load, tmp_path: Path) -> None:
    request = Request(load(TEXT), tmp_path, "", Flags(address="10.0.0.1:6379"))
    made = chosen(
        request,
        make_plan(request.spec),
        NO_DATA,
        Ledger.open_or_empty(tmp_path / "small"),
        Console(),
    )
    assert made.spec.resources.cpu == 1
    assert made.why_threads == "auto measures this machine alone: name resources.cpu"
