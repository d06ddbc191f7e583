"""The nodes of a cluster that was joined: they join, leave and die while a sweep is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from orchestration.engine.pools import check_pool, in_pool
from orchestration.errors import UserError
from orchestration.plan.slots import Node, count_slots
from orchestration.spec.sweep import Resources
from orchestration.words import count

LOOK_EVERY_S = 1.0
Ask = Callable[[str], Sequence[str]]
"""What is wrong with the node of an id, which may take a minute."""


class Nodes:
    """The nodes that live, and how many trials they can be given.

    Those that are not of the pool are none of a sweep's.

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
        self.names: dict[str, str] = {}
        """By id, of all that there ever were."""
        self._hosts: dict[str, dict[str, str]] = {}
        """By address, what is noted of an attempt there."""
        self.left_alone: set[str] = set()
        """Ids of those that are given nothing more, as long as there are others."""
        self._ask: Ask | None = None
        self._said: dict[str, Sequence[str] | None] = {}
        """What is wrong with those that have joined, by id; None: they are still being asked."""
        self._asked: list[str] = []
        """Ids of those of which nothing was told yet."""
        self.alive = self._alive()
        """Names by id."""
        self.slots = self._slots

    def ask_joining(self, ask: Ask) -> None:
        """From now on a node that joins is given nothing before nothing is found wrong with it."""
        self._ask = ask

    @property
    def kept_out(self) -> set[str]:
        """Ids of those that live and are given nothing, whether or not there are others."""
        return {number for number in self.alive if self._said.get(number, ()) != ()}

    @property
    def fitting(self) -> dict[str, str]:
        """Those that live and can hold a trial."""
        kept_out = self.kept_out
        return {
            number: self.alive[number]
            for number, size in self._sizes.items()
            if number not in kept_out and count_slots([size], self._resources, None)
        }

    @property
    def _slots(self) -> int:
        fitting = self.fitting
        # One that was left alone is better than none.
        used = fitting.keys() - self.left_alone or fitting.keys()
        sizes = [self._sizes[number] for number in used]
        return count_slots(sizes, self._resources, self._max_concurrent)

    def _alive(self) -> dict[str, str]:
        listed = sorted(self._listed(), key=lambda node: bool(node["Alive"]))
        for node in listed:  # of two that had an address the one that lives comes last
            name = self.names[node["NodeID"]] = name_of(node)
            host = node.get("NodeManagerHostname") or ""
            self._hosts[node.get("NodeManagerAddress") or ""] = {"host": host, "node": name}
        nodes = {node["NodeID"]: node for node in listed if self._is_ours(node)}
        self._sizes = {number: _size(node) for number, node in nodes.items()}
        return {number: self.names[number] for number in nodes}

    def _is_ours(self, node: Mapping[str, Any]) -> bool:
        return bool(node["Alive"]) and in_pool(node, self._resources.pool)

    def at(self, address: str) -> dict[str, str]:
        """What is noted of an attempt on the node with this address; nothing: there is none."""
        return dict(self._hosts.get(address, {}))

    def look(self, *, at_once: bool = False) -> list[str]:
        """What has changed since the last look, a line each; most calls do not look at all.

        Args:
            at_once: look, however short ago the last one was.
        """
        if not at_once and self._clock() - self._looked_at < LOOK_EVERY_S:
            return []
        self._looked_at = self._clock()
        before, slots = self.alive, self.slots
        self.alive = self._alive()
        new = [number for number in self.alive if number not in before]
        if self._ask is not None:
            for number in new:
                self._said[number] = None
                threading.Thread(target=self._find_out, args=(number,), daemon=True).start()
            self._asked = [n for n in (*self._asked, *new) if n in self.alive]
            new = [n for n in self._asked if self._said[n] is not None]
            self._asked = [n for n in self._asked if n not in new]
        self.slots = self._slots
        left = [
            f"node {name} is gone" for number, name in before.items() if number not in self.alive
        ]
        changed = [*left, *(f"node {self._welcome(number)}" for number in new)]
        if changed and self.slots != slots:
            changed[-1] += f": {self.at_a_time}"
        return changed

    def _find_out(self, number: str) -> None:
        assert self._ask is not None  # noqa: S101 - it began this thread
        try:
            self._said[number] = tuple(self._ask(number))
        except Exception as error:  # Ray's, of a node that has gone, or those of the folder
            self._said[number] = (str(error).splitlines()[0],)

    def _welcome(self, number: str) -> str:
        wrong = self._said.get(number)
        if not wrong:
            return f"{self.alive[number]} has joined"
        return f"{self.alive[number]} has joined, and is given nothing: {'; '.join(wrong)}"

    def leave_alone(self, numbers: Iterable[str]) -> None:
        """Give these nodes nothing more, as long as there are others."""
        self.left_alone.update(numbers)
        self.slots = self._slots

    @property
    def at_a_time(self) -> str:
        """How many trials run at once from now on, in words."""
        if self.slots == 0:
            return "no node can hold a trial now; it goes on when one joins"
        return f"{count(self.slots, 'trial')} at a time now"

    def check(self) -> None:
        """See whether any node can hold a trial.

        Raises:
            UserError: none is of the pool, or all that are have too few CPUs or GPUs.
        """
        alive = [node for node in self._listed() if node["Alive"]]
        pool = self._resources.pool
        if pool is not None:
            check_pool(pool, {name_of(node): node for node in alive})
        if self.slots:
            return
        sizes = [
            f"{self.alive[number]}: {size.cpus:g} CPUs, {size.gpus:g} GPUs"
            for number, size in self._sizes.items()
        ]
        whose = "no node" if pool is None else f"no node of the pool {pool}"
        raise UserError(
            f"a trial asks for {self._resources.cpu} CPUs and {self._resources.gpu:g} GPUs, and "
            f"{whose} has that many ({'; '.join(sizes) or 'there is none'}); lower resources: in "
            "the sweep file"
        )


def _size(node: Mapping[str, Any]) -> Node:
    return Node(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))


def name_of(node: Mapping[str, Any]) -> str:
    """What people call a node; several on one machine are told apart by their address.

    Args:
        node: as ``ray.nodes()`` lists it.
    """
    host, address = node.get("NodeManagerHostname") or "", node.get("NodeManagerAddress") or ""
    return f"{host} ({address})" if host and address and host != address else host or address
