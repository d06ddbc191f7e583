"""Where a job is not placed again, and which nodes are left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from ray._private.label_utils import validate_label_selector

from orchestration.engine.nodes import Nodes
from orchestration.engine.placement import Placement, worn_out
from orchestration.engine.pools import selector
from orchestration.engine.trial_actor import resources_of
from orchestration.spec.sweep import Resources
from tests.orchestration.engine.test_nodes import node

A, B, C = (f"host{n} (10.0.0.{n})" for n in (1, 2, 3))


@dataclass
class Job:
    """As much of one as is looked at."""

    key: str


@pytest.fixture
def listed() -> list[dict[str, Any]]:
    return [node(1), node(2), node(3)]


@pytest.fixture
def nodes(listed: list[dict[str, Any]]) -> Nodes:
    return Nodes(lambda: listed, Resources(), None)


def died(placement: Placement, node: str, *keys: str) -> list[str]:
    """What is said when trials die there one after another."""
    return [line for key in keys for line in placement.died(Job(key), node)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lost_on", "node"),
    [([], ""), ([A], ""), ([A, A], A), ([B, A, A], A), ([A, A, B], ""), ([A, B, A], "")],
)
def test_a_node_is_worn_out_when_two_attempts_in_a_row_were_lost_there(
    lost_on: list[str], node: str
) -> None:
    assert worn_out(lost_on) == node


def test_where_it_was_lost_is_not_always_known() -> None:
    assert worn_out(["", ""]) == ""
    assert worn_out([A, ""]) == ""


def test_a_job_is_kept_from_such_a_node_as_long_as_there_are_others(
    nodes: Nodes, listed: list[dict[str, Any]]
) -> None:
    placement = Placement(nodes)
    assert placement.kept_from([A]) == []
    assert placement.kept_from([A, A]) == ["id1"]
    assert not placement.in_vain(["id1"])
    listed[1:] = [node(2, alive=False), node(3, cpus=0)]
    nodes.look(at_once=True)
    assert placement.in_vain(["id1"]), "the others are gone, or too small"
    assert placement.kept_from([A, A]) == []
    listed.append(node(4))
    nodes.look(at_once=True)
    assert not placement.in_vain(["id1"])


def test_where_no_node_is_left_a_job_waits_for_one_that_joins(
    nodes: Nodes, listed: list[dict[str, Any]]
) -> None:
    listed[:] = [node(n, alive=False) for n in (1, 2, 3)]
    nodes.look(at_once=True)
    assert not Placement(nodes).in_vain(["id1"])


def test_three_trials_that_die_in_a_row_are_enough(nodes: Nodes) -> None:
    placement = Placement(nodes)
    assert died(placement, A, "one", "two", "two", "one") == []
    assert died(placement, A, "three", "four") == [
        f"node {A} is left alone for the rest of the run, for 3 trials in a row died there: "
        "4 trials at a time now"
    ]
    assert placement.kept_from([]) == ["id1"]
    assert placement.kept_from([B, B]) == ["id1", "id2"]


def test_one_that_comes_to_its_end_breaks_the_row(nodes: Nodes) -> None:
    placement = Placement(nodes)
    died(placement, A, "one", "two")
    placement.ended(A)
    assert died(placement, A, "three", "four") == []
    assert died(placement, B, "three") == []
    assert died(placement, A, "five"), "what dies elsewhere has no part in it"


def test_the_only_node_is_not_left_alone(nodes: Nodes, listed: list[dict[str, Any]]) -> None:
    placement = Placement(nodes)
    del listed[2]
    nodes.look(at_once=True)
    assert died(placement, A, "one", "two", "three")
    assert died(placement, B, "one", "two", "three", "four") == []
    assert placement.kept_from([B, B]) == ["id1"], "the one that is left alone comes last"
    del listed[1]
    nodes.look(at_once=True)
    assert placement.kept_from([]) == []


def test_a_node_that_dies_itself_begins_anew(nodes: Nodes, listed: list[dict[str, Any]]) -> None:
    placement = Placement(nodes)
    listed[0] = node(1, alive=False)
    nodes.look(at_once=True)
    assert died(placement, A, "one", "two", "three") == []
    listed[0] = node(1) | {"NodeID": "id9"}
    nodes.look(at_once=True)
    assert died(placement, A, "four", "five") == []
    assert placement.kept_from([]) == []


def test_what_is_noted_of_a_worker(nodes: Nodes) -> None:
    placement = Placement(nodes)
    assert placement.node("id2") == {"node": B}
    assert placement.at("10.0.0.2") == {"host": "host2", "node": B}
    assert (placement.node("id7"), placement.at("10.0.0.7"), placement.at("")) == ({}, {}, {})


def test_of_a_machine_alone_nothing_is_decided() -> None:
    placement = Placement(None)
    assert placement.kept_from([A, A]) == []
    assert died(placement, A, "one", "two", "three") == []
    assert (placement.node("id1"), placement.at("10.0.0.1")) == ({}, {})
    assert not placement.in_vain(["id1"])


@pytest.mark.parametrize(
    ("pool", "avoided", "asked"),
    [
        (None, "", {}),
        ("fast", "", {"pool": "fast"}),
        ("zone=b", "", {"zone": "b"}),
        ("ray.io/node-group=big", "", {"ray.io/node-group": "big"}),
        (None, "b,a", {"ray.io/node-id": "!in(a,b)"}),
        ("fast", "a", {"pool": "fast", "ray.io/node-id": "!in(a)"}),
    ],
)
def test_what_ray_is_asked(pool: str | None, avoided: str, asked: dict[str, str]) -> None:
    assert selector(pool, avoided.split(",") if avoided else []) == asked
    assert validate_label_selector(asked) is None
    request = resources_of({"CPU": 2}, pool, {"job": "", "avoided": avoided})
    assert request.bundles == [{"CPU": 2.0}]
    same = resources_of({"CPU": 2}, pool, {"job": "another", "avoided": avoided})
    assert hash(request) == hash(same), "its actor may take another job up"
    assert request == same
    assert request._bound.arguments.get("bundle_label_selector", [{}]) == [asked]
