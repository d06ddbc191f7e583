"""What a part of the evaluation declares of itself.

A declaration is cheap to import, for sweep files are checked against it. The part's computation
lies in a module of its own, which is imported where it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from cvae_core.evaluation.metric import Metric


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
    """For the images judged; None: it depends so much on the data that every estimate measures it.
    """
    once: Seconds = Seconds()
    """For the training images: what the first trial of a data set needs besides."""
    prepares: bool = False
    """Whether the first one of a data set does work that all others then find done."""
    version: int = 1
    """Raised whenever its arithmetic changes: it is then measured again."""
    latents: bool = False
    """Whether latent means are all that it needs, which every model has."""
    curves: bool = False
    """Whether it looks at the records of the trial's epochs."""
    paths: tuple[str, ...] = ()
    """Settings that name files."""
