"""Ray Tune, boxed: it executes the queue's jobs, and decides nothing.

Tune's searcher interface hands jobs out, its stopper interface takes every report in. Neither
Tune's checkpoints, its restoring, its retries nor its loggers are used: the ledger is the truth.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, Stopper
from ray.tune.schedulers import FIFOScheduler

from cvae_core.data import Dataset
from orchestration.engine import ray_patches
from orchestration.engine.job_searcher import JobSearcher, Unsaved
from orchestration.engine.placement import Placement
from orchestration.engine.queue import Queue
from orchestration.engine.ray_cluster import Cluster
from orchestration.engine.results import Results
from orchestration.engine.trial_actor import TrialActor, resources_of
from orchestration.errors import StorageError
from orchestration.ledger.processes import ProcessRecord
from orchestration.spec.sweep import Resources

MOST_PENDING = 100_000
NOTE_EVERY_S = 1.0
"""So often at most it is noted which processes there are: to look for them takes milliseconds."""


class _ReportStopper(Unsaved, Stopper):
    """Sees every result first, on the driver's main thread."""

    def __init__(self, searcher: JobSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self._searcher.report(trial_id, result)

    def stop_all(self) -> bool:
        return self._searcher.gives_up()


class _InTurn(Unsaved, FIFOScheduler):
    """Trials start in the order in which they come, which Tune sees to by itself.

    Its own scheduler would look through all trials that there ever were, at every step, for one
    that waits.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        return None


class _StartCallback(Unsaved, Callback):
    """Says when an actor takes a job up, and how one came to its end under a job."""

    def __init__(
        self, searcher: JobSearcher, results: Results, on_start: Callable[[], None]
    ) -> None:
        self._searcher = searcher
        self._results = results
        self._on_start = on_start
        self._started = False
        """Whether one was since processes were noted last."""
        self._noted_at = -NOTE_EVERY_S

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._searcher.begun(trial.trial_id)
        self._started = True

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        now = time.monotonic()
        if not self._started or now - self._noted_at < NOTE_EVERY_S:
            return
        self._started, self._noted_at = False, now
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
            "threads": resources.threads,
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
            searcher = JobSearcher(queue, results, self._cluster, placement, temporary)
            self._fit(searcher, results, f"sweep{number}")
            if not searcher.given_up or results.broken is not None:
                return
            for job in searcher.jobs.values():
                queue.put_back(job)
            if queue.done:
                return

    def _fit(self, searcher: JobSearcher, results: Results, name: str) -> None:
        gpus = {"GPU": self._resources.gpu} if self._resources.gpu else {}
        bundle = {"CPU": self._resources.threads} | gpus
        trainable = tune.with_parameters(TrialActor, **self._given)
        asked = partial(resources_of, bundle, self._resources.pool)
        tuner = tune.Tuner(
            tune.with_resources(trainable, asked),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=_InTurn(),  # type: ignore[no-untyped-call]
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
        )
        with ray_patches.signals_left_alone():
            tuner.fit()
