"""Whether something answers where MLflow is said to be, found out in seconds.

MLflow's own client would wait for minutes, and so would a database's.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.sqlite import sqlite_path
from orchestration.tracking.answers import in_a_sentence, no_answer, refusal_of_answer
from orchestration.tracking.config import is_server
from orchestration.tracking.proxies import proxy_for, spare_loopback
from orchestration.tracking.refusals import Refusal

PROBE_TIMEOUT_S = 5.0
PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""Of databases where the address names none."""


def check_reachable(uri: str) -> None:
    """Refuse a tracking URI behind which nothing answers.

    Of a server an answer to ``GET URI/health`` is wanted: one that was halted, or whose machine is
    at its end, still accepts connections. Of another database only that it listens.

    Raises:
        UserError: nothing answers there, or the database's folder cannot be written to.
    """
    path = sqlite_path(uri)
    if path is not None:
        _check_sqlite(path)
        return
    try:
        if is_server(uri):
            spare_loopback(uri)
            refusal = _ask(uri)
        else:
            refusal = None
            _connect(uri)
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        if isinstance(error, ValueError):  # it may quote a password
            reason = "it is no valid address"
        refusal = no_answer(reason)
    if refusal is not None:
        raise UserError(in_a_sentence(refusal, uri))


def _ask(uri: str) -> Refusal | None:
    """Wait for any answer but one that says that nobody is there to answer.

    No user and password are sent, so that it does not matter yet whose certificate is shown, and
    a server that asks for them is there.
    """
    parts = urlsplit(without_credentials(uri))
    address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/health"
    _ = parts.port  # raises where it is none, which a proxy would be sent all the same
    proxy = proxy_for(address)
    if proxy is not None and proxy.startswith("socks"):
        return None  # MLflow's own client knows how
    by = urllib.request.ProxyHandler({} if proxy is None else {parts.scheme: proxy})
    unverified = ssl._create_unverified_context()  # noqa: S323 - see above
    https = urllib.request.HTTPSHandler(context=unverified)
    try:
        urllib.request.build_opener(https, by).open(address, timeout=PROBE_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return refusal_of_answer(error.code, "")
    return None


def _connect(uri: str) -> None:
    parts = urlsplit(without_credentials(uri))
    port = parts.port or PORTS.get(parts.scheme.partition("+")[0])
    if parts.hostname is not None and port is not None:
        socket.create_connection((parts.hostname, port), PROBE_TIMEOUT_S).close()


def _check_sqlite(path: Path) -> None:
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
        raise UserError(f"tracking database {path}: cannot be written there")
