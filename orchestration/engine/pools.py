"""A pool: the nodes that have one of Ray's labels, and that alone trials are placed on.

Of what Ray has for this, a label is asked for with the placement group that Tune makes for a trial,
and can also say where a trial is not to be; a custom resource can only ask, and is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from orchestration.commands import ray_start
from orchestration.errors import UserError

KEY = "pool"
"""Of the label, where a pool is named by its value alone."""
NODE_ID = "ray.io/node-id"
"""The label that Ray gives every node, and none other has."""


def label_of(pool: str) -> tuple[str, str]:
    """Key and value of the label that a pool's nodes have."""
    key, _, value = pool.rpartition("=")
    return key or KEY, value


def in_pool(node: Mapping[str, Any], pool: str | None) -> bool:
    """Whether a node is of a pool; of none: whether it is any.

    Args:
        node: as ``ray.nodes()`` lists it.
        pool: as a sweep file names it.
    """
    if pool is None:
        return True
    key, value = label_of(pool)
    return _labels(node).get(key) == value


def _labels(node: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in (node.get("Labels") or {}).items() if key != NODE_ID}


def check_pool(pool: str, nodes: Mapping[str, Mapping[str, Any]]) -> None:
    """See whether a pool has a node.

    Args:
        pool: as a sweep file names it.
        nodes: those that live, by name.

    Raises:
        UserError: it has none.
    """
    if any(in_pool(node, pool) for node in nodes.values()):
        return
    label = "=".join(label_of(pool))
    told = "; ".join(
        f"{name}: {', '.join('='.join(label) for label in sorted(_labels(node).items())) or 'none'}"
        for name, node in sorted(nodes.items())
    )
    raise UserError(
        f"resources.pool: no node has Ray's label {label} (labels there are: {told}); start nodes "
        f"with `{ray_start('--labels', label)}`, or name one of these in the sweep file"
    )


def selector(pool: str | None, avoided: Collection[str]) -> dict[str, str]:
    """Ray's label selector for the nodes that a job may be placed on; empty: any.

    Args:
        pool: as a sweep file names it.
        avoided: ids of nodes that it is not to be placed on.
    """
    asked = dict([label_of(pool)] if pool is not None else [])
    if avoided:
        asked[NODE_ID] = f"!in({','.join(sorted(avoided))})"
    return asked
