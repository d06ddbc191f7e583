"""The nodes of a cluster that was joined: they join, leave and die while a sweep is worked on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestration.plan.slots import Node, count_slots
from orchestration.spec.sweep import Resources
from orchestration.words import count

LOOK_EVERY_S = 1.0


class Nodes:
    """The nodes that live, and how many trials they can be given.

    Args:
        listed: every node that there ever was, as ``ray.nodes()`` says.
        resources: of one trial.
        max_concurrent: most trials at once; None: as many as fit.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        listed: Callable[[], Iterable[Mapping[str, Any]]],
        resources: Resources,
        max_concurrent: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listed = listed
        self._resources = resources
        self._max_concurrent = max_concurrent
        self._clock = clock
        self._looked_at = clock()
        self.alive = self._alive()
        """Names by id."""
        self.slots = self._slots

    @property
    def _slots(self) -> int:
        return count_slots(self._sizes.values(), self._resources, self._max_concurrent)

    def _alive(self) -> dict[str, str]:
        nodes = {node["NodeID"]: node for node in self._listed() if node["Alive"]}
        self._sizes = {
            number: Node(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))
            for number, node in nodes.items()
        }
        return {number: name_of(node) for number, node in nodes.items()}

    def look(self) -> list[str]:
        """What has changed since the last look, a line each; most calls do not look at all."""
        if self._clock() - self._looked_at < LOOK_EVERY_S:
            return []
        self._looked_at = self._clock()
        before, slots = self.alive, self.slots
        self.alive = self._alive()
        self.slots = self._slots
        left = [
            f"node {name} is gone" for number, name in before.items() if number not in self.alive
        ]
        joined = [f"node {name} has joined" for n, name in self.alive.items() if n not in before]
        changed = [*left, *joined]
        if changed and self.slots != slots:
            changed[-1] += f": {self.at_a_time}"
        return changed

    @property
    def at_a_time(self) -> str:
        """How many trials run at once from now on, in words."""
        if self.slots == 0:
            return "no node can hold a trial now; it goes on when one joins"
        return f"{count(self.slots, 'trial')} at a time now"


def name_of(node: Mapping[str, Any]) -> str:
    """What people call a node; several on one machine are told apart by their address.

    Args:
        node: as ``ray.nodes()`` lists it.
    """
    host, address = node.get("NodeManagerHostname") or "", node.get("NodeManagerAddress") or ""
    return f"{host} ({address})" if host and address and host != address else host or address
