"""Asking a server, in seconds, whether it is an MLflow."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 3.0


def health(uri: str) -> tuple[int, str]:
    """Status and beginning of the answer to ``GET URI/health``; redirections are not followed,
    and no proxy is asked that the environment names.

    Args:
        uri: of the server.

    Raises:
        OSError: nobody answers in time.
        ValueError: that is no address.
        http.client.HTTPException: what answers does not speak HTTP.
    """
    parts = urlsplit(uri)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/health", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(100).decode(errors="replace").strip()
    finally:
        connection.close()


def is_mlflow(uri: str) -> bool:
    """Whether an MLflow answers there."""
    try:
        return health(uri) == (200, "OK")
    except (OSError, ValueError, http.client.HTTPException):
        return False
