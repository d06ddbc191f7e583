"""FID and KID: distances of generated from real images on the features of Inception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cvae_core.evaluation.distances.declaration import FidConfig
from cvae_core.evaluation.distances.inception import load_inception
from cvae_core.evaluation.distances.judge import judge
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import Subject

LOADED = 0.02
"""Share of the work once the weights are there."""


def evaluate(subject: Subject, settings: FidConfig) -> Iterator[float | Findings]:
    """FID and KID of generated images, and those of real ones, which are their floors.

    Yields:
        The share that is done, in (0, 1), and at last the findings.

    Raises:
        AbsentError: Inception's weights cannot be had here.
        EvaluationError: other weights than expected, too few images, or some are not finite.
    """
    inception = yield from within(0, LOADED, load_inception(settings))
    findings = yield from within(LOADED, 1, judge(subject, inception, settings, family="fid"))
    yield replace(findings, facts={**findings.facts, "weights_sha256": inception.sha256})
