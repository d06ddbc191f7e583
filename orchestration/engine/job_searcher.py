"""The queue as Ray Tune sees it: a searcher that hands jobs out and takes reports and losses in."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from orchestration.engine.jobs import Assignment, JobHandle
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
from orchestration.errors import UserError
from orchestration.ledger.documents import Failure


class Unsaved:
    """Tune pickles what it is given, for restoring; nothing here is restored."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class _Loss:
    """A job whose worker has died."""

    job: Assignment
    failure: Failure
    worker: dict[str, str]
    """What is known of where it was."""
    with_node: bool = False
    """Whether it is the node that is gone, or out of reach."""


class JobSearcher(Unsaved, Searcher):
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
        self._handles: dict[str, JobHandle] = {}
        self.jobs: dict[str, Assignment] = {}
        self.given_up = False
        """Whether what is left waits for nodes that are gone."""

    def suggest(self, trial_id: str) -> Any:
        try:
            return Searcher.FINISHED if self._results.broken else self._suggest(trial_id)
        except UserError as error:  # of the disk, or of settings that a study has suggested
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
        handle = self._handles[trial_id] = JobHandle(job)
        return {"job": handle, "avoided": ",".join(avoided)}

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
        handle = self._handles.pop(trial_id, None)
        if handle is not None:
            handle.release()
        worker = self._on.pop(trial_id, {})
        if error and job is not None and self._queue.is_under_way(job):
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
