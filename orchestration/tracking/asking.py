"""A tracking server is asked as MLflow's client asks: with its user, certificates and proxies."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.tracking.answers import in_a_sentence, refusal_in, refusal_of_answer
from orchestration.tracking.config import is_server
from orchestration.tracking.refusals import UNUSABLE, Refusal

ANSWER_S = 5.0
BY_NAME = "/api/2.0/mlflow/experiments/get-by-name"
UNKNOWN = "RESOURCE_DOES_NOT_EXIST"
MOVED = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER)
"""A client that is sent on so writes nothing there: it reads instead."""


def check_answer(address: str, experiment: str) -> None:
    """Refuse a server that answers MLflow's first question as no MLflow does.

    Args:
        address: of the server, without user and password.
        experiment: name of the one that is asked for; it need not be there.

    Raises:
        UserError: that is no answer of MLflow's, or there is none.
    """
    refusal = _bad_answer(address, experiment)
    if refusal is not None:
        raise UserError(f"{UNUSABLE}{in_a_sentence(refusal, address)}")


def _bad_answer(address: str, experiment: str) -> Refusal | None:
    try:
        response = _ask(address, BY_NAME, experiment_name=experiment)
        sent_on = next((each for each in response.history if each.status_code in MOVED), None)
        if sent_on is not None:
            return _sent_on(response.url)
        content = _content(response)
    except Exception as error:  # MLflow's own, and those of requests
        return refusal_in(error)
    if response.status_code == HTTPStatus.OK:
        found = content.get("experiment")
        if isinstance(found, dict) and found.get("experiment_id"):
            return None
    elif content.get("error_code") == UNKNOWN:
        return None
    return refusal_of_answer(response.status_code, response.text)


def version_of(address: str) -> str | None:
    """The version of the MLflow that answers there; None where it does not say."""
    try:
        response = _ask(address, "/version")
    except Exception:  # whatever it is: nothing is said
        return None
    return str(response.text).strip() if response.status_code == HTTPStatus.OK else None


def _ask(address: str, path: str, **params: str) -> Any:
    return http_request(
        get_default_host_creds(address),
        path,
        "GET",
        max_retries=0,
        timeout=ANSWER_S,
        raise_on_status=False,
        params=params,
    )


def _content(response: Any) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _sent_on(where: str) -> Refusal:
    """The path of the question is taken off, as a person gives the address without it."""
    shown, asked, _ = without_credentials(where).partition(BY_NAME)
    if asked:
        return Refusal(f"sends on to {shown}", "give that address")
    shown = shown.partition("?")[0]
    return Refusal(
        f"sends on to {shown}, which is no page of MLflow's",
        "where that is a login, give an address at which programs are let in",
    )


def without_login(uri: str) -> str:
    """A server's address without user and password, which are handed over apart from it.

    MLflow prints addresses, and writes them into its errors and logs.
    """
    parts = urlsplit(uri)
    if not is_server(uri) or parts.username is None:
        return uri
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
