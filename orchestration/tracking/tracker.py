"""MLflow, boxed: it displays what the ledger says, and can be rebuilt from it at any time.

``sync_trial`` takes an MLflow run to what the ledger says of a trial, from whatever state it is
in: it creates what is missing, logs only the steps that are not stored, and never repeats.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from cvae_core.config import TrialConfig
from orchestration.commands import mlflow_command
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import REPORT_NOTE
from orchestration.sqlite import sqlite_path
from orchestration.tracking.answers import in_a_sentence, refusal_in
from orchestration.tracking.asking import check_answer, version_of, without_login
from orchestration.tracking.best import best_by
from orchestration.tracking.config import MlflowConfig, artifact_root, is_server
from orchestration.tracking.data_inputs import data_inputs
from orchestration.tracking.database import check_readable, make_database
from orchestration.tracking.refusals import UNUSABLE, FileRefusedError, refusal_of
from orchestration.tracking.run_fields import (
    PARENT,
    PARENT_TAG,
    as_yaml,
    status_of,
    study_tags,
    sweep_status,
    sweep_tags,
    table_tags,
    text_tag,
    trained_with,
    trial_tags,
)
from orchestration.tracking.run_index import RunIndex
from orchestration.tracking.run_writer import RunWriter
from orchestration.tracking.views import TAG as VIEW
from orchestration.tracking.views import TRIED, installed_version, views_of

NOTE = "mlflow.note.content"
CONFIG = "config.yaml"
MLFLOW_PARENT = "mlflow.parentRunId"
PRIMARY = "mlflow.experiment.primaryMetric.name"


class Tracker:
    """Brings the MLflow runs of one sweep to what its ledger says.

    Args:
        uri: MLflow's tracking URI.
        config: prefix, artifact location and tags.
        storage: folder of all sweeps.
    """

    def __init__(self, uri: str, config: MlflowConfig, storage: Path) -> None:
        for name in ("mlflow", "alembic"):
            # What it says of an error it also raises, and that is told in a sentence.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._config = config
        self._storage = storage
        self._uri = uri
        self._address = without_login(uri)
        self._database = sqlite_path(uri)
        try:
            if self._database is not None:
                check_readable(self._database)
                # A client would have the working directory in it, and not bear a quote there.
                root = artifact_root(config, storage)
                make_database(self._database, lambda new: SqlAlchemyStore(new, root))
            self._client: Any = MlflowClient(tracking_uri=self._address)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise self._unusable(error) from error
        self._index = RunIndex(self._client)

    def connect(self, name: str) -> tuple[str, str]:
        """Find or create a sweep's experiment.

        Returns:
            Its name and id.

        Raises:
            UserError: MLflow does not answer as MLflow does, or the experiment was deleted.
        """
        experiment = f"{self._config.experiment_prefix}{name}"
        if is_server(self._uri):
            check_answer(self._address, experiment)
        try:
            existing = self._client.get_experiment_by_name(experiment)
            if existing is None:
                location = self._config.artifact_location
                if not is_server(self._uri) and not self._uri.startswith("databricks"):
                    location = artifact_root(self._config, self._storage)
                return experiment, self._client.create_experiment(experiment, location)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise self._unusable(error) from error
        if existing.lifecycle_stage != "active":
            restore = mlflow_command(
                self._uri, "experiments", "restore", "-x", str(existing.experiment_id)
            )
            raise UserError(
                f"the MLflow experiment {experiment!r} was deleted; restore it with `{restore}`, "
                "or set another experiment_prefix in mlflow.yaml"
            )
        return experiment, existing.experiment_id

    def _unusable(self, error: Exception) -> UserError:
        """What is the matter, and what can be done about it."""
        answered = refusal_in(error) if is_server(self._uri) else None
        if answered is not None:
            return UserError(f"{UNUSABLE}{in_a_sentence(answered, self._address)}")
        refusal = refusal_of(error, self._uri, self._storage)
        advice = f"; {refusal.advice}" if refusal.advice else ""
        return UserError(f"{UNUSABLE}{refusal.reason}{advice}")

    def forget(self) -> None:
        """Trust nothing that was noted of MLflow's runs; they are read again."""
        self._index.forget()

    def look_at_files(self) -> None:
        """Send again what MLflow no longer has, though its tags say so: its files may be lost."""
        self._index.looks_at_files = True

    def astray(self, ledger: Ledger) -> set[str]:
        """Keys of the trials whose runs are missing, or have another status than the ledger says.

        The sweep's own run is under the key ``parent``.
        """
        runs = self._index.runs(ledger)
        wanted = {PARENT: sweep_status(ledger.sweep)}
        wanted |= {t.key: status_of(t) for t in list(ledger.trials.values()) if t.attempts}
        return {k for k, status in wanted.items() if k not in runs or runs[k].status != status}

    def sync_parent(self, ledger: Ledger) -> None:
        """The run of the sweep itself, of which the trials' runs are children."""
        sweep = ledger.sweep
        run = self._index.runs(ledger).get(PARENT)
        tags = sweep_tags(sweep, self._config.tags)
        tags |= {PARENT_TAG: "true", "mlflow.runName": sweep.name}
        if run is None:
            run = self._index.create(ledger, PARENT, tags, sweep.created)
        if sweep.parent_run_id != run.run_id:
            sweep.parent_run_id = run.run_id
            ledger.save_sweep()
        writer = RunWriter(self._client, run, ledger.folder)
        writer.log_sweep_numbers(sweep)
        self._note(ledger, writer)
        try:
            writer.log_text("sweep.yaml", as_yaml(sweep.spec))
            for entry, part in list(sweep.evaluations.items()):
                writer.log_evaluation(entry, part)
            writer.set_tags({name: tags[name] for name in self._config.tags} | table_tags(sweep))
        except Exception as error:
            writer.set_status(sweep_status(sweep), None)
            raise FileRefusedError(error) from error
        writer.set_status(sweep_status(sweep), None)

    def _note(self, ledger: Ledger, writer: RunWriter) -> None:
        """The answers, where MLflow shows what a person says of a run and of an experiment."""
        tags = {PRIMARY: best_by(ledger.sweep)[0]}
        with suppress(FileNotFoundError):  # before the first run has ended
            tags[NOTE] = (ledger.folder / REPORT_NOTE).read_text(encoding="utf-8")
            writer.set_tags({NOTE: tags[NOTE]})
        views = views_of(ledger) if self._pages_version() in TRIED else {}
        tags |= {f"{VIEW}{key}": view for key, view in views.items()}
        experiment = ledger.sweep.experiment_id
        there = self._client.get_experiment(experiment).tags
        for name, text in tags.items():
            if there.get(name) != text:
                self._client.set_experiment_tag(experiment, name, text)
        if ledger.sweep.views != list(views):
            ledger.sweep.views = list(views)
            ledger.save_sweep()

    def _pages_version(self) -> str | None:
        """Of the MLflow whose pages will show the sweep: a database is opened with that of here."""
        return version_of(self._address) if is_server(self._uri) else installed_version()

    def sync_trial(self, ledger: Ledger, key: str) -> None:
        """The run of a trial; one that has not begun has none."""
        trial, sweep = ledger.snapshot(key), ledger.sweep
        if not trial.attempts:
            return
        config = TrialConfig.from_settings(trial.config)
        run = self._index.runs(ledger).get(key)
        tags = sweep_tags(sweep, self._config.tags) | trial_tags(trial, config)
        tags |= {MLFLOW_PARENT: str(sweep.parent_run_id)}
        if run is None:
            run = self._index.create(ledger, key, tags, trial.attempts[0].began)
        run_id = run.run_id
        if trial.run_id != run_id:
            ledger.change(key, lambda t: setattr(t, "run_id", run_id))
        writer = RunWriter(self._client, run, ledger.folder)
        # A study is called otherwise once there are others, and a replicate may come to be a trial.
        writer.set_tags({name: tags[name] for name in (*self._config.tags, MLFLOW_PARENT)})
        # Nor does a run know beforehand which worker trains its trial.
        writer.set_tags(study_tags(ledger, key) | trained_with(trial))
        writer.log_params(config)
        writer.log_inputs(data_inputs(sweep, config))
        writer.log_numbers(trial)
        try:
            if text_tag(CONFIG) not in run.tags:  # it never changes, and takes long to write out
                writer.log_text(CONFIG, as_yaml(trial.config))
            if not trial.is_open:
                writer.log_files(trial)
        except Exception as error:
            writer.log_outcome(trial)  # numbers do not wait for a file that is refused
            raise FileRefusedError(error) from error
        writer.log_outcome(trial)
