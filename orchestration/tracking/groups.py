"""How MLflow's pages group the runs of a sweep so that no two groups look the same.

A group's colour follows from its name, by a short sum into a palette of 29; two of six groups share
theirs more often than not. The order of the settings, and whether they are looked up as parameters
or as tags, is in the sum and changes nothing else: what tells the groups apart is chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

PALETTE = 29
TAGGED = ("model", "beta", "lambda", "tau")
"""Settings that runs have as tags as well."""
MOST = 500
"""Ways that are looked at."""
Key = tuple[str, str]
"""``param`` or ``tag``, and a setting."""


def group_keys(settings: Sequence[str], trials: Iterable[Mapping[str, str]]) -> list[Key]:
    """Keys to group by, the settings in an order of their own.

    Args:
        settings: that tell the groups apart.
        trials: the parameters of each, as its run has them.
    """
    named = [{name: trial.get(name, "null") for name in settings} for trial in trials]
    groups = [dict(group) for group in {tuple(each.items()): None for each in named}]
    ways = (
        list(zip(modes, order, strict=True))
        for order in itertools.permutations(settings)
        for modes in itertools.product(*(("param", "tag")[: 1 + (n in TAGGED)] for n in order))
    )

    def alike(keys: list[Key]) -> int:
        names = (
            ",".join(f"{mode}.{name}.{group[name]}" for mode, name in keys) for group in groups
        )
        return len(groups) - len({colour(name) for name in names})

    return min(itertools.islice(ways, MOST), key=alike)


def colour(group: str) -> int:
    """Place of a group's colour in the palette, as MLflow's pages compute it."""
    low = high = 0
    for letter in group:
        low = (low + ord(letter)) % 255
        high = (high + low) % 255
    return (low | high << 8) % PALETTE
