"""A server that answers as no MLflow does is refused in a sentence that says what to do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger
from orchestration.tracking import thread as thread_module
from orchestration.tracking.answers import refusal_in
from orchestration.tracking.asking import version_of
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.place import Place
from orchestration.tracking.syncer import Syncer
from orchestration.tracking.thread import TrackingThread, reason_of
from tests.answering_server import HTML, NEW, PAGE, Answer, AnsweringServer

pytestmark = pytest.mark.slow  # MLflow is imported

LOGIN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
FAILING = (
    *(Answer(500, "Internal Server Error"), Answer(500, PAGE, HTML), Answer(503)),
    Answer(500, '{"error_code": "INTERNAL_ERROR", "message": "(psycopg2) no connection"}'),
)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No user, no proxy, no file of MLflow's or netrc."""
    for name in ("USERNAME", "PASSWORD", "TOKEN", "AUTH"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for each in (name, name.upper()):
            monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def place(uri: str, storage: Path) -> Place:
    return Place(uri, MlflowConfig(), storage)


def refused(answer: Answer, storage: Path) -> str:
    """What is said of a server that answers so."""
    with AnsweringServer(answer) as server:
        began = time.monotonic()
        with pytest.raises(UserError) as raised:
            place(server.uri, storage).open("sweep")
        assert time.monotonic() - began < 10
        assert {method for method, _, _ in server.asked} == {"GET"}, "nothing was written"
    (line,) = raised.value.lines
    before = f"MLflow cannot be used: tracking server {server.uri} "
    assert line.startswith(before)
    assert "\n" not in line
    assert "<" not in line
    assert len(line) < 400
    return line.removeprefix(before)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("text", ["", PAGE, '{"message": "no"}'])
def test_one_that_asks_who_it_is(status: int, text: str, tmp_path: Path) -> None:
    said = refused(Answer(status, text), tmp_path)
    assert said.startswith(f"asks for a user and password, or a token (HTTP {status} ")
    assert said.endswith(f"; {LOGIN}")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, "does not accept who asks (HTTP 401 "), (403, "forbids that to the one who asks (HTTP")],
)
@pytest.mark.parametrize("token", [False, True])
def test_one_that_knows_who_it_is(
    status: int, expected: str, token: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if token:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")
    said = refused(Answer(status, "Permission denied"), tmp_path)
    assert said.startswith(expected)
    assert "Permission denied" in said
    assert "MLFLOW_TRACKING_USERNAME" in said
    assert "s3cret" not in said


def test_a_mlflow_that_does_not_go_by_that_name(tmp_path: Path) -> None:
    text = "Invalid Host header - possible DNS rebinding attack detected"
    said = refused(Answer(403, text), tmp_path)
    assert said.endswith("; start it with --allowed-hosts HOST:PORT of the address that is used")


@pytest.mark.parametrize("answer", FAILING)
def test_one_that_fails(answer: Answer, tmp_path: Path) -> None:
    said = refused(answer, tmp_path)
    assert said.startswith(f"fails (HTTP {answer.status} ")
    assert "see its log" in said
    assert ("no connection" in said) == ("psycopg2" in answer.text)


def test_a_page_of_a_proxy(tmp_path: Path) -> None:
    said = refused(Answer(200, PAGE, HTML), tmp_path)
    assert said.startswith("answers with a page for people (HTTP 200 OK) where MLflow has data; ")
    assert "give MLflow's own address" in said


@pytest.mark.parametrize("answer", [Answer(404, PAGE, HTML), Answer(404, "no"), Answer(418)])
def test_another_program(answer: Answer, tmp_path: Path) -> None:
    assert "address" in refused(answer, tmp_path).partition("; ")[2]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"status": "fine"}', "OK"])
def test_one_that_says_nothing_of_experiments(text: str, tmp_path: Path) -> None:
    """MLflow's client takes most of these for an experiment without a name."""
    assert refused(Answer(200, text), tmp_path).startswith("answers as MLflow does not")


def test_one_that_hangs_up(tmp_path: Path) -> None:
    assert "does not answer (Remote end closed" in refused(Answer(0), tmp_path)


def test_one_that_sends_on(tmp_path: Path) -> None:
    """Written is nothing where a client is sent on: it would read instead."""
    with AnsweringServer(NEW) as real:
        path = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=sweep"
        moved = Answer(301, headers={"Location": f"{real.uri}/below{path}"})
        assert refused(moved, tmp_path) == f"sends on to {real.uri}/below; give that address"
    with AnsweringServer(Answer(200, PAGE, HTML)) as login:
        moved = Answer(302, headers={"Location": f"{login.uri}/login?next=%2Fapi"})
        said = refused(moved, tmp_path)
    assert said.startswith(f"sends on to {login.uri}/login, which is no page of MLflow's; ")


def test_one_that_is_sent_on_as_it_asked_is_none_of_these(tmp_path: Path) -> None:
    path = "/api/2.0/mlflow/experiments/get-by-name"
    with (
        AnsweringServer(NEW) as real,
        AnsweringServer(Answer(308, headers={"Location": real.uri + path})) as server,
        pytest.raises(UserError, match="No such experiment"),
    ):
        place(server.uri, tmp_path).open("sweep")
    assert [method for method, _, _ in real.asked] == ["GET", "GET", "POST"]


def test_what_goes_wrong_later_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_module, "MOST_S", 0.02)
    ledger = Ledger.create(
        tmp_path / "sweep", Sweep(name="sweep", sweep_id="s", created=1e9, spec={}, plan=[])
    )
    said: list[str] = []
    with AnsweringServer(Answer(200, PAGE, HTML)) as server:
        thread = TrackingThread(Syncer(place(server.uri, tmp_path), ledger), said.append)
        thread.start()
        until = time.monotonic() + 20
        for answer in (server.answer, Answer(401), *FAILING):
            server.answer, asked = answer, len(server.asked)
            while len(server.asked) < asked + 3 and time.monotonic() < until:
                time.sleep(0.01)
        assert not thread.finish(20)
    (line,) = said
    assert line.startswith(f"MLflow is behind: tracking server {server.uri} answers with a page")
    assert line.endswith("; training goes on")
    assert "<" not in line


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(401, PAGE, HTML), "its server asks for a user and password, or a token (HTTP 401"),
        (Answer(403, "Permission denied"), "its server asks for"),
        (Answer(403, '{"error_code": "PERMISSION_DENIED", "message": "x"}'), "its server asks for"),
        (Answer(500, PAGE, HTML), "its server fails (HTTP 500 Internal Server Error); see its log"),
        (Answer(502), "its server fails (HTTP 502 Bad Gateway); see its log"),
        (Answer(200, PAGE, HTML), "its server answers with a page for people (HTTP 200 OK) where"),
        (Answer(404, PAGE, HTML), "its server answers with a page for people (HTTP 404 Not Found)"),
        (Answer(413, PAGE, HTML), "its server takes nothing as large as that (HTTP 413 "),
        (Answer(429), "its server asks for fewer requests (HTTP 429 Too Many Requests); wait"),
        (Answer(0), "its server does not answer (Remote end closed connection without response)"),
        (
            Answer(400, '{"error_code": "INVALID_PARAMETER_VALUE", "message": "too long"}'),
            "INVALID_PARAMETER_VALUE: too long",
        ),
    ],
)
def test_what_mlflows_client_makes_of_such_answers_is_put_in_words(
    answer: Answer, expected: str
) -> None:
    """The client itself cites whole pages, and of errors that it would repeat no status."""
    with AnsweringServer(answer) as server:
        client = MlflowClient(server.uri)
        with pytest.raises(MlflowException) as raised:
            client.search_runs(["1"])
    assert reason_of(raised.value).startswith(expected)
    assert "<" not in reason_of(raised.value)


def test_artifacts_are_told_of_by_requests_itself() -> None:
    with AnsweringServer(Answer(403, PAGE, HTML)) as server:
        response = requests.get(server.uri, timeout=5)
    with pytest.raises(requests.HTTPError) as raised:
        response.raise_for_status()
    assert reason_of(raised.value).startswith("its server asks for a user and password")


def test_errors_that_are_of_no_server() -> None:
    assert refusal_in(ValueError("database is locked")) is None
    error = UserError("MLflow cannot be used: database is locked")
    assert reason_of(error) == "database is locked"


def test_the_version_is_asked_for_by_the_one_who_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with users tells nobody else; views depend on it."""
    with AnsweringServer(Answer(200, "3.17.2"), login="Bearer s3cret") as server:
        assert version_of(server.uri) is None
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
        assert version_of(server.uri) == "3.17.2"
    assert version_of(server.uri) is None
