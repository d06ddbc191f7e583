"""Answers of a tracking server that are none of MLflow's: what they are, and what to do about them.

MLflow's client says such things in a paragraph, often with a whole page of somebody else's.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from http import HTTPStatus
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from orchestration.redact import without_credentials, without_secrets
from orchestration.tracking.config import is_server
from orchestration.tracking.proxies import proxy_for
from orchestration.tracking.refusals import CHOOSE, Refusal

LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
LONGEST = 120
"""Characters of what a server says."""
REFUSED = re.compile(r"failed with error code (\d+) != \d+\. Response body: '(.*)'", re.DOTALL)
REPEATED = re.compile(r"too many (\d{3}) error responses")
NO_JSON = re.compile(r"not in a valid JSON format\. Response body: '(.*)'", re.DOTALL)
BROKEN = re.compile(r"^API request to \S+ failed with (timeout )?exception (.*)", re.DOTALL)
CAUSE = re.compile(
    r"\[Errno -?\d+\] [\w ]+|Tunnel connection failed: \d+ [\w ]+|Remote end closed [\w ]+"
)
TOLD = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
"""Codes of MLflow's own errors that say who is let in."""


def refusal_in(error: Exception) -> Refusal | None:
    """What a server has answered, where an error of MLflow's client tells of that; None: of else.

    Args:
        error: of MLflow's client, or of requests.
    """
    response: Any = getattr(error, "response", None)  # of requests itself: artifacts
    if hasattr(response, "status_code"):
        return refusal_of_answer(response.status_code, response.text)
    said = str(error)
    if getattr(error, "error_code", None) in TOLD and isinstance(getattr(error, "json", 0), dict):
        return refusal_of_answer(_status_of(error), said)
    if answered := REFUSED.search(said):
        return refusal_of_answer(int(answered[1]), answered[2])
    if repeated := REPEATED.search(said):
        return refusal_of_answer(int(repeated[1]), "")
    if page := NO_JSON.search(said):
        return refusal_of_answer(HTTPStatus.OK, page[1])
    if broken := BROKEN.search(said):
        return no_answer("timed out" if broken[1] else broken[2])
    return None


def refusal_of_answer(status: int, text: str) -> Refusal:
    """An answer that is none of MLflow's.

    Args:
        status: of HTTP.
        text: of the answer.
    """
    what, words = _named(status), _words(text)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _not_let_in(status, text)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return no_answer(what)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refusal(
            f"fails ({what}{words})",
            "see its log, or that of a proxy before it, and whether its database is up",
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refusal(
            f"takes nothing as large as that ({what})",
            "have the proxy before it take more (nginx: client_max_body_size)",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refusal(f"asks for fewer requests ({what})", "wait, or have its limit raised")
    if _is_page(text):
        return Refusal(
            f"answers with a page for people ({what}) where MLflow has data",
            "a proxy, its login or another program answers there: give MLflow's own address",
        )
    if status == HTTPStatus.OK:
        return Refusal(f"answers as MLflow does not{words or ', with nothing'}", _elsewhere())
    return Refusal(f"answers as MLflow does not ({what}{words})", _elsewhere())


def in_a_sentence(refusal: Refusal, uri: str) -> str:
    """Who has refused, by which proxy, and what to do.

    Args:
        refusal: of a server, or of a database by an address.
        uri: of it.
    """
    proxy = proxy_for(uri) if is_server(uri) else None
    server = f"tracking server {without_credentials(uri)}"
    if proxy is None:
        return f"{server} {refusal.reason}; {refusal.advice}"
    host = urlsplit(without_credentials(uri)).hostname
    return (
        f"{server} through the proxy {without_credentials(proxy)} {refusal.reason}; "
        f"{refusal.advice}, or add {host} to NO_PROXY where no proxy is needed"
    )


def _not_let_in(status: int, text: str) -> Refusal:
    said = f"{_named(status)}{_words(text)}"
    if "Invalid Host" in text:
        return Refusal(
            f"does not go by the name that it was asked by ({said})",
            "start it with --allowed-hosts HOST:PORT of the address that is used",
        )
    if not _gives_login():
        return Refusal(f"asks for a user and password, or a token ({said})", f"set {LOGIN}")
    if status == HTTPStatus.UNAUTHORIZED:
        return Refusal(f"does not accept who asks ({said})", f"correct {LOGIN}")
    return Refusal(
        f"forbids that to the one who asks ({said})",
        f"have it allowed there, or give another one by {LOGIN}",
    )


def _elsewhere() -> str:
    return f"check the address, a path in it as well, or {CHOOSE}"


def no_answer(said: str) -> Refusal:
    """Nobody has answered; what is at fault on the way is named.

    Args:
        said: by whoever has tried.
    """
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return Refusal(
            "shows a certificate that is not trusted here",
            "name that of its authority with MLFLOW_TRACKING_SERVER_CERT_PATH",
        )
    cause = CAUSE.search(said)
    told = cause[0] if cause else shorten(without_secrets(said), LONGEST, placeholder="…")
    if "timed out" in said:
        told = "timed out"
    if "407" in told:
        return Refusal(
            f"is not reached: the proxy asks for a user and password ({told})",
            "put them into HTTP_PROXY and HTTPS_PROXY, as http://USER:PASSWORD@HOST:PORT",
        )
    return Refusal(f"does not answer ({told})", f"start it, or {CHOOSE}")


def _named(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _words(text: str) -> str:
    """The beginning of what a server says to people; nothing where it is a page, or empty."""
    with suppress(ValueError):
        content = json.loads(text)
        text = str(content.get("message") or "") if isinstance(content, dict) else ""
    if _is_page(text) or not text.strip():
        return ""
    first = without_secrets(text).strip().splitlines()[0]
    return f": {shorten(first, LONGEST, placeholder='…')}"


def _is_page(text: str) -> bool:
    return text.lstrip()[:1] == "<"


def _status_of(error: Any) -> int:
    return int(error.get_http_status_code())


def _gives_login() -> bool:
    """Whether MLflow's client says who it is: by the environment, or its own file."""
    from mlflow.utils.credentials import get_default_host_creds

    known = get_default_host_creds("http://server")
    pair = known.username and known.password
    return bool(pair or known.token or known.auth or known.aws_sigv4)
