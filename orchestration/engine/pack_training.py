"""Trials that a worker trains at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cvae_core.training.packs.pack import Ended, Pack
from cvae_core.training.training import Training
from orchestration.engine.epoch_steps import EpochSteps
from orchestration.engine.jobs import PackJob, TrainJob
from orchestration.engine.reports import OfTrial, PackReport
from orchestration.engine.trial_work import TrialWork
from orchestration.engine.worker_failures import failed
from orchestration.ledger.paths import left_pack, lies_there


class PackTraining:
    """A pack, and what is reported of each of its trials.

    Args:
        job: its trials.
        take_up: what is done for each besides training.
        folder: of the sweep.
        device: as PyTorch names it.
    """

    def __init__(
        self, job: PackJob, take_up: Callable[[TrainJob], TrialWork], folder: Path, device: str
    ) -> None:
        self._jobs = job.jobs
        self._take_up = take_up
        self._folder = folder
        self._device = device
        self._pack: Pack | None = None
        self._trials: dict[str, tuple[TrialWork, Training]] = {}
        """Those that have epochs left, by key."""
        self._epoch: EpochSteps[list[Ended]] | None = None

    def step(self, about: dict[str, Any]) -> PackReport:
        """Epochs of all trials, or some seconds of long ones."""
        if self._pack is None:
            reports = self._begin(about)
            if reports:
                return PackReport(reports)
        if self._epoch is None:
            self._let_go()
            images = next(training.images for _, training in self._trials.values())
            self._epoch = EpochSteps(self._of_pack.epoch_by_steps(), images)
        ended = self._epoch.go_on()
        if ended is None:
            return PackReport(dict.fromkeys(self._trials, self._epoch.so_far(about)))
        self._epoch = None
        return PackReport(dict(self._ended(ended, about)))

    @property
    def _of_pack(self) -> Pack:
        if self._pack is None:
            raise RuntimeError("a pack has not begun")
        return self._pack

    def _begin(self, about: dict[str, Any]) -> dict[str, OfTrial]:
        """Take all trials in; reports of those that failed at it, or had no epoch left."""
        reports: dict[str, OfTrial] = {}
        for job in self._jobs:
            try:
                work = self._take_up(job)
                if self._pack is None:
                    self._pack = Pack(work.data, device=self._device)
                start = work.start(gpu=self._device == "cuda")
                training = self._pack.add(work.config, start=start, judges=work.judges())
            except Exception as error:  # it is this trial's own
                reports[job.key] = failed(error, about)
                continue
            if training.finished:
                reports[job.key] = work.report(training, None)
            else:
                self._trials[job.key] = work, training
        return reports

    def _let_go(self) -> None:
        """Go on without those that were stopped meanwhile."""
        for key, (work, training) in list(self._trials.items()):
            if lies_there(self._folder / left_pack(key, work.job.attempt)):
                self._of_pack.remove(training)
                del self._trials[key]

    def _ended(self, ended: list[Ended], about: dict[str, Any]) -> Iterator[tuple[str, OfTrial]]:
        by_training = {id(each.training): each.result for each in ended}
        for key, (work, training) in list(self._trials.items()):
            result = by_training[id(training)]
            if isinstance(result, Exception):
                yield key, failed(result, about)
            else:
                yield key, work.report(training, result | {"at": time.time()})
            if isinstance(result, Exception) or training.finished:
                del self._trials[key]
