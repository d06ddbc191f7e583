"""Ray Tune, boxed: it executes the queue's jobs, and decides nothing.

Tune's searcher interface hands jobs out, its stopper interface takes every report in. Neither
Tune's checkpoints, its restoring, its retries nor its loggers are used: the ledger is the truth.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, Stopper, Trainable
from ray.tune.search import Searcher

from cvae_core.data import Dataset
from orchestration import garbage
from orchestration.caches import find_places
from orchestration.engine import ray_patches
from orchestration.engine.jobs import Job, job_from_json, job_to_json
from orchestration.engine.lost_worker import crash_in, lost_worker
from orchestration.engine.oom_kills import OomWatch
from orchestration.engine.queue import Queue
from orchestration.engine.ray_cluster import Cluster
from orchestration.engine.reports import report_from_json, report_to_json
from orchestration.engine.results import Results
from orchestration.errors import StorageError
from orchestration.ledger.documents import Failure
from orchestration.ledger.processes import ProcessRecord
from orchestration.spec.sweep import Resources

MOST_PENDING = 100_000


class TrialActor(Trainable):
    """A worker in an actor: one job after another, with the data it was started with."""

    def setup(
        self,
        config: dict[str, Any],
        datasets: Mapping[str, Dataset] | None = None,
        folder: str = "",
        threads: int = 1,
        gpu: bool = False,
    ) -> None:
        """Called once an actor."""
        find_places()  # another node has a home of its own, or none
        os.environ.pop("MLFLOW_RUN_ID", None)
        with garbage.importing():
            from orchestration.engine.worker import Worker

            self._worker = Worker(datasets or {}, Path(folder), threads=threads, gpu=gpu)
        self._worker.start(job_from_json(config["job"]))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called for every further job."""
        self._worker.start(job_from_json(new_config["job"]))
        return True

    def step(self) -> dict[str, Any]:
        """One step of the job, as Tune wants it."""
        return {"report": report_to_json(self._worker.step())}


class _Unsaved:
    """Tune pickles what it is given, for restoring; nothing here is restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _JobSearcher(_Unsaved, Searcher):
    """Hands the queue's jobs out, as many at once as there are slots."""

    def __init__(self, queue: Queue, results: Results, cluster: Cluster, temporary: Path) -> None:
        super().__init__()
        self._queue = queue
        self._results = results
        self._died = cluster.died
        self._nodes = cluster.nodes
        self._logs = temporary / "session_latest" / "logs"
        self._watch = OomWatch()
        self._lost: dict[str, tuple[Job, Failure]] = {}
        self.jobs: dict[str, Job] = {}

    def suggest(self, trial_id: str) -> Any:
        try:
            return Searcher.FINISHED if self._results.broken else self._suggest(trial_id)
        except StorageError as error:
            self._results.give_up(error)
            return Searcher.FINISHED

    def _suggest(self, trial_id: str) -> Any:
        # Tune swallows errors of on_trial_complete, so what it noted is entered here.
        while self._lost:
            if self._died():
                threading.Event().wait()  # no trial's fault: all begins anew
            self._results.lost(*self._lost.pop(next(iter(self._lost))))
        self._follow_nodes()
        if self._queue.done:
            return Searcher.FINISHED
        job = self._queue.next()
        if job is None:
            return Searcher.FINISHED if self._queue.done else None
        self.jobs[trial_id] = job
        return {"job": job_to_json(job)}

    def _follow_nodes(self) -> None:
        changes = self._nodes.look() if self._nodes is not None else []
        if self._nodes is not None and changes:
            self._results.nodes_changed(changes, self._nodes.slots)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        job = self.jobs.pop(trial_id, None)
        if error and job is not None and job in self._queue.under_way:
            self._lost[trial_id] = job, lost_worker("")

    def explain(self, trial: Any) -> None:
        """Find out why a trial of Tune's was lost; called right after it was."""
        if trial.trial_id not in self._lost:
            return
        job, _ = self._lost[trial.trial_id]
        try:
            # Its first line numbers and dates the failure.
            text = Path(trial.error_file).read_text(errors="replace").partition("\n")[2]
        except (OSError, TypeError):  # there is none: it was lost anyway
            text = ""
        failure = lost_worker(text, crash_in(self._logs, text), oom_kill=self._watch.any_new())
        self._lost[trial.trial_id] = job, failure

    def save(self, checkpoint_path: str) -> None:
        """Nothing here is worth keeping."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


class _ReportStopper(_Unsaved, Stopper):
    """Sees every result first, on the driver's main thread."""

    def __init__(self, searcher: _JobSearcher, results: Results) -> None:
        self._searcher = searcher
        self._results = results

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        job = self._searcher.jobs.get(trial_id)
        if job is None or "report" not in result:
            return True
        return self._results.report(job, report_from_json(result["report"]))

    def stop_all(self) -> bool:
        return False


class _StartCallback(_Unsaved, Callback):
    """Says when an actor takes a job up, and how one came to its end under a job."""

    def __init__(
        self, searcher: _JobSearcher, results: Results, on_start: Callable[[], None]
    ) -> None:
        self._searcher = searcher
        self._results = results
        self._on_start = on_start

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        job = self._searcher.jobs.get(trial.trial_id)
        if job is not None:
            self._results.begun(job)
        try:
            self._on_start()
        except StorageError as error:
            self._results.give_up(error)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._searcher.explain(trial)


class RayEngine:
    """Reused actors of a Ray that is up.

    Args:
        cluster: what ``RaySession.start`` gave.
        datasets: by name; put into the object store once and shared by all workers of a node.
        folder: the sweep's, as every node sees it.
        resources: of one trial.
        processes: told whenever an actor starts; what Tune writes, and nobody reads, goes into its
            temporary folder.
    """

    def __init__(
        self,
        cluster: Cluster,
        datasets: Mapping[str, Dataset],
        folder: Path,
        resources: Resources,
        processes: ProcessRecord,
    ) -> None:
        self.slots = cluster.slots
        self._cluster = cluster
        self._resources = resources
        self._processes = processes
        self._given = {
            "datasets": dict(datasets),
            "folder": str(folder),
            "threads": resources.cpu,
            "gpu": resources.gpu > 0,
        }

    def work(self, queue: Queue, results: Results) -> None:
        """Work a queue off. Call in the main thread."""
        # Without it a searcher's trials run one at a time; the queue knows how many there are to
        # be, and that may grow.
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(MOST_PENDING)
        temporary = self._processes.temporary
        searcher = _JobSearcher(queue, results, self._cluster, temporary)
        gpus = {"GPU": self._resources.gpu} if self._resources.gpu else {}
        bundle = {"CPU": self._resources.cpu} | gpus
        trainable = tune.with_parameters(TrialActor, **self._given)
        tuner = tune.Tuner(
            tune.with_resources(trainable, tune.PlacementGroupFactory([bundle])),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=lambda trial: str(trial.trial_id),
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(temporary),
                stop=_ReportStopper(searcher, results),
                callbacks=[_StartCallback(searcher, results, self._processes.update)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        )
        with ray_patches.signals_left_alone():
            tuner.fit()
