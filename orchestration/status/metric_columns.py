"""Which metrics stand in tables, in which order, and under which heads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cvae_core.evaluation.distances.metrics import BESIDE
from cvae_core.evaluation.metrics import METRICS, describe

HEADLINES = {
    "probe/accuracy_standardised<representation>": 1,
    "probe/accuracy": 0,
    "probe/accuracy_<representation>": 4,
    "fid/inception<variant>": 2,
    "fid/inception<variant>_floor": 3,
    "fd/<extractor>": 2,
    "fd/<extractor>_floor": 3,
    "test/reconstruction_mse": 4,
    "probe/knn_accuracy<k><representation>": 6,
    "probe/accuracy_paper": 5,
    "latent/kl": 7,
    "latent/active_units": 9,
    "test/elbo": 8,
    "test/iwae<k><n>": 8,
    "fid/inception<variant>_decoder_share": 11,
    "fd/<extractor>_decoder_share": 11,
    "umap/trustworthiness<count><map>": 10,
}
"""Families of metrics, and when their column goes where there is little room, the highest first."""
ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def headlines(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Head and rank of a column for each of the metrics that are to be seen.

    Args:
        names: of all metrics that there are.
    """
    measured = without_details(sorted(set(names)))
    columns = {}
    for family, rank in HEADLINES.items():
        metric = next(metric for metric in METRICS if metric.name == family)
        own = [name for name in measured if describe(name) is metric]
        # Figures of validation stand in for those of test where there are none.
        test = [name for name in own if not name.startswith("val/")]
        for name in test or own:
            columns[name] = (head(name), rank)
    heads = [title for title, _ in columns.values()]
    return {
        # Two extractors, or two data sets: the whole name tells them apart.
        name: (title if heads.count(title) == 1 else f"{title} {name}", rank)
        for name, (title, rank) in columns.items()
    }


def beside(asked: str, names: Iterable[str]) -> list[str]:
    """What says more of a metric that somebody asks for, such as where a distance comes from.

    Args:
        asked: its name.
        names: of all metrics that there are.
    """
    own = _without_n(asked)
    order = [own, *(f"{own}{suffix}" for suffix in BESIDE)]
    found = [name for name in sorted(set(names)) if name != asked and _without_n(name) in order]
    return sorted(found, key=lambda name: order.index(_without_n(name)))


def without_details(names: Sequence[str]) -> list[str]:
    """Without distances of fewer images that are there for the sake of sources alone."""
    details = {
        name.removesuffix("_reconstruction") for name in names if name.endswith("_reconstruction")
    }
    whole = {_without_n(name) for name in names if name not in details}
    repeated = {name for name in details if _without_n(name) in whole}
    return [name for name in names if name.removesuffix("_floor") not in repeated]


def _without_n(name: str) -> str:
    return re.sub(r"_n\d+(?=_|$)", "", name)


def head(name: str) -> str:
    """A metric's name for the head of a column: short, with what tells it from its likes."""
    metric = describe(name)
    if metric is None:
        return name
    words = [f"{key}={value}" for key, value in re.findall(r"_([nk])(\d+)", name)]
    words += [kind for kind in ("sample", "projection") if name.endswith(f"_{kind}")]
    title = metric.title
    if name.startswith("val/") and not title.startswith("val"):
        title = f"val {title}"
    return " ".join([title, *words]) + ARROWS[metric.better]
