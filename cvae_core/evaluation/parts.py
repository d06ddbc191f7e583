"""The parts of an evaluation: each is a job of its own, and fails or is missing alone.

A part is declared beside the module that computes it, with its settings, metrics and seconds; the
tuple below is the only other place that names it. That module has a generator function
``evaluate(subject, settings)``: it yields now and then which share of it is done, in (0, 1), and
at last its ``Findings``.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.diagnostics.declaration import DIAGNOSTICS, IWAE
from cvae_core.evaluation.distances.declaration import FD, FID
from cvae_core.evaluation.maps.declaration import UMAP
from cvae_core.evaluation.metric import on_validation
from cvae_core.evaluation.part import UNTRAINED, Part
from cvae_core.evaluation.pictures.declaration import PICTURES
from cvae_core.evaluation.probes.declaration import PROBE

if TYPE_CHECKING:
    from cvae_core.evaluation.subject import Subject


@dataclass(frozen=True)
class Findings:
    """What a part has found."""

    metrics: dict[str, float] = field(default_factory=dict)
    """Under the names that they have on test; see ``metrics.METRICS``."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Pictures and tables by file name."""
    facts: dict[str, str | int | float] = field(default_factory=dict)
    """How it was measured: N, the extractor's hash."""
    warnings: list[str] = field(default_factory=list)
    keep: dict[str, bytes] = field(default_factory=dict)
    """Files that all trials share, by name: later parts find them in ``Subject.kept``."""


PARTS: dict[str, Part] = {
    part.name: part for part in (PROBE, DIAGNOSTICS, IWAE, PICTURES, UMAP, FD, FID)
}
"""In the order in which they are computed."""


def lacks(config: TrialConfig, part: str) -> str | None:
    """Why a trial's model has nothing that a part could measure; None: it has."""
    if config.model not in BASELINES and PARTS[part].decodes and not config.decodes:
        return UNTRAINED
    return baseline_lacks(config.model, part)


def baseline_lacks(model: str, part: str) -> str | None:
    """Why a baseline has nothing that a part could measure; None: it has, or is none."""
    declared, baseline = PARTS[part], BASELINES.get(model)
    if baseline is None:
        return None
    if declared.posterior:
        return f"the baseline {model} has latents without a variance"
    if baseline.decodes or declared.latents:
        return None
    return f"the baseline {model} has latents alone, and no decoder"


def measure(part: str, subject: Subject, settings: Any) -> Iterator[float | Findings]:
    """Compute one part; on validation its metrics have names of their own.

    Args:
        part: one of ``PARTS``.
        subject: the trained model with its data.
        settings: of that part's kind.

    Yields:
        The share that is done, in (0, 1), and at last the findings.

    Raises:
        AbsentError: it cannot be had here.
        EvaluationError: it cannot be computed from this model or data.
    """
    from cvae_core.cudnn import deterministic  # imports PyTorch

    lacking = lacks(subject.config, part)
    if lacking is not None:
        raise AbsentError(lacking)
    steps = importlib.import_module(PARTS[part].module).evaluate(subject, settings)
    while True:
        with deterministic():  # not in the pauses: others may compute in them
            done = next(steps, None)
        if done is None:
            return
        if not isinstance(done, Findings):
            yield done
            continue
        odd = [name for name, value in done.metrics.items() if not math.isfinite(value)]
        if odd:
            raise EvaluationError(f"{', '.join(odd)} came out as {done.metrics[odd[0]]}")
        if subject.split == "validation":
            renamed = {on_validation(name): value for name, value in done.metrics.items()}
            done = replace(done, metrics=renamed)
        yield done
