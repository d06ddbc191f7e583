"""A worker's evaluations: one part after another, on a model that is loaded once for all."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from cvae_core.config import TrialConfig
from cvae_core.cudnn import deterministic
from cvae_core.data import Dataset
from cvae_core.errors import AbsentError, CheckpointError, EvaluationError
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.training.checkpoint import sha256
from orchestration import store
from orchestration.caches import cache_folder
from orchestration.engine.checkpoint_reading import read_reference
from orchestration.engine.jobs import EvaluateJob, SharedMapJob
from orchestration.engine.reports import AbsentReport, EvaluationReport, ProgressReport
from orchestration.ledger.paths import EXTRACTORS
from orchestration.spec.evaluation import part_settings

EVERY_S = 5.0
"""Seconds of a part between two words of how far it is."""


class Evaluator:
    """Measures parts of trials and writes their files.

    Args:
        datasets: by ``DataConfig.dataset``.
        folder: the sweep's.
        device: as PyTorch names it.
    """

    def __init__(self, datasets: Mapping[str, Dataset], folder: Path, device: str) -> None:
        self._datasets = datasets
        self._folder = folder
        self._device = device
        self._measuring: _Measuring | None = None
        self._judged: tuple[tuple[str, str, bool], Subject] | None = None
        self.cache = cache_folder() / "evaluation"
        """What all sweeps of this machine share."""
        self.kept = folder / EXTRACTORS
        """What the trials of this sweep share."""

    def drop(self) -> None:
        """Leave the part under way; the model stays for the next part."""
        self._measuring = None

    def forget(self) -> None:
        """Leave the model as well."""
        self._judged = None

    def keep(self, files: Mapping[str, bytes]) -> bool:
        """Write what the sweep's trials share, classifiers, where it is not there or is damaged.

        A sound one stays, also where a worker has trained another meanwhile, of other last digits.

        Returns:
            Whether those that lie there now are these.
        """
        from cvae_core.evaluation.distances.classifier import digest_of

        are_these = True
        for name, content in files.items():
            path = self.kept / name
            if not path.is_file() and store.write_new(path, content):
                continue
            with store.storing(path):  # that it cannot be read now does not make it a damaged one
                there = digest_of(io.BytesIO(path.read_bytes()))
            if there is None:
                store.write_bytes(path, content)
            elif there != digest_of(io.BytesIO(content)):
                are_these = False
        return are_these

    def step(
        self, job: EvaluateJob | SharedMapJob
    ) -> ProgressReport | EvaluationReport | AbsentReport:
        """Some seconds of a part; with the last of them its findings, its files written."""
        try:
            if self._measuring is None:
                self._measuring = _Measuring(self._steps(job))
            done = self._measuring.go_on()
        except AbsentError as error:
            self.drop()
            return AbsentReport(str(error))
        if not isinstance(done, Findings):
            return ProgressReport(done)
        if not self.keep(done.keep) and not self._measuring.again:
            # Another worker's was there first: as all trials are judged by one, by that one.
            self._measuring = _Measuring(self._steps(job), again=True)
            return self.step(job)
        artifacts = []
        for name, content in done.files.items():
            path = f"{job.artifacts}/{name}"
            store.write_bytes(self._folder / path, content)
            artifacts.append({"path": path, "sha256": sha256(content), "bytes": len(content)})
        return EvaluationReport(
            metrics=done.metrics,
            artifacts=artifacts,
            facts=done.facts,
            notes=done.warnings,
            seconds=self._measuring.seconds,
        )

    def _steps(self, job: EvaluateJob | SharedMapJob) -> Iterator[float | Findings]:
        settings = part_settings(job.part, job.settings)
        if isinstance(job, EvaluateJob):
            return measure(job.part, self._subject(job), settings)
        from cvae_core.evaluation.maps.shared_map import shared_map

        subjects = [self._loaded(each, job.settings["split"]) for each in job.trials]
        return shared_map(
            [_means(subject) for subject in subjects],
            subjects[0].labels("judged"),
            [subject.label for subject in subjects],
            subjects[0].classes,
            settings,
        )

    def _loaded(self, trial: dict[str, Any], split: Literal["test", "validation"]) -> Subject:
        config = TrialConfig.from_settings(trial["config"])
        checkpoint = read_reference(self._folder, trial["checkpoint"], config)
        return Subject(
            config,
            self._datasets[config.data.dataset],
            checkpoint.selected_weights,
            split=split,
            label=trial["label"],
            cache=self.cache,
            device=self._device,
        )

    def _subject(self, job: EvaluateJob) -> Subject:
        """The model that a job is about; the same one as before where that is what it is about."""
        if job.checkpoint is None:
            raise CheckpointError("there is no checkpoint to evaluate")
        ref, split = job.checkpoint, job.settings["split"]
        # Convergence over epochs is about each epoch's own weights.
        own = job.is_of_an_epoch
        which = (ref["sha256"], split, own)
        if self._judged is None or self._judged[0] != which:
            self._judged = None  # before another one takes as much memory
            config = TrialConfig.from_settings(job.config)
            checkpoint = read_reference(self._folder, ref, config)
            subject = Subject(
                config,
                self._datasets[config.data.dataset],
                checkpoint.model if own else checkpoint.selected_weights,
                split=split,
                epoch=checkpoint.epoch if own else checkpoint.selected_epoch,
                label=job.label,
                cache=self.cache,
                kept=self.kept,
                device=self._device,
            )
            self._judged = (which, subject)
        self._judged[1].epochs = job.epochs
        return self._judged[1]


class _Measuring:
    """A part of an evaluation under way, that stops now and then to tell how far it is."""

    def __init__(self, steps: Iterator[float | Findings], *, again: bool = False) -> None:
        self.again = again
        """Whether it is the second time, as the first was not what the sweep's trials share."""
        self._began = time.perf_counter()
        self._steps = steps

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._began

    def go_on(self) -> float | Findings:
        """The findings, or after some seconds how far it is."""
        until = time.monotonic() + EVERY_S
        for done in self._steps:
            if isinstance(done, Findings) or time.monotonic() >= until:
                return done
        raise AssertionError("an evaluation ends with its findings")


def _means(subject: Subject) -> Any:
    """Latent means (N, D) of the judged images; an error says of which trial."""
    try:
        with deterministic():
            return subject.posterior("judged")[0]
    except EvaluationError as error:
        raise EvaluationError(f"{subject.label}: {error}") from error
