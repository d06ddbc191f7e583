"""The nodes that a sweep has run on, and trials that went on on other machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestration.ledger.documents import Attempt, Trial
from orchestration.status.nodes import (
    MOST_LINES,
    counted,
    node_lines,
    nodes_document,
    nodes_line,
)
from tests.orchestration.written import Written

A, B = "host1 (10.0.0.1)", "host2 (10.0.0.2)"


def trial(key: str, *nodes: str, state: str = "finished") -> Trial:
    """One that was lost on all of these but the last; an empty one is not known."""
    attempts = [
        Attempt(
            number=number,
            from_epoch=0,
            began=0.0,
            outcome="lost" if number < len(nodes) else None,
            worker={"node": node} if node else {"host": "laptop"},
        )
        for number, node in enumerate(nodes, start=1)
    ]
    return Trial(key=key, config={}, state=state, attempts=attempts)  # type: ignore[arg-type]


TRIALS = [
    trial("1", A),
    trial("2", A, A, B, state="running"),
    trial("3", B),
    trial("4", "", B),
    trial("5", state="pending"),
]
NODES = [
    {"node": A, "trials": 1, "running": 0, "lost": 2},
    {"node": B, "trials": 3, "running": 1, "lost": 0},
]


def test_trials_of_each_node_and_what_was_lost_there() -> None:
    assert nodes_document(TRIALS, alive=True) == NODES
    resting = nodes_document(TRIALS, alive=False)
    assert [node["running"] for node in resting] == [0, 0]
    assert node_lines({"nodes": NODES}) == [
        f"node {A}: 1 trial, lost 2 times",
        f"node {B}: 3 trials, 1 running",
    ]


def test_where_there_are_not_several_nothing_is_said() -> None:
    for trials in ([], [trial("1", A), trial("2", A, A)], [trial("1", ""), trial("2", "", "")]):
        assert nodes_document(trials, alive=True) == []
    assert node_lines({"nodes": []}) == []
    assert nodes_line([]) == ""


def test_a_node_on_which_all_was_lost_is_shown() -> None:
    (first, second) = nodes_document([trial("1", A, B)], alive=True)
    assert (first["trials"], first["lost"], second["trials"]) == (0, 1, 1)


def test_of_many_nodes_those_come_first_on_which_most_was_lost() -> None:
    here = [(f"n{number:02}", False) for number in range(MOST_LINES + 5)]
    nodes = counted(here, Counter({"n13": 2}))
    lines = node_lines({"nodes": [vars(each) for each in nodes]})
    assert len(lines) == MOST_LINES + 1
    assert lines[0] == "node n13: 1 trial, lost 2 times"
    assert lines[-1] == "and 5 other nodes"
    assert nodes_line(nodes).startswith("nodes: n13: 1 trial, lost 2 times; n00: 1 trial; n01: ")


def test_status_and_compare_say_it(
    tmp_path: Path, written: Callable[..., Written], command: Callable[..., Any]
) -> None:
    made = written("small")
    stay, first, second, third = (
        made.trial(model=model, beta=beta) for beta in (1e-3, 1e-4) for model in ("vae", "cvae")
    )
    for number, each in enumerate((first, second, third)):
        (begun,) = each.attempts
        begun.worker |= {"processor": "Xeon", "node": A}
        worker = begun.worker | {"processor": "EPYC", "node": B}
        again = begun.model_copy(update={"number": 2, "from_epoch": 2, "worker": worker})
        begun.reached, begun.outcome = 2, "lost" if number else "interrupted"
        each.attempts.append(again)
        made.ledger.save(each)

    def said(*words: str) -> list[str]:
        lines: list[str] = command(
            tmp_path, *words, "small", "--storage", str(tmp_path)
        ).stdout.splitlines()
        return lines

    line = (
        "3 trials went on where sums may end in other last digits: "
        f"{first.key} (processor Xeon → EPYC), {second.key}, {third.key}"
    )
    assert line in said("compare")
    lines = said("status")
    assert line in lines
    assert [each for each in lines if each.startswith("node ")] == [
        f"node {A}: 0 trials, lost 2 times",
        f"node {B}: 3 trials",
    ]
    found = json.loads("\n".join(said("status", "--json")))
    assert [node["node"] for node in found["nodes"]] == [A, B]
    warned = {each["key"]: each["warnings"].get("machine") for each in found["trials"]}
    assert warned == {stay.key: None} | {
        each.key: ["processor Xeon → EPYC"] for each in (first, second, third)
    }
