"""Fréchet and kernel distance of generated images from real ones, with their floors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances.extractor import Extractor, extract
from cvae_core.evaluation.distances.frechet import frechet_distance, statistics
from cvae_core.evaluation.distances.kernel_distance import kid
from cvae_core.evaluation.distances.real_side import LEAST, RealSide, real_side
from cvae_core.evaluation.metric import variant
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import Subject

USUAL = 10_000
SMALL = 2048
"""Below so many images the Fréchet distance's bias is large beside differences of models."""
DECODED, REAL, EXTRACTED = 0.02, 0.75, 0.97
"""Shares done after each stage, where the real side is not there yet: it is three of four sets."""

Family = Literal["fd", "fid"]


def judge(
    subject: Subject, extractor: Extractor, n: int, *, family: Family
) -> Iterator[float | Findings]:
    """Both distances of N generated images from N judged ones, on one extractor's features.

    Args:
        subject: the trained model with its data.
        extractor: of the features.
        n: images on either side; as many as there are where those are fewer.
        family: first part of the Fréchet distance's name.

    Yields:
        The share that is done, in (0, 1), and at last the findings.

    Raises:
        EvaluationError: fewer than two images, or images or features that are not finite.
    """
    judged = len(subject.labels("judged"))
    count = min(n, judged)
    if count < LEAST:
        raise EvaluationError(
            f"{count} image is too few for a distance: {LEAST} {subject.split} images are needed"
        )
    generated = yield from within(0, DECODED, subject.decoded(count))
    real = yield from within(DECODED, REAL, real_side(subject, extractor, count))
    features = yield from within(REAL, EXTRACTED, extract(extractor, generated))
    usual = USUAL if subject.split == "test" else min(USUAL, judged)
    named = variant(extractor.name, count, usual)
    frechet, kernel = yield from beating(partial(_distances, features, real), EXTRACTED)
    yield Findings(
        metrics={
            f"{family}/{named}": frechet,
            f"kid/{named}": kernel,
            **_floors(real, family, extractor.name, usual),
        },
        facts={
            "n": count,
            "extractor": extractor.name,
            "extractor_digest": extractor.digest,
            "floor_n": real.floor_count,
            "floor_halves_n": real.half_count,
        },
        warnings=[*_warnings(subject, count, n, family), *real.warnings],
    )


def _floors(real: RealSide, family: Family, extractor: str, usual: int) -> dict[str, float]:
    """Each floor under the N that it was measured with."""
    own = variant(extractor, real.floor_count, usual)
    halves = variant(extractor, real.half_count, usual)
    names = {
        "frechet": f"{family}/{own}_floor",
        "kernel": f"kid/{own}_floor",
        "frechet_halves": f"{family}/{halves}_floor_halves",
        "kernel_halves": f"kid/{halves}_floor_halves",
    }
    return {names[kind]: value for kind, value in real.floors.items()}


def _distances(features: NDArray[np.float32], real: RealSide) -> tuple[float, float]:
    frechet = frechet_distance(statistics(features), real.statistics)
    return frechet, kid(features, real.features, within_y=real.within)


def _warnings(subject: Subject, count: int, wanted: int, family: Family) -> list[str]:
    advice = f"{family.upper()} is biased at small N; compare only with the same N"
    if count >= SMALL and subject.split == "validation":
        # All images of its part are what is meant, unless a sweep asks for fewer.
        judged = len(subject.labels("judged"))
        what = f"N is {count}, not {judged}: fewer than the validation part has. {advice}"
        return [what] if count < judged else []
    if count < wanted and subject.split == "test":
        return [f"N is {count}, not {wanted}: there are no more images. {advice}"]
    return [f"N is {count}. {advice}"] if count < SMALL else []
