"""What a metric is, and the names that it has on validation and of other numbers of images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

PIXEL_SCALE = ("data.value_range", "data.divisor")
"""Settings that change what an error of pixels measures."""


@dataclass(frozen=True)
class Metric:
    """One metric, or a family of them whose names differ in ``<…>``."""

    name: str
    title: str
    """A few letters, for the head of a column."""
    definition: str
    better: Literal["higher", "lower"] | None
    """None where neither is."""
    unit: str = ""
    source: str = ""
    depends: tuple[str, ...] = ()
    """Settings and groups that change what it measures: where they differ, it compares nothing."""
    depends_cvae: tuple[str, ...] = ()
    """The same, of a contrastive VAE alone."""
    depends_augmented: tuple[str, ...] = ()
    """The same, of trials that are trained on views (``augment``) alone."""
    places: Mapping[str, str] = field(default_factory=dict, hash=False)
    """By each ``<…>`` of the name, the regular expression of what may stand there."""
    stand_in: str = "val/probe_accuracy"
    """What a search, for which the evaluation comes too late, looks at in its place."""

    def changed_by(
        self, names: Iterable[str], *, contrastive: bool, augmented: bool = False
    ) -> list[str]:
        """Those of the settings (dotted names) that change what it measures.

        Args:
            names: of settings in which trials differ.
            contrastive: whether a contrastive VAE is among the trials.
            augmented: whether one that is trained on views is.
        """
        depends = (
            *self.depends,
            *(self.depends_cvae if contrastive else ()),
            *(self.depends_augmented if augmented else ()),
        )
        return [name for name in names if any(f"{name}.".startswith(f"{d}.") for d in depends)]

    def matches(self, name: str) -> bool:
        """Whether a metric's name is of this family."""
        return self._pattern.fullmatch(name) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern = re.escape(self.name)
        for place, expression in self.places.items():
            pattern = pattern.replace(re.escape(place), expression)
        return re.compile(pattern)


def on_validation(name: str) -> str:
    """The name that a metric of test has where it is measured on validation.

    ``fd/mnist-cnn`` becomes ``val/fd_mnist-cnn``, ``test/elbo`` becomes ``val/elbo``.
    """
    group, _, rest = name.partition("/")
    return f"val/{rest}" if group == "test" else f"val/{group}_{rest}"


def variant(name: str, count: int, usual: int = 10_000) -> str:
    """The name of a metric of N images: as it is where N is the usual one, else with N in it."""
    return name if count == usual else f"{name}_n{count}"
