"""What is said of a cluster that cannot be joined, before Ray is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.engine import ray_address
from orchestration.engine.ray_address import check_address, find_token, let_in
from orchestration.errors import UserError


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "http://10.0.0.1:8265"])
def test_auto_follows_the_variable_and_says_so(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"auto .RAY_ADDRESS={address}.: Ray client addresses"):
        check_address("auto")


def test_a_token_is_found_where_ray_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_token() is None
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("\n")
    assert find_token() is None, "it is empty"
    (tmp_path / ".ray" / "auth_token").write_text("a")
    assert find_token() == "~/.ray/auth_token"
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"RAY_AUTH_TOKEN_PATH: .*none cannot be read"):
        find_token()
    (tmp_path / "none").write_text("b")
    assert find_token() == str(tmp_path / "none")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "c")
    assert find_token() == "RAY_AUTH_TOKEN"


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
    monkeypatch.setattr(ray_address, "_asks_for_token", lambda address: True)
    monkeypatch.setattr(ray_address, "_read_mode_again", lambda: None)
    with pytest.raises(UserError) as refused:
        let_in("a:1")
    assert message in str(refused.value)
    assert len(refused.value.lines) == 1
