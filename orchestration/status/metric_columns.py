"""Which metrics stand in tables, in which order, and under which heads."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
    "umap/trustworthiness<count><map>": 10,
}
"""Families of metrics, and when their column goes where there is little room, the highest first."""
ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def headlines(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Head and rank of a column for each of the metrics that are to be seen.

    Args:
        names: of all metrics that there are.
    """
    measured = sorted(set(names))
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
