"""Which metrics stand in tables, in which order, and under which heads."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cvae_core.evaluation.metrics import METRICS, describe

HEADLINES = {
    "probe/accuracy": 0,
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
    "umap/trustworthiness<count>": 10,
}
"""Families of metrics, and when their column goes where there is little room, the highest first."""
ARROWS = {"higher": " ↑", "lower": " ↓", None: ""}


def headlines(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Head and rank of a column for each of the metrics that are to be seen.

    Args:
        names: of all metrics that there are.
    """
    there = sorted(set(names))
    found = {}
    for family, rank in HEADLINES.items():
        metric = next(metric for metric in METRICS if metric.name == family)
        for name in there:
            if describe(name) is metric and not name.startswith("val/"):
                found[name] = (head(name), rank)
    return found


def head(name: str) -> str:
    """A metric's name for the head of a column: short, with N and the better direction."""
    metric = describe(name)
    if metric is None:
        return name
    number = re.search(r"_n(\d+)", name)
    return metric.title + (f" n={number[1]}" if number else "") + ARROWS[metric.better]
