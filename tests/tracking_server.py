"""A real MLflow server that can be killed, halted and started again, and a guard before it."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE_S = 90.0


class TrackingServer:
    """``mlflow server``: runs in a database, artifacts taken by HTTP, in one folder.

    Args:
        folder: of its files.
        host: the address that it listens on.
        database: SQLAlchemy's address of one; None: SQLite in the folder.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", database: str | None = None) -> None:
        self.folder = folder
        self._host = host
        self._database = database or f"sqlite:///{folder}/mlflow.db"
        with socket.socket() as probe:
            probe.bind((host, 0))
            self.port = int(probe.getsockname()[1])
        self.uri = f"http://{host}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it, also again; its runs and artifacts are what they were."""
        self.folder.mkdir(exist_ok=True, parents=True)
        own = {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONSAFEPATH": "1",
        }
        places = ["--backend-store-uri", self._database]
        places += ["--artifacts-destination", str(self.folder / "artifacts")]
        listen = ["--host", self._host, "--port", str(self.port), "--workers", "1"]
        listen += ["--allowed-hosts", f"{self._host}:{self.port}"]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *places, *listen],
                env={k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")} | own,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it answers."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return
            except OSError:
                assert self._process is not None and self._process.poll() is None
                assert time.monotonic() < until, (self.folder / "log.txt").read_text()
                time.sleep(0.1)

    def halt(self) -> None:
        """Let it accept connections and answer none."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it and its workers at once; nothing where it does not run."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)  # its own group: it was started in a new session


class Guard:
    """Lets requests through to a server that have the right user and password."""

    def __init__(self, server: TrackingServer, user: str, password: str) -> None:
        right = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        refused: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path != "/health" and self.headers["Authorization"] != right:
                    refused.append(self.path)
                    self._answer(401, b"who are you?", {})
                    return
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                kept = ("content-type", "accept", "user-agent")
                headers = {k: v for k, v in self.headers.items() if k.lower() in kept}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                kind = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
                self._answer(answer.status, content, kind)
                connection.close()

            def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self.refused = refused
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.uri = f"http://127.0.0.1:{port}"
        self.uri_with_password = f"http://{user}:{password}@127.0.0.1:{port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
