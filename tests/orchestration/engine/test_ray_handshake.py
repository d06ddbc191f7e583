"""A cluster that cannot be joined: one sentence, before Ray tries for a minute."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from orchestration.engine import ray_handshake
from orchestration.engine.ray_handshake import greet
from orchestration.errors import UserError

FITTING = {"ray_version": ray.__version__, "python_version": platform.python_version()}


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ray_handshake, "NODE_S", 0.1)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "at a:1 asks for a token, and there is none here: copy the file ~/.ray/auth_token of"),
        ({"RAY_AUTH_MODE": "token"}, "RAY_AUTH_MODE=token, and there is no token here: copy"),
        ({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "x"}, "forbids to send one: unset"),
        ({"RAY_AUTH_TOKEN": "x"}, "a token, and does not accept the one in RAY_AUTH_TOKEN"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_AUTH_MODE", variables.get("RAY_AUTH_MODE", ""))
    # A cluster that refuses whatever it is sent; tests/e2e has a real one.
    monkeypatch.setattr(ray_handshake, "_client", lambda address: None)
    monkeypatch.setattr(ray_handshake, "_read_mode_again", lambda: None)
    with pytest.raises(UserError) as refused:
        greet("a:1")
    assert message in str(refused.value)
    assert len(refused.value.lines) == 1


class Head:
    """What a cluster's head says of itself."""

    def __init__(self, metadata: dict[str, str] | None = None, *nodes: Any) -> None:
        self._metadata = json.dumps(FITTING | (metadata or {})).encode()
        self._nodes = dict(enumerate(nodes))

    def internal_kv_get(self, *_: Any, **__: Any) -> bytes:
        return self._metadata

    def get_all_node_info(self, **_: Any) -> dict[int, Any]:
        return self._nodes


def node(address: str = "203.0.113.9", *, state: int = 0) -> Any:
    return SimpleNamespace(node_id=b"\x0a", state=state, node_manager_address=address)


def greeted(head: Head, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of a cluster; empty: it is joined."""
    monkeypatch.setattr(ray_handshake, "_client", lambda address: head)
    try:
        greet("a:1")
    except UserError as error:
        (line,) = error.lines
        return line
    return ""


@pytest.mark.parametrize("there", [{"ray_version": "2.9.0"}, {"python_version": "3.10.13"}])
def test_another_version(there: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ray itself compares them, and tells the head's."""
    said = greeted(Head(there, node("127.0.0.1")), monkeypatch)
    found, own = FITTING | there, FITTING
    assert said.startswith(
        f"the Ray cluster at a:1 has Ray {found['ray_version']} and Python "
        f"{found['python_version']}, and here are Ray {own['ray_version']} and Python "
        f"{own['python_version']}: use the same on all nodes"
    )


def test_a_python_that_differs_little_where_a_person_allows_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = Head({"python_version": f"{platform.python_version()}9"}, node("127.0.0.1"))
    assert "use the same" in greeted(head, monkeypatch)
    monkeypatch.setenv("RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL", "minor")
    assert greeted(head, monkeypatch) == ""


def test_a_machine_that_is_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes: list[str] = []
    monkeypatch.setattr("ray._private.services.find_node_ids", lambda: nodes)
    expected = "this machine is no node of the Ray cluster at a:1; run the command on one of them"
    for others in ((), (node(),), (node("127.0.0.1", state=1),)):
        assert greeted(Head(None, *others), monkeypatch).startswith(expected)
    assert greeted(Head(None, node("127.0.0.1")), monkeypatch) == ""
    nodes.append("0a")
    assert greeted(Head(None, node()), monkeypatch) == ""
    assert greeted(Head(None, node(state=1)), monkeypatch).startswith(expected)


def test_a_ray_that_does_not_say_such_things_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are none of what Ray promises."""
    assert greeted(SimpleNamespace(), monkeypatch) == ""  # type: ignore[arg-type]


def test_a_head_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def client(address: str) -> None:
        raise RuntimeError("Failed to get cluster ID\nTraceback (most recent call last)")

    monkeypatch.setattr(ray_handshake, "_raylet", lambda: SimpleNamespace(GcsClient=client))
    with pytest.raises(
        UserError, match=r"at 10\.0\.0\.1:1 does not answer \(Failed to get cluster ID\)"
    ):
        greet("10.0.0.1:1")


def test_no_cluster_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    where = "ray._private.services.canonicalize_bootstrap_address"
    monkeypatch.setattr(where, lambda *_: None)
    with pytest.raises(UserError, match="--address auto: no Ray runs on this machine"):
        greet("auto")
