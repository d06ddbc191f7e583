"""A server is asked through a proxy as the environment says, but never one on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.place import Place
from orchestration.tracking.proxies import proxy_for, spare_loopback
from orchestration.tracking.reachable import check_reachable
from tests.answering_server import HTML, PAGE, Answer, AnsweringServer

ELSEWHERE = "http://mlflow.invalid:5000"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[AnsweringServer]:
    """One that answers with a page of its own, and is the environment's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for each in (name, name.upper()):
            monkeypatch.setenv(each, "")  # so that what is changed goes with the test
            monkeypatch.delenv(each)
    with AnsweringServer(Answer(200, PAGE, HTML), health=Answer(200, PAGE, HTML)) as server:
        monkeypatch.setenv("HTTP_PROXY", server.uri.replace("//", "//bob:s3cret@"))
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_on_this_machine_is_asked_directly(
    host: str, proxy: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By MLflow's own client as well."""
    monkeypatch.setenv("NO_PROXY", "example.org")
    with (
        AnsweringServer(Answer(500)) as server,
        pytest.raises(UserError, match=f"server http://{host}:{server.port} fails"),
    ):
        Place(f"http://{host}:{server.port}", MlflowConfig(), tmp_path).open("sweep")
    assert [path.partition("?")[0] for _, path, _ in server.asked] == [
        "/health",
        "/api/2.0/mlflow/experiments/get-by-name",
    ]
    assert proxy.asked == []
    assert os.environ["no_proxy"] == f"example.org,{host}"


@pytest.mark.slow
def test_the_proxy_is_named_and_how_to_do_without(proxy: AnsweringServer, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        Place(ELSEWHERE, MlflowConfig(), tmp_path).open("sweep")
    said = str(raised.value)
    assert f"tracking server {ELSEWHERE} through the proxy {proxy.uri} answers with a page" in said
    assert said.endswith(", or add mlflow.invalid to NO_PROXY where no proxy is needed")
    assert "s3cret" not in said
    assert "bob" not in said


def test_a_proxy_that_is_not_there(proxy: AnsweringServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(UserError) as raised:
        check_reachable(ELSEWHERE)
    said = str(raised.value)
    assert f"{ELSEWHERE} through the proxy http://127.0.0.1:9 does not answer ([Errno 111]" in said
    assert "NO_PROXY" in said


@pytest.mark.parametrize("spared", ["10.0.0.0/8", "10.1.2.3", "10.1.2.3,x", "*"])
def test_who_is_asked_directly_is_as_mlflows_client_has_it(
    spared: str, proxy: AnsweringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert proxy_for("http://10.1.2.3:5000") == os.environ["HTTP_PROXY"]
    assert proxy_for("https://10.1.2.3:5000") is None
    monkeypatch.setenv("no_proxy", spared)
    assert proxy_for("http://10.1.2.3:5000") is None
    spare_loopback("http://127.0.0.1:5000")
    assert proxy_for("http://127.0.0.1:5000") is None
    assert os.environ["no_proxy"] == (spared if spared == "*" else f"{spared},127.0.0.1")


@pytest.mark.parametrize("uri", ["http://[::1]:5000", "http://127.9.9.9", "http://a.localhost/x"])
def test_addresses_of_this_machine(uri: str, proxy: AnsweringServer) -> None:
    spare_loopback(uri)
    assert proxy_for(uri) is None
    assert proxy_for(ELSEWHERE) is not None


def test_what_is_no_address_is_said_to_be_none(proxy: AnsweringServer) -> None:
    for uri in ("http://[::1", "http://bob:s3cret@h:port"):
        with pytest.raises(UserError, match="it is no valid address"):
            check_reachable(uri)
