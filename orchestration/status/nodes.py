"""The nodes of a cluster that a sweep has run on: trials on each, and what was lost there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestration.ledger.documents import Trial
from orchestration.ledger.machines import node_of
from orchestration.words import count

MOST_LINES = 10


@dataclass
class NodeCounts:
    """One node."""

    node: str
    trials: int = 0
    """Whose last attempt was there."""
    running: int = 0
    """Of those, such as are trained there now."""
    lost: int = 0
    """Attempts that came to nothing there."""

    def text(self) -> str:
        """Such as ``3 trials, 1 running, lost 2 times``."""
        words = [count(self.trials, "trial")]
        words += [f"{self.running} running"] if self.running else []
        words += [f"lost {count(self.lost, 'time')}"] if self.lost else []
        return ", ".join(words)


def counted(
    trials: Iterable[tuple[str, bool]], lost: Counter[str], least: int = 2
) -> list[NodeCounts]:
    """Nodes by their names; nothing where there are fewer than ``least``.

    Args:
        trials: the node of each, and whether it is running; empty names are none.
        lost: attempts that came to nothing, by node.
        least: nodes that there have to be.
    """
    nodes = {node: NodeCounts(node, lost=n) for node, n in lost.items() if node}
    for node, running in trials:
        if node:
            here = nodes.setdefault(node, NodeCounts(node))
            here.trials += 1
            here.running += running
    return sorted(nodes.values(), key=lambda each: each.node) if len(nodes) >= least else []


def lost_on(trials: Iterable[Trial]) -> Counter[str]:
    """How many attempts came to nothing on each node."""
    attempts = (attempt for trial in trials for attempt in trial.attempts)
    return Counter(node_of(attempt) for attempt in attempts if attempt.outcome == "lost")


def nodes_document(trials: Sequence[Trial], *, alive: bool) -> list[dict[str, Any]]:
    """The nodes as ``status --json`` prints them; none where a sweep ran on one alone.

    Args:
        trials: of the sweep.
        alive: whether a driver is at work; without one nothing runs.
    """
    last = [
        (node_of(trial.attempts[-1]), alive and trial.state == "running")
        for trial in trials
        if trial.attempts
    ]
    return [asdict(each) for each in counted(last, lost_on(trials))]


def node_lines(document: dict[str, Any]) -> list[str]:
    """A line a node, those first on which most was lost.

    Args:
        document: as ``status --json`` prints it.
    """
    nodes = sorted((NodeCounts(**each) for each in document["nodes"]), key=lambda n: -n.lost)
    lines = [f"node {each.node}: {each.text()}" for each in nodes[:MOST_LINES]]
    others = len(nodes) - MOST_LINES
    return [*lines, f"and {count(others, 'other node')}"] if others > 0 else lines


def nodes_line(nodes: Sequence[NodeCounts]) -> str:
    """All of them in one line; empty where there are none."""
    shown = sorted(nodes, key=lambda each: -each.lost)
    return "nodes: " + "; ".join(f"{each.node}: {each.text()}" for each in shown) if nodes else ""
