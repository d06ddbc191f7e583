"""Protocols of linear probes: on which latents, scaled how, and with which penalty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.probes.optimum import Fitted, deviations, fitted

PAPER_TRAIN_SHARE = 0.8
NOTEBOOK_STATE = 42
"""``random_state`` of the split in the notebook that the paper's authors released."""
SPLITS = 20
SPLIT_TOLERANCE = 1e-5
"""Looser, as there are so many: a tenth of what is taken for no gradient."""
CHOICES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Values of C among which the standardised protocol chooses."""
CHOSEN_ON = 5_000
"""Images that it chooses on: four fifths are fitted, the others decide. Of as many images an
optimum is found in no time."""

Latents = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Predicted:
    """Classes that a probe has predicted."""

    classes: Labels
    gradient: float
    """How far the probe is from its optimum; see ``Fitted``."""
    c: float = 1.0


@dataclass(frozen=True)
class Splits:
    """Accuracies of the paper's protocol over many splits."""

    mean: float
    sd: float
    """Standard deviation over the splits (n - 1)."""
    gradient: float
    """The largest of all probes."""


def standard(fit: Latents, labels: Labels, score: Latents) -> Predicted:
    """C = 1, latents as they are.

    Args:
        fit: (N, D).
        labels: (N,), of two classes or more.
        score: (M, D).
    """
    probe = fitted(fit, labels, start=_near(fit, labels))
    return Predicted(probe.predictions(score), probe.gradient)


def _near(fit: Latents, labels: Labels) -> Fitted | None:
    """The optimum of the first images, from where that of many more is a step or two away."""
    few = slice(CHOSEN_ON)
    if len(fit) <= 2 * CHOSEN_ON or len(np.unique(labels[few])) < 2:
        return None
    return fitted(fit[few], labels[few])


def standardised(fit: Latents, labels: Labels, score: Latents) -> Predicted:
    """Every dimension at unit variance, and the C that does best on images held out from fitting.

    The scale of the latents, which follows β, then changes nothing.

    Args:
        fit: (N, D), in a random order.
        labels: (N,), of two classes or more.
        score: (M, D).
    """
    scale = deviations(fit)
    scale[scale == 0] = 1
    c, start = _chosen_c(fit, labels, scale)
    probe = fitted(fit, labels, scale=scale, c=c, start=start)
    return Predicted(probe.predictions(score), probe.gradient, c)


def _chosen_c(
    fit: Latents, labels: Labels, scale: NDArray[np.float64]
) -> tuple[float, Fitted | None]:
    """Of equally good ones the smallest; 1 where there are too few images to choose."""
    count = min(len(fit), CHOSEN_ON)
    cut = round(PAPER_TRAIN_SHARE * count)
    held_out = np.arange(cut, count)[np.isin(labels[cut:count], labels[:cut])]
    if len(np.unique(labels[:cut])) < 2 or not len(held_out):
        return 1.0, None
    probe, tried = None, []
    for c in CHOICES:
        probe = fitted(fit[:cut], labels[:cut], scale=scale, c=c, start=probe)
        tried.append((probe.log_loss(fit[held_out], labels[held_out]), c, probe))
    _, c, probe = min(tried, key=lambda each: each[:2])
    return c, probe


def notebooks(latents: Latents, labels: Labels) -> tuple[float, float]:
    """Accuracy by the paper's protocol with the notebook's own split, and the probe's gradient.

    Args:
        latents: (M, D), of the images judged.
        labels: (M,).
    """
    return _of_split(latents, labels, NOTEBOOK_STATE)


def over_splits(latents: Latents, labels: Labels) -> Splits:
    """The paper's protocol with ``SPLITS`` splits.

    Args:
        latents: (M, D), of the images judged.
        labels: (M,).
    """
    # Any split's optimum is close to that of all images: a step or two away.
    start = fitted(latents, labels)
    found = [_of_split(latents, labels, state, start) for state in range(SPLITS)]
    accuracies = [accuracy for accuracy, _ in found]
    return Splits(
        mean=float(np.mean(accuracies)),
        sd=float(np.std(accuracies, ddof=1)),
        gradient=max(gradient for _, gradient in found),
    )


def _of_split(
    latents: Latents, labels: Labels, state: int, start: Fitted | None = None
) -> tuple[float, float]:
    """Accuracy and gradient; of few images all that are fitted may be of one class."""
    first, rest = notebook_split(len(latents), state)
    if len(np.unique(labels[first])) == 1:
        return float((labels[rest] == labels[first[0]]).mean()), 0.0
    probe = fitted(latents[first], labels[first], start=start, tolerance=SPLIT_TOLERANCE)
    return float((probe.predictions(latents[rest]) == labels[rest]).mean()), probe.gradient


def notebook_split(count: int, state: int) -> tuple[Labels, Labels]:
    """Indices of the 80 % that are fitted and of the 20 % that are scored, as scikit-learn splits.

    Args:
        count: of images.
        state: its ``random_state``.
    """
    from sklearn.model_selection import train_test_split

    first, rest = train_test_split(np.arange(count), test_size=0.2, random_state=state)
    return first, rest


def paper_split(count: int) -> tuple[Labels, Labels]:
    """Indices of the 80 % that ``probe/accuracy_paper`` is fitted on, and of the 20 % it scores.

    The split is random with a fixed seed, the same for every trial.
    """
    order = np.random.default_rng(0).permutation(count)
    fit, score = np.split(order, [round(PAPER_TRAIN_SHARE * count)])
    return fit, score
