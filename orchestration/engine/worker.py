"""A worker: takes jobs one after another, in whatever process an engine puts it."""

from __future__ import annotations

import gc
import os
import platform
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.linalg import LinAlgError
from rich.filesize import decimal

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import (
    AbsentError,
    CheckpointError,
    EvaluationError,
    NonFiniteLossError,
    TooLargeError,
)
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.memory import bytes_asked_for, memory_error
from cvae_core.models import Model
from cvae_core.training.begin import AnyTraining, begin
from cvae_core.training.checkpoint import Checkpoint, sha256
from cvae_core.training.training import Judge, When
from orchestration import store
from orchestration.engine.evaluator import Evaluator, read_reference
from orchestration.engine.jobs import Job, TrainJob
from orchestration.engine.reports import EpochReport, FailureReport, ProgressReport, Report
from orchestration.engine.retries import OUT_OF_MEMORY, STORAGE, TOO_LARGE
from orchestration.errors import StorageError
from orchestration.ledger.checkpoints import is_asked_for
from orchestration.ledger.documents import DAMAGED, DIVERGED
from orchestration.ledger.paths import CHECKPOINT_NOW, checkpoint_path
from orchestration.machine import processor
from orchestration.plan.memory import too_large, total_memory
from orchestration.spec.evaluation import part_settings
from orchestration.store import FULL
from orchestration.threads import limit_threads

FIRST_WORD_S = 1.0
EVERY_S = 5.0
"""Seconds of an epoch between two words of how far it is; a word costs the worker milliseconds."""


class _Epoch:
    """An epoch under way, that stops now and then to tell how far it is."""

    def __init__(self, training: AnyTraining) -> None:
        self._images = training.images
        self._steps = training.epoch_by_steps()
        self._began = time.monotonic()
        self._done = 0

    def go_on(self) -> dict[str, Any] | None:
        """Its record; None where there is more to do."""
        # The first word comes soon, so that a long first epoch is seen to have begun.
        until = time.monotonic() + (FIRST_WORD_S if self._done == 0 else EVERY_S)
        for done in self._steps:
            if isinstance(done, dict):
                return done | {"at": time.time()}
            self._done = done
            if time.monotonic() >= until and done < self._images:
                return None
        raise AssertionError("an epoch ends with its record")

    def so_far(self, worker: dict[str, Any]) -> ProgressReport:
        """Share, pace and what the whole of it will take."""
        spent, share = time.monotonic() - self._began, self._done / self._images
        pace = self._done / spent
        return ProgressReport(share, images_per_s=pace, epoch_s=spent / share, worker=worker)


class Worker:
    """Carries out a job step by step; a failure becomes a report, never a dead process."""

    def __init__(
        self, datasets: Mapping[str, Dataset], folder: Path, *, threads: int, gpu: bool
    ) -> None:
        self._datasets = datasets
        self._folder = folder
        self._device = "cuda" if gpu else "cpu"
        self._about = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "threads": limit_threads(threads),
            "device": torch.cuda.get_device_name() if gpu else platform.machine(),
            "processor": processor(),
            "torch": torch.__version__,
        }
        self._job: Job | None = None
        self._training: AnyTraining | None = None
        self._epoch: _Epoch | None = None
        self._evaluator = Evaluator(datasets, folder, self._device)
        self._from_epoch = 0
        self._notes: list[str] = []
        self._saved_at = 0.0

    def start(self, job: Job) -> None:
        """Take a job up; nothing is done yet.

        Of the job before it nothing stays but a model that is being evaluated part by part.
        """
        self._job = job
        self._drop()
        if isinstance(job, TrainJob):
            self._evaluator.forget()
        self._from_epoch = 0
        self._notes = []
        self._saved_at = time.monotonic()

    def step(self) -> Report:
        """An epoch of training, some seconds of a long one, or a whole evaluation."""
        job = self._job
        if job is None:
            raise RuntimeError("a worker was asked to step without a job")
        try:
            return self._train(job) if isinstance(job, TrainJob) else self._evaluator.step(job)
        except Exception as error:  # reported to the driver, which decides what follows
            self._drop()
            report = _failed(error, self._about)
        # Only here the error has gone, and with it what its frames still held.
        if report.kind == OUT_OF_MEMORY:
            gc.collect()
            if self._device == "cuda":
                torch.cuda.empty_cache()
        return report

    def _drop(self) -> None:
        self._training = None
        self._epoch = None
        self._evaluator.drop()

    def _train(self, job: TrainJob) -> Report:
        if self._training is None:
            self._training = self._begin(job)
        training = self._training
        record = None
        if not training.finished:
            self._epoch = self._epoch or _Epoch(training)
            record = self._epoch.go_on()
            if record is None:
                return self._epoch.so_far(self._about)
            self._epoch = None
            self._note_undecided(job, record)
        due = (
            training.finished
            or is_asked_for(training.epoch, job.every_epochs)
            # Where a trial is stopped, its newest checkpoint is of that epoch.
            or training.epoch in job.decision_epochs
            or time.monotonic() - self._saved_at >= job.min_interval_s
            or (self._folder / CHECKPOINT_NOW).exists()
        )
        return EpochReport(
            final=training.finished,
            from_epoch=self._from_epoch,
            epoch=record,
            checkpoint=self._save(job, training) if record is not None and due else None,
            worker=self._about,
            notes=self._notes,
        )

    def _note_undecided(self, job: TrainJob, record: dict[str, Any]) -> None:
        note = f"no early stopping: {job.decision_metric} is not measured"
        due = record["epoch"] in job.decision_epochs
        if due and job.decision_metric not in record["metrics"] and note not in self._notes:
            self._notes.append(note)

    def _begin(self, job: TrainJob) -> AnyTraining:
        config = TrialConfig.from_settings(job.config)
        data = self._datasets[config.data.dataset]
        never = too_large(config, data.image_shape, _memory(gpu=self._device == "cuda"))
        if never is not None:
            raise TooLargeError(never)
        start = self._newest_good(job, config)
        self._from_epoch = 0 if start is None else start.epoch
        return begin(
            config,
            data,
            start=start,
            judges=[*self._probe(job, config), *self._fd(job, config)],
            device=self._device,
        )

    def _probe(self, job: TrainJob, config: TrialConfig) -> list[Judge]:
        when = When(job.probe_every, _decided_by(job, "val/probe_accuracy"))
        if not when.every and not when.at:
            return []
        from cvae_core.evaluation.probes.validation import validation_judge

        try:
            return [(when, validation_judge(config, self._datasets[config.data.dataset]))]
        except AbsentError as error:
            self._notes.append(f"no val/probe_accuracy: {error}")
            return []

    def _fd(self, job: TrainJob, config: TrialConfig) -> list[Judge]:
        when = When(job.fd_every, _decided_by(job, "val/fd_"))
        if not when.every and not when.at:
            return []
        from cvae_core.evaluation.distances.fd import validation_judge

        data = self._datasets[config.data.dataset]
        settings = part_settings(FD.name, job.fd_settings)
        try:
            shared = self._evaluator
            judge, keep = validation_judge(config, data, settings, shared.cache, shared.kept)
            shared.keep(keep)
        except AbsentError as error:
            self._notes.append(f"no val/fd: {error}")
            return []

        def measured(model: Model) -> dict[str, float]:
            try:
                return judge(model)
            except (EvaluationError, LinAlgError) as error:  # the training is none the worse
                self._notes.append(f"no val/fd: {error}")
                return {}

        return [(when, measured)]

    def _newest_good(self, job: TrainJob, config: TrialConfig) -> Checkpoint | None:
        for ref in job.checkpoints:
            try:
                return read_reference(self._folder, ref, config)
            except CheckpointError as error:
                self._notes.append(f"checkpoint of epoch {ref['epoch']} was not used: {error}")
        return None

    def _save(self, job: TrainJob, training: AnyTraining) -> dict[str, Any]:
        content = training.checkpoint().to_bytes()
        path = checkpoint_path(job.key, job.attempt, training.epoch)
        store.write_bytes(self._folder / path, content)
        self._saved_at = time.monotonic()
        return {
            "epoch": training.epoch,
            "path": path,
            "sha256": sha256(content),
            "bytes": len(content),
        }


def _decided_by(job: TrainJob, metrics: str) -> list[int]:
    """Epochs after which a scheduler wants to know one of these metrics, named by their start."""
    return job.decision_epochs if job.decision_metric.startswith(metrics) else []


KINDS: list[tuple[str, Callable[[Exception], bool]]] = [
    (TOO_LARGE, lambda error: type(error) is TooLargeError),
    (OUT_OF_MEMORY, lambda error: memory_error(error) is not None),
    (STORAGE, lambda error: isinstance(error, StorageError) or getattr(error, "errno", 0) in FULL),
    (DIVERGED, lambda error: type(error) is NonFiniteLossError),
    ("evaluation", lambda error: type(error) is EvaluationError),
    (DAMAGED, lambda error: type(error) is CheckpointError),
]
"""What a failure is called: the first that fits, else ``error``; retries.py says what becomes of
each."""


def _failed(error: Exception, worker: dict[str, Any]) -> FailureReport:
    """What is reported of an error; of those that name their cause no traceback is needed."""
    error = _in_vain(error) or error
    kind = next((kind for kind, meant in KINDS if meant(error)), "error")
    said = memory_error(error) or error
    named = kind not in ("error", OUT_OF_MEMORY)
    message = str(said) if named else f"{type(said).__name__}: {said}"
    speaks = kind in (TOO_LARGE, STORAGE, "evaluation", DAMAGED)
    trace = "" if speaks else traceback.format_exc()
    return FailureReport(kind, message, traceback=trace, worker=worker)


def _in_vain(error: Exception) -> TooLargeError | None:
    """The error of one request for more memory than there is, which fails whenever it is made."""
    lacking = memory_error(error)
    asked = None if lacking is None else bytes_asked_for(lacking)
    if asked is None or asked <= (memory := _memory(gpu="CUDA" in str(lacking))):
        return None
    return TooLargeError(
        f"it asks for {decimal(asked)} of memory at once, and there are {decimal(memory)}; lower "
        "batch_size, or settings of architecture"
    )


def _memory(*, gpu: bool) -> int:
    """Bytes of the memory that the GPU or this machine has, whatever of it is in use."""
    return int(torch.cuda.get_device_properties(0).total_memory) if gpu else total_memory()
