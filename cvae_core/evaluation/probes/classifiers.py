"""The classifiers that the settings name, on one representation, each ready to be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.probes.declaration import ProbeConfig, Protocol, Representation
from cvae_core.evaluation.probes.knn import cosine_predictions, knn_predictions
from cvae_core.evaluation.probes.optimum import AT_OPTIMUM
from cvae_core.evaluation.probes.probe import accuracy
from cvae_core.evaluation.probes.protocols import (
    Predicted,
    notebooks,
    over_splits,
    paper_split,
    standard,
    standardised,
)

USUAL_NEIGHBOURS = 20
Latents = NDArray[np.float32]
Labels = NDArray[np.int64]
LINEAR = {"standardised": "_standardised", "standard": "", "paper": "_paper"}


@dataclass(frozen=True)
class Outcome:
    """What a classifier has come to."""

    metrics: dict[str, float]
    classes: tuple[Labels, Labels] = (np.empty(0, np.int64), np.empty(0, np.int64))
    """The true ones and those predicted, image by image; empty: of several splits."""
    facts: dict[str, str | int | float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


Classifier = Callable[[], Outcome]


def number_of(settings: ProbeConfig) -> int:
    """Classifiers on each representation."""
    protocols = set(settings.protocols)
    votes = 0 if settings.neighbours is None else 1 + settings.cosine
    splits = (1 + settings.splits) if "paper" in protocols else 0
    return len(protocols) + splits + votes


def classifiers(
    settings: ProbeConfig,
    representation: Representation,
    fit: tuple[Latents, Labels],
    judged: tuple[Latents, Labels],
) -> Iterator[Classifier]:
    """All that the settings name, in the order of their metrics.

    Args:
        settings: of the part.
        representation: of which the latents are.
        fit: latents (N, D) and labels (N,) of the training part.
        judged: the same of the images that are judged.
    """
    latents, labels = judged
    for protocol in dict.fromkeys(settings.protocols):
        name = linear(protocol, representation)
        if protocol == "paper":
            first, rest = paper_split(len(labels))
            split = latents[first], labels[first], latents[rest]
            yield partial(_probe, name, partial(standard, *split), labels[rest])
            yield partial(_notebook, representation, latents, labels)
            if settings.splits:
                yield partial(_splits, representation, latents, labels)
        else:
            by = standard if protocol == "standard" else standardised
            yield partial(_probe, name, partial(by, *fit, latents), labels)
    k = settings.neighbours
    if k is not None:
        kind = ("" if k == USUAL_NEIGHBOURS else f"_k{k}") + suffix(representation)
        predict = partial(knn_predictions, *fit, latents, k)
        yield partial(_knn, f"probe/knn_accuracy{kind}", predict, labels)
        if settings.cosine:
            by_angle = partial(cosine_predictions, *fit, latents, k)
            yield partial(_knn, f"probe/knn_accuracy_cosine{kind}", by_angle, labels)


def linear(protocol: Protocol, representation: Representation) -> str:
    """The name of a linear probe's accuracy."""
    return f"probe/accuracy{LINEAR[protocol]}{suffix(representation)}"


def suffix(representation: Representation) -> str:
    """What is in the name of a metric of another representation than the mean."""
    return "" if representation == "mean" else f"_{representation}"


def _probe(name: str, predict: Callable[[], Predicted], truth: Labels) -> Outcome:
    found = predict()
    chose = "standardised" in name
    return Outcome(
        {name: accuracy(found.classes, truth)},
        (truth, found.classes),
        facts={f"c{name.removeprefix('probe/accuracy')}": found.c} if chose else {},
        warnings=_short_of(name, found.gradient),
    )


def _notebook(representation: Representation, latents: Latents, labels: Labels) -> Outcome:
    name = f"{linear('paper', 'mean')}_notebook{suffix(representation)}"
    found, gradient = notebooks(latents, labels)
    return Outcome({name: found}, warnings=_short_of(name, gradient))


def _splits(representation: Representation, latents: Latents, labels: Labels) -> Outcome:
    found = over_splits(latents, labels)
    name, kind = f"{linear('paper', 'mean')}_splits", suffix(representation)
    metrics = {f"{name}_mean{kind}": found.mean, f"{name}_sd{kind}": found.sd}
    return Outcome(metrics, warnings=_short_of(f"{name}_mean{kind}", found.gradient))


def _knn(name: str, predict: Callable[[], Labels], truth: Labels) -> Outcome:
    predicted = predict()
    return Outcome({name: accuracy(predicted, truth)}, (truth, predicted))


def _short_of(name: str, gradient: float) -> list[str]:
    """A line where a probe is not at its optimum."""
    if gradient <= AT_OPTIMUM:
        return []
    return [
        f"{name}: the logistic regression ended short of its optimum, where its gradient (per "
        f"image, for latents of unit variance) was still {gradient:.1g}; up to {AT_OPTIMUM:g} is "
        "taken for none"
    ]
