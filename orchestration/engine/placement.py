"""Which nodes a job is kept from, because it or others were lost there. Ray does the placing."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.engine.jobs import Assignment, SharedMapJob, jobs_in
from orchestration.engine.nodes import Nodes
from orchestration.words import count

MOST_TIMES = 2
"""So often in a row a job is lost on one node before it is tried on another."""
MOST_TRIALS = 3
"""So many different trials in a row die on a node before it is left alone."""


def worn_out(lost_on: Sequence[str]) -> str:
    """The node that a job is to be kept from; empty: there is none.

    Args:
        lost_on: names of the nodes on which it was lost in a row, the last one last; empty where
            that is not known.
    """
    last = lost_on[-MOST_TIMES:]
    return last[0] if len(last) == MOST_TIMES and len(set(last)) == 1 else ""


class Placement:
    """Takes notice of what becomes of jobs on the nodes of a cluster.

    Args:
        nodes: of the cluster; None: a machine alone, of which nothing is decided.
    """

    def __init__(self, nodes: Nodes | None) -> None:
        self._nodes = nodes
        self._died: dict[str, set[str]] = {}
        """Trials that died in a row, by the name of their node."""

    def node(self, number: str) -> dict[str, str]:
        """What is noted of a worker on the node of this id."""
        name = self._nodes.names.get(number) if self._nodes else None
        return {"node": name} if name else {}

    def at(self, address: str) -> dict[str, str]:
        """What is noted of a worker on the node of this address, of which nothing else is known."""
        return self._nodes.at(address) if self._nodes else {}

    def kept_from(self, lost_on: Sequence[str]) -> list[str]:
        """Ids of the nodes that a job is not to be placed on now; some other can always hold it.

        Args:
            lost_on: as for ``worn_out``.
        """
        if self._nodes is None:
            return []
        fitting, worn = self._nodes.fitting, worn_out(lost_on)
        alone = fitting.keys() & self._nodes.left_alone
        own = {number for number, name in fitting.items() if name == worn}
        for avoided in (alone | own, alone):
            if avoided < fitting.keys():
                return sorted(avoided | self._nodes.kept_out)
        return sorted(self._nodes.kept_out)

    def in_vain(self, avoided: Sequence[str]) -> bool:
        """Whether a job waits for nodes that are gone, while one that it is kept from lives.

        Args:
            avoided: ids that it was handed out with.
        """
        fitting = self._nodes.fitting if self._nodes and avoided else {}
        return bool(fitting) and fitting.keys() <= set(avoided)

    def ended(self, node: str) -> None:
        """A job has come to its end on the node of this name, well or by a fault of its own."""
        self._died.pop(node, None)

    def died(self, task: Assignment, node: str) -> list[str]:
        """A worker has died under a job on the node of this name.

        Returns:
            A line that says so, where the node is left alone from now on.
        """
        if self._nodes is None or not node:
            return []
        fitting = self._nodes.fitting
        here = {number for number, name in fitting.items() if name == node}
        if not here:  # the node itself is gone; one that takes its place begins anew
            self._died.pop(node, None)
            return []
        trials = self._died.setdefault(node, set())
        first = jobs_in(task)[0]  # a pack dies once
        trials.add(first.entry if isinstance(first, SharedMapJob) else first.key)
        others = fitting.keys() - here - self._nodes.left_alone
        if len(trials) < MOST_TRIALS or not others or here <= self._nodes.left_alone:
            return []
        self._nodes.leave_alone(here)
        return [
            f"node {node} is left alone for the rest of the run, for {count(len(trials), 'trial')} "
            f"in a row died there: {self._nodes.at_a_time}"
        ]
