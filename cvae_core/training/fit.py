"""Training a model from start to end, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.errors import AbsentError, ConfigError
from cvae_core.models import Model
from cvae_core.training.begin import begin
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.course import Course
from cvae_core.training.terms import columns
from cvae_core.training.training import Judge, When


@dataclass(frozen=True)
class FitResult:
    """A trained model, its metrics by epoch, and the checkpoint of its last epoch."""

    model: Model
    """Of the last epoch, whatever ``selection`` says: ``checkpoint.selected_weights`` are what a
    sweep evaluates."""
    history: list[dict[str, Any]]
    checkpoint: Checkpoint


# Six parameters, all but the first two with defaults: this is what a notebook calls.
def fit(
    config: TrialConfig,
    data: Dataset,
    *,
    start: Checkpoint | None = None,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    probe_every: int = 0,
    device: str = "cpu",
) -> FitResult:
    """Train a model to its last epoch, or until early stopping.

    The same configuration, machine and thread count give the same numbers, bit for bit, also
    when training stops after any epoch and starts again from its checkpoint.

    Args:
        config: the trial's settings.
        data: images in memory.
        start: checkpoint to go on from.
        on_epoch: called with each epoch's record: ``epoch``, ``metrics`` (a plain dictionary
            such as ``{"train/loss": …}``), ``images_per_s`` (training alone) and ``epoch_s``.
        probe_every: epochs between two ``val/probe_accuracy``, also made after the last; 0: never.
        device: as PyTorch names it.

    Raises:
        NonFiniteLossError: the loss became NaN or infinite.
        ConfigError: epochs are selected by a metric that is not measured.
    """
    measured = {f"val/{term}" for term in columns(Course(config).end) if term != "kl"}
    judges: list[Judge] = []
    if probe_every:
        # Imported here, for a caller of this function alone: training is handed what judges it.
        from cvae_core.evaluation.probes.validation import validation_judge

        with suppress(AbsentError):  # there is nothing to classify
            judge = validation_judge(config, data, warnings.warn)
            judges.append((When(probe_every), judge))
            measured.add("val/probe_accuracy")
    selected = config.selection.metric
    if selected not in measured:
        raise ConfigError(f"selection.metric: {selected} is not measured here; see probe_every")
    training = begin(config, data, start=start, judges=judges, device=device)
    history = []
    while not training.finished:
        record = training.run_epoch()
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    return FitResult(training.model, history, training.checkpoint())
