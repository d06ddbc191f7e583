"""One sweep of ``scale.py`` in a process of its own, with what it costs the driver, part by part.

Processor time is told apart by thread and by what is called: training is the worker's, which here
may share the driver's process; MLflow has a thread of its own. What is left is the driver's own.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from results import peak_mib

from orchestration import garbage
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.run import sweep_run
from orchestration.run.ray_session import start_ray
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.reading import load_spec
from orchestration.terminal.console import Console
from orchestration.tracking.syncer import Syncer

SAVES = ("save", "save_sweep", "save_study")
PHASES = (
    ("all", "begin", "end"),
    ("before", "begin", "work"),
    ("work", "work", "worked"),
    ("after", "worked", "end"),
)
"""Of a sweep: what the whole process takes for each."""
WARM_UP = 3
"""Trials before those that are measured: by then all is imported."""


class Spent:
    """Seconds, of processors and of the clock, by what they were spent for."""

    def __init__(self) -> None:
        self.cpu: dict[str, float] = {}
        self.wall: dict[str, float] = {}
        self._marks: dict[str, tuple[float, float]] = {}

    def wrapped(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, whose time in its own thread is added up."""

        @functools.wraps(call)
        def measured(*arguments: Any, **options: Any) -> Any:
            cpu, wall = time.thread_time(), time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                self._add(what, time.thread_time() - cpu, time.perf_counter() - wall)

        return measured

    def _add(self, what: str, cpu: float, wall: float) -> None:
        self.cpu[what] = self.cpu.get(what, 0.0) + cpu
        self.wall[what] = self.wall.get(what, 0.0) + wall

    def mark(self, when: str) -> None:
        """Note a moment of the whole process."""
        self._marks[when] = time.process_time(), time.perf_counter()

    def between(self, what: str, first: str, last: str) -> None:
        """What the whole process took from one moment to another."""
        cpu, wall = (b - a for a, b in zip(self._marks[first], self._marks[last], strict=True))
        self.cpu[what], self.wall[what] = cpu, wall


class MeasuredEngine:
    """An engine, and what its work takes."""

    def __init__(self, engine: Engine, spent: Spent) -> None:
        self._engine = engine
        self._spent = spent
        self.slots = engine.slots

    def work(self, queue: Queue, results: Results) -> None:
        self._spent.mark("work")
        self._engine.work(queue, results)
        self._spent.mark("worked")


class Untold:
    """In place of the thread that tells MLflow: nobody is told anything."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def finish(self, timeout_s: float) -> bool:
        return True


def main() -> None:
    arguments = parse()
    garbage.look_rarely()  # as the command line does
    spent = Spent()
    if not arguments.mlflow:
        sweep_run.TrackingThread = Untold  # type: ignore[assignment,misc]
    if arguments.address is None:
        warm_up = f"seeds=[{','.join(map(str, range(WARM_UP)))}]"
        carry_out(arguments, arguments.folder / "warm", Spent(), "beta=1e-3", warm_up)
    for name in SAVES:
        setattr(Ledger, name, spent.wrapped("ledger", getattr(Ledger, name)))
    Syncer.sync = spent.wrapped("mlflow", Syncer.sync)  # type: ignore[method-assign]
    profile = cProfile.Profile() if arguments.profile else None
    call = carry_out if profile is None else functools.partial(profile.runcall, carry_out)
    spent.mark("begin")
    code = call(arguments, arguments.folder / "runs", spent)
    spent.mark("end")
    for what, first, last in PHASES:
        spent.between(what, first, last)
    if profile is not None:
        profile.dump_stats(arguments.profile)
    if code != 0:
        raise SystemExit(f"the sweep ended with code {code}")
    found = summary(arguments.folder / "runs" / "scale", spent)
    (arguments.folder / "measured.json").write_text(json.dumps(found))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with sweep.yaml and images; results go there")
    parser.add_argument("--address", help="of a Ray cluster; else in this process")
    parser.add_argument("--mlflow", action="store_true", help="tell MLflow meanwhile")
    parser.add_argument("--profile", type=Path, help="file for what cProfile finds")
    return parser.parse_args()


def carry_out(arguments: argparse.Namespace, storage: Path, spent: Spent, *overrides: str) -> int:
    """The sweep from its file to its summary; the exit code."""

    @contextmanager
    def start(run: SweepRun, processes: ProcessRecord) -> Iterator[Engine]:
        if arguments.address is not None:
            with start_ray(run, processes) as engine:
                yield MeasuredEngine(engine, spent)
            return
        worker = Worker(run.data.sets, run.request.folder, threads=1, gpu=False)
        for step in ("start", "step"):
            setattr(worker, step, spent.wrapped("worker", getattr(worker, step)))
        yield MeasuredEngine(InProcessEngine(worker), spent)

    spec = load_spec(arguments.folder / "sweep.yaml", overrides)
    flags = Flags(data_root=arguments.folder, address=arguments.address)
    with ended_by_signals() as signals:
        return run_sweep(Request(spec, storage, "by hand", flags), Console(), signals, start)


def summary(folder: Path, spent: Spent) -> dict[str, Any]:
    """What was spent, and how fast trials ended once the first one had."""
    ledger = Ledger.open(folder)
    states = [trial.state for trial in ledger.planned()]
    ended = sorted(trial.attempts[-1].ended or 0.0 for trial in ledger.planned())
    if set(states) != {"finished"}:
        raise SystemExit(f"not all trials have finished: {sorted(set(states))}")
    # The first hundredth has workers that are still being started.
    first = len(ended) // 100
    steady = (len(ended) - 1 - first) / (ended[-1] - ended[first])
    return {
        "trials": len(ended),
        "per_s": steady,
        "cpu_s": spent.cpu,
        "wall_s": spent.wall,
        "peak_mib": peak_mib(),
        "told": sum(trial.run_id is not None for trial in ledger.trials.values()),
        "workers": len({(t.attempts[-1].worker["host"], t.attempts[-1].worker["pid"])
                        for t in ledger.planned()}),
        "load": os.getloadavg()[0],
    }  # fmt: skip


if __name__ == "__main__":
    main()
