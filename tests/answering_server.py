"""A server that answers what a test says, whoever asks, and remembers who did."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

HTML = {"Content-Type": "text/html"}
PAGE = "<!DOCTYPE html><html><body>Sign in to continue to me@example.org</body></html>"
UNKNOWN = '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No such experiment"}'


@dataclass(frozen=True)
class Answer:
    """One; ``status`` 0 hangs up without a word."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


HEALTHY = Answer(200, "OK")
NEW = Answer(404, UNKNOWN)
"""As MLflow answers a question for an experiment that is not there."""


class AnsweringServer:
    """Answers ``/health`` as MLflow does unless told otherwise, and all else with one answer.

    Args:
        answer: to all else; may be changed at any time.
        health: to ``/health``.
        login: the ``Authorization`` without which all but ``/health`` is refused with 401.
    """

    def __init__(
        self, answer: Answer = NEW, *, health: Answer = HEALTHY, login: str | None = None
    ) -> None:
        self.answer, self.health = answer, health
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and ``Authorization``."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = self.headers["Authorization"]
                outer.asked.append((self.command, self.path, given))
                answer = outer.health if self.path.endswith("/health") else outer.answer
                if answer is not outer.health and login not in (None, given):
                    answer = Answer(401, "who are you?")
                if answer.status == 0:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                content = answer.text.encode()
                for name, value in {**answer.headers, "Content-Length": len(content)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> AnsweringServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
