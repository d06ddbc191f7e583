"""Fréchet and kernel distance of generated images from real ones, with their floors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.extractor import Extractor, extract
from cvae_core.evaluation.frechet import frechet_distance, statistics
from cvae_core.evaluation.kernel_distance import kid
from cvae_core.evaluation.metrics import variant
from cvae_core.evaluation.parts import Outcome
from cvae_core.evaluation.real_side import LEAST, RealSide, real_side
from cvae_core.evaluation.shares import within
from cvae_core.evaluation.subject import Subject

USUAL = 10_000
SMALL = 2048
"""Below so many images the Fréchet distance's bias is large beside differences of models."""
REAL_SHARE = 0.75
"""Of the images, where the real side is not there yet: three of four sets and the floors."""

Family = Literal["fd", "fid"]


def judge(
    subject: Subject, extractor: Extractor, n: int, *, family: Family
) -> Iterator[float | Outcome]:
    """Both distances of N generated images from N judged ones, on one extractor's features.

    Args:
        subject: the trained model with its data.
        extractor: of the features.
        n: images on either side; as many as there are where those are fewer.
        family: first part of the Fréchet distance's name.

    Yields:
        The share that is done, in (0, 1), and at last the outcome.

    Raises:
        EvaluationError: fewer than two images, or images or features that are not finite.
    """
    judged = len(subject.labels("judged"))
    count = min(n, judged)
    if count < LEAST:
        raise EvaluationError(
            f"{count} image is too few for a distance: {LEAST} {subject.split} images are needed"
        )
    generated = subject.generated(count)
    real = yield from within(0, REAL_SHARE, real_side(subject, extractor, count))
    features = yield from within(REAL_SHARE, 1, extract(extractor, generated))
    usual = USUAL if subject.split == "test" else judged
    named = variant(extractor.name, count, usual)
    own = statistics(features)
    yield Outcome(
        metrics={
            f"{family}/{named}": frechet_distance(own, real.statistics),
            f"kid/{named}": kid(features, real.features, within_y=real.within),
            **_floors(real, family, named),
        },
        facts={
            "n": count,
            "extractor": extractor.name,
            "extractor_digest": extractor.digest,
            "floor_n": real.floor_count,
            "floor_halves_n": real.half_count,
        },
        warnings=[*_warnings(count, n, family), *real.warnings],
    )


def _floors(real: RealSide, family: Family, named: str) -> dict[str, float]:
    names = {
        "frechet": f"{family}/{named}_floor",
        "kernel": f"kid/{named}_floor",
        "frechet_halves": f"{family}/{named}_floor_halves",
        "kernel_halves": f"kid/{named}_floor_halves",
    }
    return {names[kind]: value for kind, value in real.floors.items()}


def _warnings(count: int, wanted: int, family: Family) -> list[str]:
    advice = f"{family.upper()} is biased at small N; compare only with the same N"
    if count < wanted:
        return [f"N is {count}, not {wanted}: there are no more images. {advice}"]
    return [f"N is {count}. {advice}"] if count < SMALL else []
