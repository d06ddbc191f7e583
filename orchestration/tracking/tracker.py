"""MLflow, boxed: it displays what the ledger says, and can be rebuilt from it at any time.

``bring_trial`` takes an MLflow run to what the ledger says of a trial, from whatever state it is
in: it creates what is missing, logs only the steps that are not stored, and never repeats.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.ledger.checkpoints import without_spares
from orchestration.ledger.documents import Evaluated, Sweep, Trial
from orchestration.ledger.entries import split_entry
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINTS
from orchestration.ledger.stops import stop_of, stop_text
from orchestration.redact import without_secrets
from orchestration.spec.flat_names import flat
from orchestration.spec.trial_key import relevant
from orchestration.tracking.config import MlflowConfig, artifact_root, is_server, sqlite_path
from orchestration.tracking.database import make_database
from orchestration.tracking.run_fields import (
    KEY_TAG,
    as_yaml,
    epoch_metrics,
    package_versions,
    status_of,
    study_tags,
    sweep_status,
    text_tag,
    trial_tags,
)

# Read by MLflow. Its client would call home, wait for minutes, and ask again for what may have been
# done already, such as a new run: whoever brings things here tries again, and looks first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

BATCH = 1000
PAGE = 200
PARENT = "parent"
SWEEP_TAG = "cvae_sweep.sweep_id"
PARENT_TAG = f"{SWEEP_TAG}.parent"
ERROR_FILE = "error.txt"
DAMAGED = ("not a database", "malformed", "already exists", "no such table", "no such column")
"""What SQLite says of a file that it cannot read, or that MLflow did not make to its end."""


class Tracker:
    """Brings the MLflow runs of one sweep to what its ledger says.

    Args:
        uri: MLflow's tracking URI.
        config: prefix, artifact location and tags.
        storage: folder of all sweeps.
    """

    def __init__(self, uri: str, config: MlflowConfig, storage: Path) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._database = sqlite_path(uri)
        try:
            if self._database is not None:
                make_database(self._database, lambda new: MlflowClient(tracking_uri=new))
            self._client: Any = MlflowClient(tracking_uri=_without_login(uri))
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise self._unusable(error) from error
        self._config = config
        self._storage = storage
        self._runs: dict[str, _Known] | None = None

    def connect(self, name: str) -> tuple[str, str]:
        """Find or create a sweep's experiment.

        Returns:
            Its name and id.

        Raises:
            UserError: MLflow does not answer as MLflow does, or the experiment was deleted.
        """
        experiment = f"{self._config.experiment_prefix}{name}"
        try:
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                location = self._config.artifact_location
                if self._database is not None:
                    location = artifact_root(self._config, self._storage)
                return experiment, self._client.create_experiment(experiment, location)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise self._unusable(error) from error
        if found.lifecycle_stage != "active":
            raise UserError(
                f"the MLflow experiment {experiment!r} was deleted; restore it with "
                f"`mlflow experiments restore -x {found.experiment_id}`, or set another "
                "experiment_prefix in mlflow.yaml"
            )
        return experiment, found.experiment_id

    def _unusable(self, error: Exception) -> UserError:
        """What is the matter, and what can be done about it."""
        reason = _first_line(error)
        said = f"MLflow cannot be used: {reason}"
        if self._database is not None and any(sign in reason for sign in DAMAGED):
            said += (
                f"; {self._database} is damaged: move it away, and `cvae-sweep sync NAME` fills a "
                "new one"
            )
        return UserError(said)

    def forget(self) -> None:
        """Trust nothing that was noted of MLflow's runs; they are read again."""
        self._runs = None

    def astray(self, ledger: Ledger) -> set[str]:
        """Keys of the trials whose runs are missing, or have another status than the ledger says.

        The sweep's own run is under the key ``parent``.
        """
        runs = self._known(ledger)
        wanted = {PARENT: sweep_status(ledger.sweep)}
        wanted |= {t.key: status_of(t) for t in list(ledger.trials.values()) if t.attempts}
        return {k for k, status in wanted.items() if k not in runs or runs[k].status != status}

    def bring_parent(self, ledger: Ledger) -> None:
        """The run of the sweep itself, of which the trials' runs are children."""
        sweep = ledger.sweep
        runs = self._known(ledger)
        known = runs.get(PARENT)
        if known is None:
            tags = {
                **self._common_tags(sweep),
                PARENT_TAG: "true",
                "mlflow.runName": sweep.name,
            }
            known = runs[PARENT] = self._create(sweep, tags, sweep.created)
        if sweep.parent_run_id != known.run_id:
            sweep.parent_run_id = known.run_id
            ledger.save_sweep()
        self._log_text(known, "sweep.yaml", as_yaml(sweep.spec))
        metrics = [
            Metric(name, value, int((part.ended or sweep.created) * 1000), 0)
            for part in sweep.evaluations.values()
            for name, value in part.metrics.items()
        ]
        self._log_new(known, metrics)
        for entry, part in list(sweep.evaluations.items()):
            self._log_evaluation(known, entry, part, ledger.folder)
        self._set_status(known, sweep_status(sweep), None)

    def bring_trial(self, ledger: Ledger, key: str) -> None:
        """The run of a trial; one that has not begun has none."""
        trial, sweep = ledger.snapshot(key), ledger.sweep
        if not trial.attempts:
            return
        config = TrialConfig.from_settings(trial.config)
        runs = self._known(ledger)
        known = runs.get(key)
        if known is None:
            tags = {**self._common_tags(sweep), **trial_tags(trial, config)}
            tags |= study_tags(ledger, key)
            known = runs[key] = self._create(sweep, tags, trial.attempts[0].began)
        if trial.run_id != known.run_id:
            ledger.change(key, lambda t: setattr(t, "run_id", known.run_id))
        self._tag(known, {"mlflow.parentRunId": str(sweep.parent_run_id)})
        self._log_text(known, "config.yaml", as_yaml(trial.config))
        self._log_params(known, config)
        self._log_metrics(known, trial)
        if not trial.is_open:
            self._log_artifacts(known, trial, ledger.folder)
        self._log_outcome(known, trial)

    def _known(self, ledger: Ledger) -> dict[str, _Known]:
        """All runs of the sweep by trial key, found by their tags; one each: others are deleted.

        A driver may die before it notes a new run's id, and a server that answers too late for
        anybody to wait may have made a run of which nothing is known here.
        """
        if self._runs is None:
            noted = {trial.run_id for trial in list(ledger.trials.values())}
            noted.add(ledger.sweep.parent_run_id)
            runs: dict[str, _Known] = {}
            for run in sorted(self._search(ledger.sweep), key=lambda r: r.info.run_id not in noted):
                parent = run.data.tags.get(PARENT_TAG) == "true"
                key = PARENT if parent else run.data.tags.get(KEY_TAG)
                if key is None:
                    continue  # somebody's own
                if key in runs:
                    self._client.delete_run(run.info.run_id)
                else:
                    runs[key] = _Known(run)
            self._runs = runs
        return self._runs

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

    def _create(self, sweep: Sweep, tags: Mapping[str, str], began: float) -> _Known:
        return _Known(
            self._client.create_run(sweep.experiment_id, start_time=int(began * 1000), tags=tags),
            new=True,
        )

    def _common_tags(self, sweep: Sweep) -> dict[str, str]:
        tags = {**self._config.tags, SWEEP_TAG: sweep.sweep_id, "sweep": sweep.name}
        if sweep.code.get("git_commit"):
            tags["git_commit"] = sweep.code["git_commit"]
            tags["mlflow.source.git.commit"] = sweep.code["git_commit"]
        return tags | {f"version.{name}": number for name, number in package_versions().items()}

    def _log_params(self, known: _Known, config: TrialConfig) -> None:
        settings = flat(relevant(config, identity=False))
        params = {name: str(value) for name, value in settings.items()}
        missing = [Param(k, v) for k, v in params.items() if k not in known.params]
        if missing:
            self._client.log_batch(known.run_id, params=missing)
            known.params.update(params)

    def _log_metrics(self, known: _Known, trial: Trial) -> None:
        if known.points is None:
            known.points = self._stored_points(known)
        metrics = [
            Metric(name, value, int(epoch.at * 1000), epoch.epoch)
            for epoch in trial.epochs
            for name, value in epoch_metrics(epoch).items()
            if epoch.epoch not in known.points.get(name, {})
        ]
        trained = trial.attempts[-1].ended or trial.attempts[-1].began
        for entry, part in trial.evaluations.items():
            _, epoch = split_entry(entry)
            step = trial.epoch if epoch is None else epoch
            ended = int((part.ended or trained) * 1000)
            metrics += [Metric(name, value, ended, step) for name, value in part.metrics.items()]
        self._log_new(known, metrics)

    def _log_new(self, known: _Known, metrics: list[Metric]) -> None:
        """Log the points that are not stored, or are stored with another value."""
        if known.points is None:
            known.points = self._stored_points(known)
        metrics = [m for m in metrics if known.points.get(m.key, {}).get(m.step) != m.value]
        for start in range(0, len(metrics), BATCH):
            batch = metrics[start : start + BATCH]
            self._client.log_batch(known.run_id, metrics=batch)
            for metric in batch:
                known.points.setdefault(metric.key, {})[metric.step] = metric.value

    def _stored_points(self, known: _Known) -> dict[str, dict[int, float]]:
        """Steps and values of every metric that an existing run has."""
        points = {}
        for name in known.metric_names:
            history = self._client.get_metric_history(known.run_id, name)
            points[name] = {metric.step: metric.value for metric in history}
        return points

    def _log_artifacts(self, known: _Known, trial: Trial, folder: Path) -> None:
        if known.checkpoints is None:
            listed = self._client.list_artifacts(known.run_id, CHECKPOINTS)
            known.checkpoints = {Path(item.path).name: item.file_size for item in listed}
        for ref in without_spares(trial.checkpoints):
            path = folder / ref.path
            # A copy that was cut off is shorter.
            if known.checkpoints.get(path.name) != ref.bytes and path.exists():
                self._client.log_artifact(known.run_id, str(path), CHECKPOINTS)
                known.checkpoints[path.name] = ref.bytes
        for entry, part in trial.evaluations.items():
            self._log_evaluation(known, entry, part, folder)
        if trial.error is not None:
            text = f"{trial.error.message}\n\n{trial.error.traceback}"
            self._log_text(known, ERROR_FILE, text)

    def _log_text(self, known: _Known, name: str, text: str) -> None:
        """A file with this text, unless it is there: a tag, set after it, says which it has."""
        tag, digest = text_tag(name), hashlib.sha256(text.encode(errors="replace")).hexdigest()
        if known.tags.get(tag) != digest[:16]:
            self._client.log_text(known.run_id, text, name)
            self._tag(known, {tag: digest[:16]})

    def _log_evaluation(self, known: _Known, entry: str, part: Evaluated, folder: Path) -> None:
        """Pictures, tables and how they were made, of one part; again where they have changed."""
        name, epoch = split_entry(entry)
        place = name if epoch is None else f"epoch_{epoch:05d}/{name}"
        # One tag says which files are there, so that nothing has to be listed or sent twice.
        digest = hashlib.sha256("".join(ref.sha256 for ref in part.artifacts).encode()).hexdigest()
        wanted = {f"artifacts.{place}": digest[:16]} if part.artifacts else {}
        if part.artifacts and known.tags.get(f"artifacts.{place}") != digest[:16]:
            for ref in part.artifacts:
                if (folder / ref.path).exists():
                    self._client.log_artifact(known.run_id, str(folder / ref.path), place)
        if epoch is None:
            wanted |= {f"{name}.{fact}": str(value) for fact, value in part.facts.items()}
            wanted |= {f"{name}.warning": " ".join(part.warnings)} if part.warnings else {}
            reason = "" if part.error is None else part.error.message
            wanted |= {f"{name}.{part.state}": reason} if reason else {}
            for note in ("warning", "failed", "absent"):
                self._untag(known, {f"{name}.{note}"} - wanted.keys())
        self._tag(known, {tag: text[:500] for tag, text in wanted.items()})

    def _tag(self, known: _Known, wanted: Mapping[str, str]) -> None:
        for name, value in wanted.items():
            if known.tags.get(name) != value:
                self._client.set_tag(known.run_id, name, value)
                known.tags[name] = value

    def _untag(self, known: _Known, names: Iterable[str]) -> None:
        for name in known.tags.keys() & set(names):
            self._client.delete_tag(known.run_id, name)
            del known.tags[name]

    def _log_outcome(self, known: _Known, trial: Trial) -> None:
        wanted = {"state": trial.state, "attempts": str(len(trial.attempts))}
        if trial.error is not None:
            wanted["error"] = trial.error.message[:500]
        else:
            self._untag(known, ["error", text_tag(ERROR_FILE)])
        stop = stop_of(trial)
        if stop is not None:
            wanted |= {"stopped.epoch": str(stop.epoch), "stopped.rung": str(stop.rung)}
            wanted["stopped.reason"] = stop_text(trial, stop)
        self._tag(known, wanted)
        self._set_status(known, status_of(trial), trial.attempts[-1].ended)

    def _set_status(self, known: _Known, status: str, ended: float | None) -> None:
        if known.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(known.run_id, status=status)
        else:
            end_time = None if ended is None else int(ended * 1000)
            self._client.set_terminated(known.run_id, status, end_time)
        known.status = status


class _Known:
    """What is known to be in an MLflow run, so that it is asked for only once."""

    def __init__(self, run: Any, *, new: bool = False) -> None:
        self.run_id: str = run.info.run_id
        self.status: str = run.info.status
        self.params: dict[str, str] = dict(run.data.params)
        self.tags: dict[str, str] = dict(run.data.tags)
        self.metric_names: list[str] = list(run.data.metrics)
        self.points: dict[str, dict[int, float]] | None = {} if new else None
        self.checkpoints: dict[str, int] | None = {} if new else None


def _without_login(uri: str) -> str:
    """A server's address without user and password, which are handed over apart from it.

    MLflow prints addresses, and writes them into its errors and logs.
    """
    parts = urlsplit(uri)
    if not is_server(uri) or parts.username is None:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _first_line(error: Exception) -> str:
    return without_secrets((str(error) or type(error).__name__).strip().splitlines()[0])
