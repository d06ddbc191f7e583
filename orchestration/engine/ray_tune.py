"""Ray Tune, boxed: it executes the queue's jobs, and decides nothing.

Tune's searcher interface hands jobs out, its stopper interface takes every report in. Neither
Tune's checkpoints, its restoring, its retries nor its loggers are used: the ledger is the truth.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, Stopper
from ray.tune.search import Searcher

from cvae_core.data import Dataset
from orchestration.engine.jobs import Job, job_to_json
from orchestration.engine.lost_worker import (
    address_in,
    crash_in,
    lost_worker,
    went_with_its_node,
)
from orchestration.engine.oom_kills import OomWatch
from orchestration.engine.placement import Placement
from orchestration.engine.queue import Queue
from orchestration.engine.ray_cluster import Cluster
from orchestration.engine.reports import FailureReport, on_node, report_from_json
from orchestration.engine.results import Results
from orchestration.engine.retries import RETRIED
from orchestration.engine.trial_actor import TrialActor, resources_of
from orchestration.errors import StorageError
from orchestration.ledger.documents import Failure
from orchestration.ledger.processes import ProcessRecord
from orchestration.spec.sweep import Resources

MOST_PENDING = 100_000


class _Unsaved:
    """Tune pickles what it is given, for restoring; nothing here is restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class _Loss:
    """A job whose worker has died."""

    job: Job
    failure: Failure
    worker: dict[str, str]
    """What is known of where it was."""
    with_node: bool = False
    """Whether it is the node that is gone, or out of reach."""


class _JobSearcher(_Unsaved, Searcher):
    """Hands the queue's jobs out, as many at once as there are slots."""

    def __init__(
        self,
        queue: Queue,
        results: Results,
        cluster: Cluster,
        placement: Placement,
        temporary: Path,
    ) -> None:
        super().__init__()
        self._queue = queue
        self._results = results
        self._died = cluster.died
        self._nodes = cluster.nodes
        self._placement = placement
        self._logs = temporary / "session_latest" / "logs"
        self._watch = OomWatch()
        self._lost: dict[str, _Loss] = {}
        self._on: dict[str, dict[str, str]] = {}
        """What is noted of the nodes of workers that have reported."""
        self._waiting: dict[str, Sequence[str]] = {}
        """Ids of the nodes that jobs are kept from which no worker has taken up."""
        self.jobs: dict[str, Job] = {}
        self.given_up = False
        """Whether what is left waits for nodes that are gone."""

    def suggest(self, trial_id: str) -> Any:
        try:
            return Searcher.FINISHED if self._results.broken else self._suggest(trial_id)
        except StorageError as error:
            self._results.give_up(error)
            return Searcher.FINISHED

    def _suggest(self, trial_id: str) -> Any:
        self._follow_nodes()
        # Tune swallows errors of on_trial_complete, so what it noted is entered here.
        while self._lost:
            if self._died():
                threading.Event().wait()  # no trial's fault: all begins anew
            self._enter_lost(self._lost.pop(next(iter(self._lost))))
        if self._queue.done:
            return Searcher.FINISHED
        job = self._queue.next()
        if job is None:
            return Searcher.FINISHED if self._queue.done else None
        self.jobs[trial_id] = job
        avoided = self._placement.kept_from(self._queue.lost_on(job))
        self._waiting[trial_id] = avoided
        return {"job": job_to_json(job), "avoided": ",".join(avoided)}

    def _enter_lost(self, loss: _Loss) -> None:
        self._results.lost(loss.job, loss.failure, worker=loss.worker)
        if not loss.with_node:
            self._tell(self._placement.died(loss.job, loss.worker.get("node", "")))

    def _follow_nodes(self) -> None:
        # A worker that has died may have done so with its node.
        self._tell(self._nodes.look(at_once=bool(self._lost)) if self._nodes is not None else [])

    def _tell(self, changes: list[str]) -> None:
        if self._nodes is not None and changes:
            self._results.nodes_changed(changes, self._nodes.slots)

    def begun(self, trial_id: str) -> None:
        """A worker has taken a job up."""
        self._waiting.pop(trial_id, None)
        if trial_id in self.jobs:
            self._results.begun(self.jobs[trial_id])

    def report(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """A worker has reported; True where its job is to stop."""
        job = self.jobs.get(trial_id)
        if job is None or "report" not in result:
            return True
        worker = self._on[trial_id] = self._placement.node(result.get("node", ""))
        report = on_node(report_from_json(result["report"]), worker)
        stop = self._results.report(job, report)
        if stop and not (isinstance(report, FailureReport) and report.kind in RETRIED):
            self._placement.ended(worker.get("node", ""))
        return stop

    def gives_up(self) -> bool:
        """Whether nothing is at work, and a job waits for nodes that are gone.

        Ray itself would let it wait for ever, for what it has asked for cannot be changed.
        """
        if self._queue.at_work or self._lost:
            return False
        self.given_up = any(self._placement.in_vain(ids) for ids in self._waiting.values())
        return self.given_up

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        job = self.jobs.pop(trial_id, None)
        self._waiting.pop(trial_id, None)
        worker = self._on.pop(trial_id, {})
        if error and job is not None and job in self._queue.under_way:
            self._lost[trial_id] = _Loss(job, lost_worker(""), worker)

    def explain(self, trial: Any) -> None:
        """Find out why a trial of Tune's was lost; called right after it was."""
        loss = self._lost.get(trial.trial_id)
        if loss is None:
            return
        try:
            # Its first line numbers and dates the failure.
            text = Path(trial.error_file).read_text(errors="replace").partition("\n")[2]
        except (OSError, TypeError):  # there is none: it was lost anyway
            text = ""
        worker = loss.worker or self._placement.at(address_in(text))
        crash, oom_kill = crash_in(self._logs, text), self._watch.any_new()
        failure = lost_worker(text, crash, oom_kill=oom_kill, node=worker.get("node", ""))
        self._lost[trial.trial_id] = _Loss(loss.job, failure, worker, went_with_its_node(text))

    def save(self, checkpoint_path: str) -> None:
        """Nothing here is worth keeping."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


class _ReportStopper(_Unsaved, Stopper):
    """Sees every result first, on the driver's main thread."""

    def __init__(self, searcher: _JobSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._searcher.report(trial_id, result)

    def stop_all(self) -> bool:
        return self._searcher.gives_up()


class _StartCallback(_Unsaved, Callback):
    """Says when an actor takes a job up, and how one came to its end under a job."""

    def __init__(
        self, searcher: _JobSearcher, results: Results, on_start: Callable[[], None]
    ) -> None:
        self._searcher = searcher
        self._results = results
        self._on_start = on_start

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._searcher.begun(trial.trial_id)
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
        placement = Placement(self._cluster.nodes)
        for number in itertools.count(1):
            temporary = self._processes.temporary
            searcher = _JobSearcher(queue, results, self._cluster, placement, temporary)
            self._fit(searcher, results, f"sweep{number}")
            if not searcher.given_up or results.broken is not None:
                return
            for job in searcher.jobs.values():
                queue.put_back(job)
            if queue.done:
                return

    def _fit(self, searcher: _JobSearcher, results: Results, name: str) -> None:
        gpus = {"GPU": self._resources.gpu} if self._resources.gpu else {}
        bundle = {"CPU": self._resources.cpu} | gpus
        trainable = tune.with_parameters(TrialActor, **self._given)
        asked = partial(resources_of, bundle, self._resources.pool)
        tune.Tuner(
            tune.with_resources(trainable, asked),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=lambda trial: str(trial.trial_id),
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=str(self._processes.temporary),
                stop=_ReportStopper(searcher),
                callbacks=[_StartCallback(searcher, results, self._processes.update)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        ).fit()
