"""What a part of the evaluation declares of itself.

A declaration is cheap to import, for sweep files are checked against it. The part's computation
lies in a module of its own, which is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cvae_core.evaluation.metric import Metric

UNTRAINED = "the decoder is not trained (weights.reconstruction: 0)"
"""Why a figure or picture of decoded images is not there."""
UNCONTRASTED = "the projection head is not trained (lambda: 0)"
"""Why a figure of projections is not there."""


@dataclass(frozen=True)
class Seconds:
    """How long something takes on one core of the machine that this was measured on."""

    fixed: float = 0.0
    per_thousand: float = 0.0
    """Besides, for every 1,000 images."""

    def of(self, images: int) -> float:
        """Seconds with so many images."""
        return self.fixed + self.per_thousand * images / 1000


@dataclass(frozen=True)
class Part:
    """One part: its settings, its metrics, and where it is computed."""

    name: str
    """In sweep files, and of its folder among a trial's files."""
    module: str
    """With ``evaluate(subject, settings)``."""
    settings: type
    """They are not part of a trial's key. One with ``identity=False`` changes nothing of what is
    found of one trial."""
    on: bool
    """Unless a sweep file says otherwise."""
    title: str
    metrics: tuple[Metric, ...] = ()
    """Under the names that they have on test."""
    seconds: Seconds | None = None
    """For the images looked at; None: it depends so much on the data that every estimate measures
    it."""
    images: Callable[[Any, int], int] | None = None
    """How many images it looks at with these settings where so many are judged; None: 10,000 at
    most."""
    once: Seconds = Seconds()
    """What the first trial of a data set needs besides, for the images that it looks at then."""
    first: Callable[[Any, int, int], int] | None = None
    """How many those are, with these settings, of so many judged and training images; None: the
    training images."""
    prepares: bool = False
    """Whether the first one of a data set does work that all others then find done."""
    version: int = 1
    """Raised whenever its arithmetic changes: it is then measured again."""
    additions: int = 0
    """Raised whenever metrics join that no setting asks for: ``evaluate`` then adds them to trials
    that were measured before; a sweep that is done stays done."""
    latents: bool = False
    """Whether latent means are all that it needs, which every model has."""
    posterior: bool = False
    """Whether it needs more of a latent than its mean, which no baseline has."""
    curves: bool = False
    """Whether it looks at the records of the trial's epochs."""
    decodes: bool = False
    """Whether it judges decoded images alone, so that it is absent where no decoder is trained."""
    paths: tuple[str, ...] = ()
    """Settings that name files."""
