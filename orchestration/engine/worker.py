"""A worker: takes jobs one after another, in whatever process an engine puts it."""

from __future__ import annotations

import gc
import os
import platform
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.begin import AnyTraining, begin
from orchestration.engine.epoch_steps import EpochSteps
from orchestration.engine.evaluator import Evaluator
from orchestration.engine.jobs import Assignment, PackJob, TrainJob
from orchestration.engine.pack_training import PackTraining
from orchestration.engine.reports import FailureReport, PackReport, Report
from orchestration.engine.retries import OUT_OF_MEMORY
from orchestration.engine.trial_work import TrialWork
from orchestration.engine.worker_failures import end_if_lost, failed
from orchestration.machine import processor
from orchestration.threads import limit_threads


class Worker:
    """Carries out a job step by step; a failure becomes a report, and no dead process.

    But of a GPU that takes nothing more from it: then another process has to take its place.
    """

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
        self._job: Assignment | None = None
        self._training: AnyTraining | None = None
        self._work: TrialWork
        """Of the trial that is in training."""
        self._pack: PackTraining | None = None
        self._epoch: EpochSteps[dict[str, Any]] | None = None
        self._evaluator = Evaluator(datasets, folder, self._device)

    def start(self, job: Assignment) -> None:
        """Take a job up; nothing is done yet.

        Of the job before it nothing stays but a model that is being evaluated part by part.
        """
        self._job = job
        self._drop()
        if isinstance(job, TrainJob | PackJob):
            self._evaluator.forget()

    def step(self) -> Report:
        """An epoch of training, some seconds of a long one, or a whole evaluation."""
        job = self._job
        if job is None:
            raise RuntimeError("a worker was asked to step without a job")
        try:
            if isinstance(job, PackJob):
                of_pack = self._train_pack(job)
                self._look_after(*of_pack.reports.values())
                return of_pack
            return self._train(job) if isinstance(job, TrainJob) else self._evaluator.step(job)
        except Exception as error:  # reported to the driver, which decides what follows
            self._drop()
            report = failed(error, self._about)
        self._look_after(report)
        # Only here the error has gone, and with it what its frames still held.
        if report.kind == OUT_OF_MEMORY:
            gc.collect()
            if self._device == "cuda":
                torch.cuda.empty_cache()
        if isinstance(job, PackJob):
            return PackReport({own.key: report for own in job.jobs})
        return report

    def _look_after(self, *reports: Report) -> None:
        """End this process after an error by which it has lost its GPU."""
        for report in reports if self._device == "cuda" else ():
            if isinstance(report, FailureReport) and report.kind == "error":
                end_if_lost(report)

    def _drop(self) -> None:
        self._training = None
        self._pack = None
        self._epoch = None
        self._evaluator.drop()

    def _train(self, job: TrainJob) -> Report:
        if self._training is None:
            self._work = self._take_up(job)
            start = self._work.start(gpu=self._device == "cuda")
            self._training = begin(
                self._work.config,
                self._work.data,
                start=start,
                judges=self._work.judges(),
                device=self._device,
            )
        training, record = self._training, None
        if not training.finished:
            if self._epoch is None:
                self._epoch = EpochSteps(training.epoch_by_steps(), training.images)
            record = self._epoch.go_on()
            if record is None:
                return self._epoch.so_far(self._about)
            self._epoch = None
            record |= {"at": time.time()}
        return self._work.report(training, record)

    def _train_pack(self, job: PackJob) -> PackReport:
        if self._pack is None:
            self._pack = PackTraining(job, self._take_up, self._folder, self._device)
        return self._pack.step(self._about)

    def _take_up(self, job: TrainJob) -> TrialWork:
        data = self._datasets[TrialConfig.from_settings(job.config).data.dataset]
        return TrialWork(job, data, self._folder, self._evaluator, self._about)
