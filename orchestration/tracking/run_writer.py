"""Writes into one MLflow run what it does not hold yet; nothing is sent twice."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import DatasetInput, Metric, Param, RunTag

from cvae_core.config import TrialConfig
from orchestration.ledger.checkpoints import without_spares
from orchestration.ledger.documents import Evaluated, Sweep, Trial
from orchestration.ledger.mean_image import training_warnings
from orchestration.ledger.names import split_entry, stop_of, stop_text
from orchestration.ledger.paths import CHECKPOINTS
from orchestration.tracking import grid_images
from orchestration.tracking.run_fields import epoch_metrics, parameters, status_of, text_tag
from orchestration.tracking.run_index import StoredRun

BATCH = 800
"""Metrics of a request: with as many parameters and tags as a run may have there are no more than a
thousand entries in it, which is what MLflow takes."""
ERROR_FILE = "error.txt"


class RunWriter:
    """Brings one run to what the ledger says, from whatever state it is in.

    Files are sent at once; parameters, metrics and tags are gathered, and sent by ``set_status``,
    which comes last: each request is a write of MLflow's database, and sweeps have thousands of
    runs.

    Args:
        client: of MLflow.
        run: it is told of all that is written.
        folder: of the sweep, whose files are sent.
    """

    def __init__(self, client: Any, run: StoredRun, folder: Path) -> None:
        self._client = client
        self._run = run
        self._folder = folder
        self._params: dict[str, str] = {}
        self._metrics: list[Metric] = []
        self._tags: dict[str, str] = {}

    def log_params(self, config: TrialConfig) -> None:
        """The settings that matter to a trial, as parameters."""
        params = parameters(config)
        self._params |= {k: v for k, v in params.items() if k not in self._run.params}

    def log_inputs(self, inputs: list[DatasetInput]) -> None:
        """The data that a trial was trained and judged on."""
        new = [i for i in inputs if (i.dataset.name, i.dataset.digest) not in self._run.inputs]
        if new:
            self._client.log_inputs(self._run.run_id, datasets=new)
            self._run.inputs |= {(each.dataset.name, each.dataset.digest) for each in new}

    def log_numbers(self, trial: Trial) -> None:
        """The metrics of a trial's epochs and evaluations, each at the step that it is of."""
        points = self._points()
        metrics = [
            Metric(name, value, int(epoch.at * 1000), epoch.epoch)
            for epoch in trial.epochs
            for name, value in epoch_metrics(epoch).items()
            if epoch.epoch not in points.get(name, {})
        ]
        trained = trial.attempts[-1].ended or trial.attempts[-1].began
        for entry, part in trial.evaluations.items():
            _, epoch = split_entry(entry)
            step = trial.epoch if epoch is None else epoch
            ended = int((part.ended or trained) * 1000)
            metrics += [Metric(name, value, ended, step) for name, value in part.metrics.items()]
        self.log_metrics(metrics)

    def log_sweep_numbers(self, sweep: Sweep) -> None:
        """The metrics of evaluations of all trials together."""
        self.log_metrics(
            [
                Metric(name, value, int((part.ended or sweep.created) * 1000), 0)
                for part in sweep.evaluations.values()
                for name, value in part.metrics.items()
            ]
        )

    def log_metrics(self, metrics: list[Metric]) -> None:
        """Log the points that are not stored, or are stored with another value."""
        points = self._points()
        self._metrics += [m for m in metrics if points.get(m.key, {}).get(m.step) != m.value]

    def _send(self) -> None:
        """Send what was gathered: tags last, as they say what is there."""
        metrics = self._metrics
        for start in range(0, max(len(metrics), 1), BATCH):
            batch: dict[str, list[Any]] = {"metrics": metrics[start : start + BATCH]}
            if start + BATCH >= len(metrics):
                batch["params"] = [Param(*each) for each in self._params.items()]
                batch["tags"] = [RunTag(*each) for each in self._tags.items()]
            batch = {kind: entries for kind, entries in batch.items() if entries}
            if batch:
                self._client.log_batch(self._run.run_id, **batch)
            for metric in batch.get("metrics", ()):
                self._points().setdefault(metric.key, {})[metric.step] = metric.value
        self._run.params |= self._params
        self._run.tags |= self._tags
        self._params, self._metrics, self._tags = {}, [], {}

    def _points(self) -> dict[str, dict[int, float]]:
        """Steps and values of every metric that the run has; of an existing one they are read."""
        if self._run.points is None:
            points = {}
            for name in self._run.metric_names:
                history = self._client.get_metric_history(self._run.run_id, name)
                points[name] = {metric.step: metric.value for metric in history}
            self._run.points = points
        return self._run.points

    def log_files(self, trial: Trial) -> None:
        """The checkpoints that stay, what evaluations made, and the error of a trial that ended."""
        if self._run.checkpoints is None:
            listed = self._client.list_artifacts(self._run.run_id, CHECKPOINTS)
            self._run.checkpoints = {Path(item.path).name: item.file_size for item in listed}
        for ref in without_spares(trial.checkpoints):
            path = self._folder / ref.path
            # A copy that was cut off is shorter.
            if self._run.checkpoints.get(path.name) != ref.bytes and path.exists():
                self._client.log_artifact(self._run.run_id, str(path), CHECKPOINTS)
                self._run.checkpoints[path.name] = ref.bytes
        for entry, part in trial.evaluations.items():
            self.log_evaluation(entry, part, trial)
        if trial.error is not None:
            text = f"{trial.error.message}\n\n{trial.error.traceback}"
            self.log_text(ERROR_FILE, text)

    def log_text(self, name: str, text: str) -> None:
        """A file with this text, unless it is there: a tag, set after it, says which it has."""
        tag, digest = text_tag(name), hashlib.sha256(text.encode(errors="replace")).hexdigest()
        if self._run.tags.get(tag) != digest[:16]:
            self._client.log_text(self._run.run_id, text, name)
            self.set_tags({tag: digest[:16]})

    def log_evaluation(self, entry: str, part: Evaluated, trial: Trial | None = None) -> None:
        """Pictures, tables and how they were made, of one part; again where they have changed.

        Args:
            entry: under which the part stands.
            part: what came of it.
            trial: that it is of; None: of the whole sweep.
        """
        name, epoch = split_entry(entry)
        place = name if epoch is None else f"epoch_{epoch:05d}/{name}"
        shown = {} if trial is None else grid_images.pictures_of(trial, entry)
        # One tag says which files are there, so that nothing has to be listed or sent twice.
        names = [ref.sha256 for ref in part.artifacts] + ["shown"] * bool(shown)
        digest = hashlib.sha256("".join(names).encode()).hexdigest()
        wanted = {text_tag(place): digest[:16]} if part.artifacts else {}
        if part.artifacts and self._run.tags.get(text_tag(place)) != digest[:16]:
            for ref in part.artifacts:
                if (self._folder / ref.path).exists():
                    self._client.log_artifact(self._run.run_id, str(self._folder / ref.path), place)
                else:  # out of sight for now, perhaps
                    wanted = {}
            if trial is not None:
                self._show(trial, shown)
        if epoch is None:
            wanted |= {f"{name}.{fact}": str(value) for fact, value in part.facts.items()}
            wanted |= {f"{name}.warning": " ".join(part.warnings)} if part.warnings else {}
            reason = "" if part.error is None else part.error.message
            wanted |= {f"{name}.{part.state}": reason} if reason else {}
            for note in ("warning", "failed", "absent"):
                self._untag({f"{name}.{note}"} - wanted.keys())
        self.set_tags({tag: text[:500] for tag, text in wanted.items()})

    def _show(self, trial: Trial, shown: Mapping[str, int]) -> None:
        """Send pictures for the image grid, which has a slider over their epochs."""
        with tempfile.TemporaryDirectory(prefix="images-") as folder:
            for path, step in shown.items():
                if (self._folder / path).exists():
                    grid_images.write_image(self._folder / path, Path(folder), trial, step)
            if any(Path(folder).iterdir()):
                self._client.log_artifacts(self._run.run_id, folder, grid_images.FOLDER)
                self.set_tags({grid_images.TAG: "True"})

    def set_tags(self, wanted: Mapping[str, str]) -> None:
        """These tags, where they are not set so; others stay."""
        there = self._run.tags | self._tags
        self._tags |= {name: value for name, value in wanted.items() if there.get(name) != value}

    def _untag(self, names: Iterable[str]) -> None:
        gone = set(names)
        self._tags = {name: value for name, value in self._tags.items() if name not in gone}
        for name in self._run.tags.keys() & gone:
            self._client.delete_tag(self._run.run_id, name)
            del self._run.tags[name]

    def log_outcome(self, trial: Trial) -> None:
        """How a trial stands, why it was stopped or has failed, and the run's status."""
        wanted = {"state": trial.state, "attempts": str(len(trial.attempts))}
        if trial.error is not None:
            wanted["error"] = trial.error.message[:500]
        else:
            self._untag(["error", text_tag(ERROR_FILE)])
        warnings = training_warnings(trial)
        if warnings:
            wanted["training.warning"] = " ".join(warnings)
        else:
            self._untag(["training.warning"])
        stop = stop_of(trial)
        if stop is not None:
            wanted |= {"stopped.epoch": str(stop.epoch), "stopped.rung": str(stop.rung)}
            wanted["stopped.reason"] = stop_text(trial, stop)
        self.set_tags(wanted)
        self.set_status(status_of(trial), trial.attempts[-1].ended)

    def set_status(self, status: str, ended: float | None) -> None:
        """MLflow's status of the run, and when it ended, in seconds since 1970; all else first."""
        self._send()
        if self._run.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(self._run.run_id, status=status)
        else:
            end_time = None if ended is None else int(ended * 1000)
            self._client.set_terminated(self._run.run_id, status, end_time)
        self._run.status = status
