"""Whether MLflow is there is found out in seconds, whatever it is that does not answer."""

from __future__ import annotations

import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.tracking import reachable
from orchestration.tracking.reachable import check_reachable


@pytest.mark.parametrize(
    "uri", ["http://me:secret@127.0.0.1:9", "https://127.0.0.1:9/x", "http://127.0.0.1:99999"]
)
def test_a_server_that_does_not_answer(uri: str) -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=r"127\.0\.0\.1.*does not answer") as raised:
        check_reachable(uri)
    assert time.monotonic() - began < 7
    assert "secret" not in str(raised.value)


def test_a_server_that_listens_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was halted, or whose machine is at its end."""
    monkeypatch.setattr(reachable, "PROBE_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match="does not answer"):
            check_reachable(f"http://127.0.0.1:{port}")
        check_reachable(f"postgresql://127.0.0.1:{port}/mlflow")


@pytest.mark.parametrize(
    ("status", "there"), [(200, True), (401, True), (404, True), (500, False), (503, False)]
)
def test_any_answer_but_that_nobody_is_there(status: int, there: bool) -> None:
    """A proxy answers for a server that is down; one that asks for a password is there."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        uri = f"http://me:secret@127.0.0.1:{server.server_address[1]}/below/"
        if there:
            check_reachable(uri)
        else:
            with pytest.raises(UserError, match=f"HTTP {status}") as raised:
                check_reachable(uri)
            assert "secret" not in str(raised.value)
        server.shutdown()
    assert asked == [("/below/health", None)]


def test_databases(tmp_path: Path) -> None:
    check_reachable(f"sqlite:///{tmp_path}/not/yet/there/mlflow.db")
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").write_text("")
    for place in ("file/mlflow.db", ""):
        with pytest.raises(UserError, match="cannot be written"):
            check_reachable(f"sqlite:///{tmp_path}/{place}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be written"):
        check_reachable(f"sqlite:///{tmp_path}/mlflow.db")
