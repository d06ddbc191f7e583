"""The parts of an evaluation: each is a job of its own, and fails or is missing alone.

A part is a generator function in a module of its own, ``evaluate(subject, settings)``: it yields
now and then which share of it is done, in (0, 1), and at last its ``Outcome``.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.metrics import on_validation
from cvae_core.evaluation.settings import (
    DiagnosticsConfig,
    FdConfig,
    FidConfig,
    PicturesConfig,
    ProbeConfig,
    UmapConfig,
)

if TYPE_CHECKING:
    from cvae_core.evaluation.subject import Subject


@dataclass(frozen=True)
class Outcome:
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


@dataclass(frozen=True)
class Part:
    """One part: where it is computed, its settings, and whether it is on unless a file says so."""

    module: str
    settings: type
    on: bool
    title: str
    prepares: bool = False
    """Whether the first one of a data set does work that all others then find done."""
    version: int = 1
    """Raised whenever its arithmetic changes: it is then measured again."""
    curves: bool = False
    """Whether it looks at the records of the trial's epochs."""


PARTS: dict[str, Part] = {
    "probe": Part(
        "cvae_core.evaluation.probes.part",
        ProbeConfig,
        on=True,
        title="linear probes, k-NN and confusion matrix",
    ),
    "diagnostics": Part(
        "cvae_core.evaluation.diagnostics.part",
        DiagnosticsConfig,
        on=True,
        title="reconstruction error, ELBO and what the latents are used for",
    ),
    "pictures": Part(
        "cvae_core.evaluation.pictures.part",
        PicturesConfig,
        on=True,
        title="reconstructions, samples and training curves",
        curves=True,
    ),
    "umap": Part("cvae_core.evaluation.maps.part", UmapConfig, on=True, title="map of the latents"),
    "fd": Part(
        "cvae_core.evaluation.distances.fd",
        FdConfig,
        on=True,
        title="Fréchet and kernel distance on a small classifier's features",
        prepares=True,
    ),
    "fid": Part(
        "cvae_core.evaluation.distances.fid",
        FidConfig,
        on=False,
        title="FID and KID on Inception's features: 20 minutes a trial and more on one CPU core",
        prepares=True,
    ),
}
"""In the order in which they are computed."""


def measure(part: str, subject: Subject, settings: Any) -> Iterator[float | Outcome]:
    """Compute one part; on validation its metrics have names of their own.

    Args:
        part: one of ``PARTS``.
        subject: the trained model with its data.
        settings: of that part's kind.

    Yields:
        The share that is done, in (0, 1), and at last the outcome.

    Raises:
        AbsentError: it cannot be had here.
        EvaluationError: it cannot be computed from this model or data.
    """
    for done in importlib.import_module(PARTS[part].module).evaluate(subject, settings):
        if not isinstance(done, Outcome):
            yield done
            continue
        odd = [name for name, value in done.metrics.items() if not math.isfinite(value)]
        if odd:
            raise EvaluationError(f"{', '.join(odd)} came out as {done.metrics[odd[0]]}")
        if subject.split == "validation":
            renamed = {on_validation(name): value for name, value in done.metrics.items()}
            done = replace(done, metrics=renamed)
        yield done
