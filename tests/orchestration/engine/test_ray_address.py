"""What is said of a cluster that cannot be joined, before Ray is asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from orchestration.engine import ray_address
from orchestration.engine.ray_address import PREFACE, check_address, find_token
from orchestration.errors import UserError


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.setenv(name, "")  # so that what is set is taken back, too
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "http://10.0.0.1:8265"])
def test_auto_follows_the_variable_and_says_so(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"auto .RAY_ADDRESS={address}.: Ray client addresses"):
        check_address("auto")


def test_auto_is_the_cluster_that_ray_has_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked as any address is, and Ray is told of the same one."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    kept = tmp_path / "ray" / "ray_current_cluster"
    kept.parent.mkdir()
    kept.write_text("127.0.0.1:9\n")
    with pytest.raises(UserError, match=f"auto .127.0.0.1:9, by {kept}.: no Ray cluster answers"):
        check_address("auto")
    monkeypatch.delenv("RAY_ADDRESS")
    listener = Listener(bytes([0, 0, 6, 4, 0, 0, 0, 0, 0]), ends=False)
    kept.write_text(f"127.0.0.1:{listener.port}")
    check_address("auto")
    assert os.environ["RAY_ADDRESS"] == f"127.0.0.1:{listener.port}"


def test_auto_is_the_cluster_that_runs_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by its process, as Ray does; of several or none a sentence tells."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    before = ray_address._running_here()
    wait = ["raylet", "-c", "import time; time.sleep(60)", "--gcs-address=127.0.0.1:9"]
    (tmp_path / "raylet").symlink_to(sys.executable)
    own = [*wait[:3], "--gcs-address=127.0.0.1:10", "--temp_dir=/tmp/cvae-ab"]
    raylet = tmp_path / "raylet"
    with (
        subprocess.Popen(own, executable=raylet) as of_a_sweep,
        subprocess.Popen(wait, executable=raylet) as process,
    ):
        try:
            while (found := ray_address._running_here()) == before:
                assert process.poll() is None
            assert of_a_sweep.poll() is None
            assert set(found) == {*before, "127.0.0.1:9"}
            monkeypatch.setattr(ray_address, "_running_here", lambda: ["127.0.0.1:9"])
            with pytest.raises(UserError, match=r"auto .127.0.0.1:9, which runs on this machine.:"):
                check_address("auto")
        finally:
            process.kill()
            of_a_sweep.kill()
    monkeypatch.delenv("RAY_ADDRESS")
    for running, words in (
        ([], "no Ray cluster runs"),
        (["a:1", "b:1"], "several Ray clusters run"),
    ):
        monkeypatch.setattr(ray_address, "_running_here", lambda running=running: running)
        with pytest.raises(UserError, match=f"^--address auto: {words} on this machine"):
            check_address("auto")
    assert "RAY_ADDRESS" not in os.environ


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


class Listener:
    """Listens, answers each connection with the same, and ends it if told so."""

    def __init__(self, answer: bytes, *, ends: bool) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._serve, args=(answer, ends), daemon=True).start()

    def _serve(self, answer: bytes, ends: bool) -> None:
        connection, _ = self._server.accept()
        if not ends:
            self.heard = connection.recv(len(PREFACE), socket.MSG_WAITALL)
        connection.sendall(answer)
        if ends:
            connection.close()
        else:
            time.sleep(5)


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"", True),
    ],
)
def test_what_answers_there_is_no_ray(answer: bytes, ends: bool) -> None:
    port = Listener(answer, ends=ends).port
    with pytest.raises(UserError, match=r"is no Ray cluster; give the port of its head node, 6379"):
        check_address(f"127.0.0.1:{port}")


def test_a_server_of_grpc_is_left_to_ray() -> None:
    listener = Listener(bytes([0, 0, 6, 4, 0, 0, 0, 0, 0]), ends=False)
    check_address(f"127.0.0.1:{listener.port}")
    assert listener.heard.startswith(b"PRI * HTTP/2.0")


def test_what_listens_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a head that was halted."""
    monkeypatch.setattr(ray_address, "CONNECT_TIMEOUT_S", 0.3)
    port = Listener(b"", ends=False).port
    with pytest.raises(UserError, match=r"nothing answers there within 0\.3 s"):
        check_address(f"127.0.0.1:{port}")
    monkeypatch.setenv("RAY_USE_TLS", "1")
    check_address(f"127.0.0.1:{port}")
