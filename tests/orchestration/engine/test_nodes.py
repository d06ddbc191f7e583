"""Nodes that join and are gone, and what a node may answer before the first trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestration import store
from orchestration.commands import ray_start
from orchestration.engine.node_checks import PACKAGES, _required, _version, answers, problems_of
from orchestration.engine.nodes import Nodes
from orchestration.engine.placement import Placement
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.recovery import recover
from orchestration.spec.sweep import Resources
from tests.orchestration.clock import Clock
from tests.orchestration.written import Written


def node(number: int, cpus: float = 2, *, alive: bool = True, **labels: str) -> dict[str, Any]:
    """As Ray lists it."""
    return {
        "Labels": {"ray.io/node-id": f"id{number}", **labels},
        "NodeID": f"id{number}",
        "NodeManagerHostname": f"host{number}",
        "NodeManagerAddress": f"10.0.0.{number}",
        "Alive": alive,
        "Resources": {"CPU": cpus} if alive else {},
    }


def test_nodes_join_and_are_gone() -> None:
    listed, clock = [node(1, cpus=3)], Clock()
    nodes = Nodes(lambda: listed, Resources(cpu=2), None, clock)
    assert nodes.slots == 1
    listed.append(node(2, cpus=4))
    assert nodes.look() == [], "it looks once a second"
    clock.sleep(1.0)
    assert nodes.look() == ["node host2 (10.0.0.2) has joined: 3 trials at a time now"]
    clock.sleep(1.0)
    assert nodes.look() == []
    listed[0] = node(1, alive=False)
    listed.append(node(3, cpus=1))
    clock.sleep(1.0)
    gone, joined = nodes.look()
    assert gone == "node host1 (10.0.0.1) is gone"
    assert joined == "node host3 (10.0.0.3) has joined: 2 trials at a time now"
    listed[1] = node(2, alive=False)
    clock.sleep(1.0)
    (gone,) = nodes.look()
    assert gone.endswith("is gone: no node can hold a trial now; it goes on when one joins")
    assert nodes.slots == 0


def test_no_more_than_was_asked_for() -> None:
    listed, clock = [node(1)], Clock()
    nodes = Nodes(lambda: listed, Resources(cpu=1), 2, clock)
    listed.append(node(2))
    clock.sleep(1.0)
    assert nodes.look() == ["node host2 (10.0.0.2) has joined"]
    assert nodes.slots == 2


def test_of_a_pool_only_its_nodes_count_and_are_spoken_of() -> None:
    listed, clock = [node(1, cpus=4), node(2, pool="fast")], Clock()
    nodes = Nodes(lambda: listed, Resources(cpu=1, pool="fast"), None, clock)
    nodes.check()
    assert nodes.slots == 2
    listed += [node(3, cpus=4), node(4, cpus=1, pool="fast")]
    clock.sleep(1.0)
    assert nodes.look() == ["node host4 (10.0.0.4) has joined: 3 trials at a time now"]


def test_one_that_joins_is_given_nothing_before_it_is_found_fit() -> None:
    listed, clock = [node(1, cpus=1)], Clock()
    nodes = Nodes(lambda: listed, Resources(), None, clock)
    answers: dict[str, Queue[list[str]]] = {"id2": Queue(), "id3": Queue(), "id4": Queue()}
    nodes.ask_joining(lambda number: answers[number].get())
    listed += [node(2), node(3), node(4)]
    placement = Placement(nodes)
    assert nodes.look(at_once=True) == []
    assert (nodes.slots, placement.kept_from([])) == (1, ["id2", "id3", "id4"])

    def told() -> list[str]:
        """What the next look says that says anything."""
        until = time.monotonic() + 10
        while not (said := nodes.look(at_once=True)) and time.monotonic() < until:
            time.sleep(0.01)
        return said

    answers["id2"].put(["the folder cannot be read there", "other versions"])
    wrong = "the folder cannot be read there; other versions"
    assert told() == [f"node host2 (10.0.0.2) has joined, and is given nothing: {wrong}"]
    answers["id3"].put([])
    assert told() == ["node host3 (10.0.0.3) has joined: 3 trials at a time now"]
    assert (nodes.slots, placement.kept_from([])) == (3, ["id2", "id4"])
    listed[0], listed[2] = node(1, alive=False), node(3, alive=False)
    assert told()[-1].endswith("no node can hold a trial now; it goes on when one joins")
    assert nodes.slots == 0, "an unfit one is no better than none"


def test_one_that_is_left_alone_holds_nothing_unless_it_is_the_last() -> None:
    listed, clock = [node(1, cpus=4), node(2, cpus=1)], Clock()
    nodes = Nodes(lambda: listed, Resources(), None, clock)
    nodes.leave_alone(["id1"])
    assert nodes.slots == 1
    listed[1] = node(2, alive=False)
    assert nodes.look(at_once=True) == [
        "node host2 (10.0.0.2) is gone: 4 trials at a time now",
    ]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            Resources(cpu=8),
            "a trial asks for 8 CPUs and 0 GPUs, and no node has that many "
            "(host1 (10.0.0.1): 2 CPUs, 0 GPUs; host2 (10.0.0.2): 4 CPUs, 0 GPUs); lower resources",
        ),
        (
            Resources(cpu=4, pool="slow"),
            "and no node of the pool slow has that many (host1 (10.0.0.1): 2 CPUs, 0 GPUs); lower",
        ),
        (
            Resources(pool="fast"),
            "resources.pool: no node has Ray's label pool=fast (labels there are: "
            "host1 (10.0.0.1): pool=slow, zone=b; host2 (10.0.0.2): none); start nodes with "
            f"`{ray_start('--labels', 'pool=fast')}`, or name one of these in the sweep file",
        ),
    ],
)
def test_where_no_node_can_hold_a_trial_it_is_said_what_there_is(
    resources: Resources, said: str
) -> None:
    listed = [node(1, zone="b", pool="slow"), node(2, cpus=4), node(3, cpus=64, alive=False)]
    with pytest.raises(UserError) as refused:
        Nodes(lambda: listed, resources, None).check()
    assert said in str(refused.value)


class Killed(BaseException):
    """The command is no more: nothing that it still meant to do is done."""


def test_what_is_asked_of_nodes_does_not_stay_where_the_command_is_killed(
    written: Callable[..., Written], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, number = written().ledger.folder, "ab" * 28

    class Here:
        """A node that answers, whereupon the command is killed."""

        def __init__(self, look: Callable[..., object]) -> None:
            self._look = look

        def options(self, **_: object) -> Here:
            return self

        def remote(self, *given: object) -> None:
            self._look(*given)
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ray, "nodes", lambda: [node(1) | {"NodeID": number}])
        patch.setattr(ray, "remote", lambda **_: Here)
        context = SimpleNamespace(get_node_id=lambda: number)
        patch.setattr(ray, "get_runtime_context", lambda: context)
        patch.setattr(store, "remove", lambda _: None)
        with pytest.raises(Killed):
            answers(folder)
    left = [path for path in folder.iterdir() if path.is_file() and path.name.startswith(".")]
    assert sorted(path.name.count(number) for path in left) == [0, 1]
    recover(Ledger.open(folder))
    assert not any(path.exists() for path in left)


FIT: dict[str, Any] = {
    "id": "a",
    "read": "yes",
    "wrote": True,
    "write_error": "",
    "seen": True,
    "versions": {name: _version(name) for name in PACKAGES},
    "memory": 8 * 10**9,
    "disk": 50 * 10**9,
    "temporary": "/tmp",
    "skew_s": 0.2,
}
FOLDER = Path("/shared/runs/small")


def test_a_fit_node() -> None:
    assert problems_of(FIT, FOLDER) == []


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        ({"read": "No such file or directory"}, "cannot be read there (No such file or directory)"),
        ({"read": "it has another content"}, "every node has to see /shared/runs as the same"),
        ({"wrote": False, "write_error": "Read-only file system"}, "(Read-only file system)"),
        ({"seen": False}, "what it writes into /shared/runs/small is not seen here"),
        ({"memory": 10**8}, "100.0 MB of memory are free"),
        ({"disk": 10**6}, "1.0 MB are free in its temporary folder /tmp"),
        ({"skew_s": -3600.0}, "its clock differs by -3600 s"),
        ({"versions": {"torch": "1.0"}}, "other versions: torch 1.0 (here 2."),
        ({"versions": {"cvae-sweep": "0.0.1"}}, "there, or send it with --ship-code"),
        ({"versions": {"cvae-sweep": None}}, "cvae-sweep is not installed in its Python"),
    ],
)
def test_what_is_wrong_is_named(differing: dict[str, Any], said: str) -> None:
    (problem,) = problems_of(FIT | differing, FOLDER)
    assert said in problem


def test_all_of_it_at_once() -> None:
    problems = problems_of(FIT | {"seen": False, "memory": 0, "skew_s": 100.0}, FOLDER)
    assert len(problems) == 3
    assert problems_of({"silent": "it did not answer within 60 s"}, FOLDER) == [
        "it did not answer within 60 s"
    ]


def test_a_node_that_is_sent_this_package_needs_what_that_depends_on() -> None:
    versions = {name: _version(name) for name in (*PACKAGES, *_required())}
    assert {"pydantic", "ray", "mlflow", "optuna"} <= versions.keys()

    def said(**others: str | None) -> list[str]:
        found = FIT | {"versions": versions | {"cvae-sweep": None} | others}
        return problems_of(found, FOLDER, shipped=True)

    assert said() == []
    assert said(**{"cvae-sweep": "0.0.1"}) == []
    (old,) = said(torch="1.0")
    assert "other versions: torch 1.0 (here" in old
    (missing,) = said(pydantic=None)
    assert f"pydantic is missing (here {versions['pydantic']})" in missing
    assert "pip install" in missing
    assert (
        "cvae-sweep is not installed"
        in problems_of(FIT | {"versions": versions | {"cvae-sweep": None}}, FOLDER)[0]
    )
