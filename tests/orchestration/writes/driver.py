"""``cvae-sweep run`` in this process, without Ray and MLflow; all else is the real thing."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import Job, SharedMapJob, TrainJob
from orchestration.engine.reports import EpochReport, ProgressReport, Report
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.run.start import git_commit
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.terminal.console import Console
from orchestration.threads import limit_threads
from orchestration.tracking.place import Opened
from orchestration.tracking.thread import TrackingThread

in_force = cache(limit_threads)
commit = cache(git_commit)


class Mlflow:
    """Takes everything; as with MLflow, runs get names that the ledger notes."""

    def astray(self, ledger: Ledger) -> list[str]:
        return []

    def sync_parent(self, ledger: Ledger) -> None:
        if ledger.sweep.parent_run_id is None:
            ledger.sweep.parent_run_id = "parent"
            ledger.save_sweep()

    def sync_trial(self, ledger: Ledger, key: str) -> None:
        if ledger.trials[key].run_id is None:
            ledger.change(key, lambda trial: setattr(trial, "run_id", f"run of {key}"))


@dataclass
class Work:
    """What the workers of a driver did, as often as they did it."""

    trained: list[tuple[str, int]] = field(default_factory=list)
    """Trials with the epoch."""
    ended: list[tuple[str, str]] = field(default_factory=list)
    """Trials with the evaluation that was made; empty where a training failed."""


class Driver:
    """Each call of ``run`` is a driver that begins or continues the sweep.

    Args:
        data: in place of the sweep's data set.
        sections: of the sweep file.
    """

    def __init__(self, data: Dataset, sections: dict[str, Any]) -> None:
        self.spec = parse_spec(Layers(Path("small.yaml"), sections, {}))
        self.work = Work()
        self.output = io.StringIO()
        """What the last call said at its end."""
        self._data = data

    def run(
        self,
        storage: Path,
        recovered: Callable[[], None] = lambda: None,
        trained: Callable[[], None] = lambda: None,
    ) -> int:
        """Run or continue; the exit code.

        Args:
            storage: folder of the sweep's folder.
            recovered: called before the first job, when what a driver before left is tidied up.
            trained: called after each epoch, before it is on record.
        """
        self.work, self.output = Work(), io.StringIO()
        request = Request(self.spec, storage, "cvae-sweep run small.yaml", Flags())

        class Tracking(TrackingThread):
            """Brings what there is at once, so that there is one order of writes."""

            def start(self) -> None:
                recovered()
                self._bring()

            def finish(self, timeout_s: float) -> bool:
                self._bring()
                return not self._failures

        opened: Any = Opened(Mlflow(), "experiment", "1")  # type: ignore[arg-type]
        with pytest.MonkeyPatch.context() as patch:
            # What a driver before has left is this very process, and what it started is not its.
            patch.setattr("orchestration.ledger.processes._end_all", lambda *_: 0)
            patch.setattr("psutil.Process.children", lambda *_, **__: [])
            # The same each time: asked for once.
            patch.setattr("orchestration.engine.worker.limit_threads", in_force)
            patch.setattr("orchestration.run.start.git_commit", commit)
            patch.setattr("orchestration.plan.datasets.load", lambda *_: self._data)
            patch.setattr("orchestration.tracking.place.Place.open", lambda *_: opened)
            patch.setattr("orchestration.run.sweep_run.TrackingThread", Tracking)
            with ended_by_signals() as received:
                console = Console(self.output, quiet=True)
                return run_sweep(request, console, received, partial(self._in_process, trained))

    def _in_process(
        self, trained: Callable[[], None], run: SweepRun, _: ProcessRecord
    ) -> AbstractContextManager[Engine]:
        work = self.work

        class Counting(Worker):
            def start(self, job: Job) -> None:
                self.job = job
                super().start(job)

            def step(self) -> Report:
                report = super().step()
                match self.job, report:
                    case _, ProgressReport():
                        pass
                    case TrainJob(key), EpochReport(epoch=dict(record)):
                        work.trained.append((key, record["epoch"]))
                        trained()
                    case TrainJob(key), _:
                        work.ended.append((key, ""))
                    case SharedMapJob(entry=entry), _:
                        work.ended.append(("", entry))
                    case job, _:
                        work.ended.append((job.key, job.entry))
                return report

        worker = Counting(run.data.sets, run.request.folder, threads=1, gpu=False)
        return nullcontext(InProcessEngine(worker))
