"""Which MLflow run belongs to which trial, found by their tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger
from orchestration.tracking.run_fields import FILES, KEY_TAG, PARENT, PARENT_TAG, SWEEP_TAG

PAGE = 200


class StoredRun:
    """What is known to be in an MLflow run, so that it is asked for only once."""

    def __init__(self, run: Any, *, new: bool = False) -> None:
        self.run_id: str = run.info.run_id
        self.status: str = run.info.status
        self.params: dict[str, str] = dict(run.data.params)
        self.tags: dict[str, str] = dict(run.data.tags)
        self.metric_names: list[str] = list(run.data.metrics)
        inputs = run.inputs.dataset_inputs if run.inputs else []
        self.inputs: set[tuple[str, str]] = {(i.dataset.name, i.dataset.digest) for i in inputs}
        self.points: dict[str, dict[int, float]] | None = {} if new else None
        self.checkpoints: dict[str, int] | None = {} if new else None


class RunIndex:
    """The runs of one sweep by trial key; the sweep's own is under ``PARENT``.

    Args:
        client: of MLflow.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._runs: dict[str, StoredRun] | None = None
        self.looks_at_files = False
        """Whether it is looked which files are there, whatever tags say."""

    def forget(self) -> None:
        """Trust nothing that was noted of the runs; they are read again."""
        self._runs = None

    def runs(self, ledger: Ledger) -> dict[str, StoredRun]:
        """All runs of the sweep; one each: others are deleted.

        A driver may die before it notes a new run's id, and a server that answers too late for
        anybody to wait may have made a run of which nothing is known here.
        """
        if self._runs is None:
            noted = {trial.run_id for trial in list(ledger.trials.values())}
            noted.add(ledger.sweep.parent_run_id)
            runs: dict[str, StoredRun] = {}
            for run in sorted(self._search(ledger.sweep), key=lambda r: r.info.run_id not in noted):
                parent = run.data.tags.get(PARENT_TAG) == "true"
                key = PARENT if parent else run.data.tags.get(KEY_TAG)
                if key is None:
                    continue  # somebody's own
                if key in runs:
                    self._client.delete_run(run.info.run_id)
                else:
                    runs[key] = StoredRun(run)
                    if self.looks_at_files:
                        self._untag_lost(runs[key])
            self._runs = runs
        return self._runs

    def _untag_lost(self, run: StoredRun) -> None:
        """Forget of files that they are there, where nothing of their name or folder is."""
        try:
            there = {item.path for item in self._client.list_artifacts(run.run_id)}
        except Exception:  # what is wrong shows up when files are sent, after all numbers
            return
        lost = {
            tag
            for tag in run.tags
            if tag.startswith(FILES) and tag.removeprefix(FILES).partition("/")[0] not in there
        }
        run.tags = {tag: value for tag, value in run.tags.items() if tag not in lost}

    def create(self, ledger: Ledger, key: str, tags: Mapping[str, str], began: float) -> StoredRun:
        """A new run under a key that has none."""
        run = self._client.create_run(
            ledger.sweep.experiment_id, start_time=int(began * 1000), tags=tags
        )
        stored = self.runs(ledger)[key] = StoredRun(run, new=True)
        return stored

    def _search(self, sweep: Sweep) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs(
                [sweep.experiment_id],
                filter_string=f"tags.`{SWEEP_TAG}` = '{sweep.sweep_id}'",
                max_results=PAGE,
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return
