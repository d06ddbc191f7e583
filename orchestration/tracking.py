"""MLflow, boxed: it displays what the ledger says, and can be rebuilt from it at any time.

``bring_trial`` takes an MLflow run to what the ledger says of a trial, from whatever state it is
in: it creates what is missing, logs only the steps that are not stored, and never repeats.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from cvae_core.config import TrialConfig
from orchestration.documents import Epoch, Evaluated, Failure, Sweep, Trial
from orchestration.errors import UserError
from orchestration.flatten import flat
from orchestration.identity import relevant
from orchestration.ledger import Ledger
from orchestration.mlflow_config import MlflowConfig, artifact_root
from orchestration.redact import without_secrets
from orchestration.stopped import stop_of, stop_text
from orchestration.wanted import split_entry

# Read by MLflow when it is imported. Its client would wait for minutes, and calls home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

BATCH = 1000
SWEEP_TAG = "cvae_sweep.sweep_id"
KEY_TAG = "trial_key"
PACKAGES = ("cvae-sweep", "torch", "ray", "mlflow", "numpy", "scikit-learn", "umap-learn")


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
        try:
            self._client: Any = MlflowClient(tracking_uri=uri)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise UserError(f"MLflow cannot be used: {_first_line(error)}") from error
        self._local = uri.startswith("sqlite:")
        self._config = config
        self._storage = storage
        self._runs: dict[str, _Known] = {}

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
                if self._local:
                    location = artifact_root(self._config, self._storage)
                return experiment, self._client.create_experiment(experiment, location)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise UserError(f"MLflow cannot be used: {_first_line(error)}") from error
        if found.lifecycle_stage != "active":
            raise UserError(
                f"the MLflow experiment {experiment!r} was deleted; restore it with "
                f"`mlflow experiments restore -x {found.experiment_id}`, or set another "
                "experiment_prefix in mlflow.yaml"
            )
        return experiment, found.experiment_id

    def forget(self) -> None:
        """Trust nothing that was noted of MLflow's runs; they are read again."""
        self._runs.clear()

    def bring_parent(self, ledger: Ledger) -> None:
        """The run of the sweep itself, of which the trials' runs are children."""
        sweep = ledger.sweep
        known = self._runs.get("parent") or self._find(
            sweep, sweep.parent_run_id, f"tags.`{SWEEP_TAG}.parent` = 'true'"
        )
        if known is None:
            tags = {
                **self._common_tags(sweep),
                f"{SWEEP_TAG}.parent": "true",
                "mlflow.runName": sweep.name,
            }
            known = self._create(sweep, tags, sweep.created)
            spec = yaml.safe_dump(sweep.spec, sort_keys=False, allow_unicode=True)
            self._client.log_text(known.run_id, spec, "sweep.yaml")
        self._runs["parent"] = known
        if sweep.parent_run_id != known.run_id:
            sweep.parent_run_id = known.run_id
            ledger.save_sweep()
        metrics = [
            Metric(name, value, int((part.ended or sweep.created) * 1000), 0)
            for part in sweep.evaluations.values()
            for name, value in part.metrics.items()
        ]
        self._log_new(known, metrics)
        for entry, part in list(sweep.evaluations.items()):
            self._log_evaluation(known, entry, part, ledger.folder)
        statuses = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
        self._set_status(known, statuses.get(sweep.outcome, "RUNNING"), None)

    def bring_trial(self, ledger: Ledger, key: str) -> None:
        """The run of a trial; one that has not begun has none."""
        trial, sweep = ledger.snapshot(key), ledger.sweep
        if not trial.attempts:
            return
        config = TrialConfig.from_settings(trial.config)
        known = self._runs.get(key) or self._find(sweep, trial.run_id, f"tags.{KEY_TAG} = '{key}'")
        if known is None:
            tags = {**self._common_tags(sweep), **_trial_tags(trial, config)}
            tags |= _study_tags(ledger, key)
            tags["mlflow.parentRunId"] = str(sweep.parent_run_id)
            known = self._create(sweep, tags, trial.attempts[0].began)
            settings = yaml.safe_dump(trial.config, sort_keys=False, allow_unicode=True)
            self._client.log_text(known.run_id, settings, "config.yaml")
        self._runs[key] = known
        if trial.run_id != known.run_id:
            ledger.change(key, lambda t: setattr(t, "run_id", known.run_id))
        self._log_params(known, config)
        self._log_metrics(known, trial)
        if trial.state in ("finished", "stopped", "failed"):
            self._log_artifacts(known, trial, ledger.folder)
        self._log_outcome(known, trial)

    def _find(self, sweep: Sweep, run_id: str | None, condition: str) -> _Known | None:
        """A run by its id, else by its tags: a driver may die before it notes a new run's id."""
        if run_id is not None:
            try:
                run = self._client.get_run(run_id)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
            else:
                if run.info.lifecycle_stage == "active":
                    return _Known(run)
        found = self._client.search_runs(
            [sweep.experiment_id],
            filter_string=f"tags.`{SWEEP_TAG}` = '{sweep.sweep_id}' and {condition}",
            max_results=1,
        )
        return _Known(found[0]) if found else None

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
            for name, value in _shown(epoch).items()
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
            listed = self._client.list_artifacts(known.run_id, "checkpoints")
            known.checkpoints = {Path(item.path).name for item in listed}
        for ref in trial.checkpoints:
            path = folder / ref.path
            if path.name not in known.checkpoints and path.exists():
                self._client.log_artifact(known.run_id, str(path), "checkpoints")
                known.checkpoints.add(path.name)
        for entry, part in trial.evaluations.items():
            self._log_evaluation(known, entry, part, folder)
        # A tag from before it was tried again may say the same.
        told = known.status == "FAILED" and known.tags.get("error") == _short(trial.error)
        if trial.error is not None and not told:
            text = f"{trial.error.message}\n\n{trial.error.traceback}"
            self._client.log_text(known.run_id, text, "error.txt")

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
        reason = _short(part.error)
        failed = f"{name}.failed"
        if part.state == "failed" and part.error and known.tags.get(failed) != reason:
            text = f"{reason}\n\n{part.error.traceback}"
            self._client.log_text(known.run_id, text, f"{place}/error.txt")
        if epoch is None:
            wanted |= {f"{name}.{fact}": str(value) for fact, value in part.facts.items()}
            wanted |= {f"{name}.warning": " ".join(part.warnings)} if part.warnings else {}
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
            wanted["error"] = _short(trial.error)
        else:
            self._untag(known, ["error"])
        stop = stop_of(trial)
        if stop is not None:
            wanted |= {"stopped.epoch": str(stop.epoch), "stopped.rung": str(stop.rung)}
            wanted["stopped.reason"] = stop_text(trial, stop)
        self._tag(known, wanted)
        statuses = {"running": "RUNNING", "pending": "KILLED", "failed": "FAILED"}
        self._set_status(known, statuses.get(trial.state, "FINISHED"), trial.attempts[-1].ended)

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
        self.checkpoints: set[str] | None = set() if new else None


def _trial_tags(trial: Trial, config: TrialConfig) -> dict[str, str]:
    tags = {
        KEY_TAG: trial.key,
        "model": config.model,
        "beta": f"{config.beta:g}",
        "seed": str(config.seed),
        "data": config.data.name,
    }
    name = f"{config.model} β={config.beta:g}"
    if config.model == "cvae":
        tags |= {"lambda": f"{config.lambda_:g}", "tau": f"{config.tau:g}"}
        name += f" λ={config.lambda_:g} τ={config.tau:g}"
    return tags | {"mlflow.runName": f"{name} seed={config.seed}"}


def _study_tags(ledger: Ledger, key: str) -> dict[str, str]:
    """Which study asked for a trial, and when; whose best it repeats."""
    for study in ledger.planned_studies():
        if key in study.replicates:
            return {"study": study.name, "origin": "replicate", "replicate_of": str(study.winner)}
        for ask in study.asks:
            if ask.key == key:
                return {"study": study.name, "origin": ask.origin, "ask": str(ask.number)}
    return {}


def _short(failure: Failure | None) -> str:
    """A failure as a tag."""
    return "" if failure is None else failure.message[:500]


def _shown(epoch: Epoch) -> dict[str, float]:
    """Metrics of an epoch as MLflow shows them; times apart from what is compared."""
    times = {"time/epoch_s": epoch.epoch_s, "time/images_per_s": epoch.images_per_s}
    return epoch.metrics | times


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide results."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _first_line(error: Exception) -> str:
    return without_secrets((str(error) or type(error).__name__).strip().splitlines()[0])
