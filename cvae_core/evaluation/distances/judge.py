"""Distances of generated images from real ones: how far, how sure, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances import manifold as balls
from cvae_core.evaluation.distances.declaration import SOURCES, DistancesConfig, Source
from cvae_core.evaluation.distances.decoder_share import decoder_share, mostly
from cvae_core.evaluation.distances.extractor import Extractor, extract
from cvae_core.evaluation.distances.frechet import frechet_distance, statistics
from cvae_core.evaluation.distances.kernel_distance import kernel_distance
from cvae_core.evaluation.distances.latent_densities import FITTED
from cvae_core.evaluation.distances.metrics import SHARE
from cvae_core.evaluation.distances.real_side import LEAST, RealSide, real_sides
from cvae_core.evaluation.distances.sources import images_of
from cvae_core.evaluation.distances.sources_figure import sources_png
from cvae_core.evaluation.distances.usual_count import USUAL, usual_on_validation
from cvae_core.evaluation.metric import variant
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import Subject

SMALL = 2048
"""Below so many images the Fréchet distance's bias is large beside differences of models."""
DECODED, REAL, EXTRACTED, DETAILED = 0.02, 0.6, 0.8, 0.98
"""Shares done after each stage, where the real side is not there yet: it is three of four sets."""

Family = Literal["fd", "fid"]
Features = NDArray[np.float32]


@dataclass
class _Found:
    """What is found so far, and how it is named."""

    family: Family
    named: Callable[[int], str]
    """The extractor's name with N in it, where that is not the usual one."""
    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str | int | float] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add_distances(self, features: Features, real: RealSide, suffix: str = "") -> float:
        """Both distances of as many images as the real side has; the Fréchet distance."""
        own = features[: len(real.features)]
        name = self.named(len(own))
        frechet = _frechet(own, real)
        kernel = kernel_distance(own, real.features, real.kernel)
        self.metrics[f"{self.family}/{name}{suffix}"] = frechet
        self.metrics[f"kid/{name}{suffix}"] = kernel.value
        self.metrics[f"kid/{name}{suffix}_se"] = kernel.standard_error
        return frechet

    def add_floors(self, real: RealSide) -> None:
        """Each floor under the N that it was measured with."""
        own, halves = self.named(real.floor_count), self.named(real.half_count)
        names = {
            "frechet": f"{self.family}/{own}_floor",
            "kernel": f"kid/{own}_floor",
            "frechet_halves": f"{self.family}/{halves}_floor_halves",
            "kernel_halves": f"kid/{halves}_floor_halves",
        }
        self.metrics |= {names[kind]: value for kind, value in real.floors.items()}


def judge(
    subject: Subject, extractor: Extractor, settings: DistancesConfig, *, family: Family
) -> Iterator[float | Findings]:
    """Distances of N generated images from N judged ones, all on one extractor's features.

    Args:
        subject: the trained model with its data.
        extractor: of the features.
        settings: how many images, and what besides; as many images as there are where those are
            fewer.
        family: first part of the Fréchet distance's name.

    Yields:
        The share that is done, in (0, 1), and at last the findings.

    Raises:
        EvaluationError: fewer than two images, or images or features that are not finite.
    """
    count = _count(subject, settings.n)
    detail = min(settings.detail_n, count)
    others = [source for source in SOURCES if source in settings.sources and source != "prior"]
    found = _Found(family, partial(_named, subject, extractor))
    generated = yield from within(0, DECODED, subject.decoded(count))
    counts = {count, detail} if others else {count}
    sides = yield from within(DECODED, REAL, real_sides(subject, extractor, counts))
    real = sides[count]
    features = yield from within(REAL, EXTRACTED, extract(extractor, generated))
    yield from beating(partial(found.add_distances, features, real), EXTRACTED)
    found.add_floors(real)
    found.facts |= {
        "n": count,
        "extractor": extractor.name,
        "extractor_digest": extractor.digest,
        "floor_n": real.floor_count,
        "floor_halves_n": real.half_count,
    }
    found.warnings += [*_warnings(subject, count, settings.n, family), *real.warnings]
    if settings.manifold:
        yield from beating(partial(_add_manifold, found, features[:detail], real), EXTRACTED)
    if others:
        work = _add_sources(found, subject, extractor, others, features[:detail], sides[detail])
        yield from within(EXTRACTED, DETAILED, work)
    yield Findings(found.metrics, found.files, found.facts, found.warnings)


def prior_distance(
    subject: Subject, extractor: Extractor, n: int
) -> Iterator[float | dict[str, float]]:
    """``fd/…`` alone, to the last bit: for a model in training.

    Yields:
        The share that is done, in (0, 1), and at last the distance by its name.

    Raises:
        EvaluationError: as ``judge``.
    """
    count = _count(subject, n)
    generated = yield from within(0, DECODED, subject.decoded(count))
    sides = yield from within(DECODED, REAL, real_sides(subject, extractor, [count]))
    features = yield from within(REAL, EXTRACTED, extract(extractor, generated))
    measured = partial(_frechet, features, sides[count])
    value = yield from beating(measured, EXTRACTED)
    yield {f"fd/{_named(subject, extractor, count)}": value}


def _frechet(features: Features, real: RealSide) -> float:
    return frechet_distance(statistics(features), real.statistics)


def _count(subject: Subject, n: int) -> int:
    count = min(n, len(subject.labels("judged")))
    if count < LEAST:
        raise EvaluationError(
            f"{count} image is too few for a distance: {LEAST} {subject.split} images are needed"
        )
    return count


def _named(subject: Subject, extractor: Extractor, count: int) -> str:
    test = subject.split == "test"
    usual = USUAL if test else usual_on_validation(len(subject.data.train))
    return variant(extractor.name, count, usual)


def _add_manifold(found: _Found, features: Features, real: RealSide) -> None:
    count = len(features)
    if count < balls.LEAST:
        found.warnings.append(f"no precision and recall: they take {balls.LEAST} images")
        return
    found.facts["detail_n"] = count
    for name, value in balls.manifold(real.features[:count], features).items():
        found.metrics[f"{name}/{found.named(count)}"] = value


# Six parameters: what is looked at, by what, and what is there of it already.
def _add_sources(
    found: _Found,
    subject: Subject,
    extractor: Extractor,
    sources: Sequence[Source],
    prior: Features,
    real: RealSide,
) -> Iterator[float | bool]:
    """The same distances of images from other latents, all of the real side's N.

    What cannot be had of one is a warning: all others are none the worse.
    """
    count, name = len(prior), found.named(len(prior))
    known = found.metrics.get(f"{found.family}/{name}")
    distances = {"prior": found.add_distances(prior, real) if known is None else known}
    if "frechet" in real.floors and real.floor_count == count:
        distances["floor"] = real.floors["frechet"]
        found.metrics[f"{found.family}/{name}_floor"] = real.floors["frechet"]
        found.metrics[f"kid/{name}_floor"] = real.floors["kernel"]
    for done, source in enumerate(sources):
        try:
            features = yield from within(
                done / len(sources),
                (done + 0.9) / len(sources),
                _features_of(source, subject, extractor, count),
            )
            distances[source] = found.add_distances(features, real, f"_{source}")
        except EvaluationError as error:
            found.warnings.append(f"no distance of {source}: {error}")
    found.facts["detail_n"] = count
    if {"gaussian", "mixture"} & distances.keys():
        found.facts["latents_fitted"] = min(FITTED, len(subject.labels("fit")))
    share = decoder_share(distances)
    if share is not None:
        found.metrics[f"{found.family}/{name}{SHARE}"] = share
        found.facts["distance"] = mostly(share)
    title = found.family.upper()
    found.files[f"{found.family}_sources.png"] = sources_png(subject, title, count, distances)
    yield True


def _features_of(
    source: Source, subject: Subject, extractor: Extractor, count: int
) -> Iterator[float | Features]:
    images = yield from within(0, 0.5, images_of(source, subject, count))
    yield (yield from within(0.5, 1, extract(extractor, images)))


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
