"""What ``ui`` says and refuses; that it serves is in ``tests/e2e/test_ui.py``."""

from __future__ import annotations

import http.server
import io
import os
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger
from orchestration.terminal.console import Console
from orchestration.tracking.addresses import (
    base_url,
    check_can_listen,
    is_loopback,
    names_of,
)
from orchestration.tracking.health import is_mlflow
from orchestration.tracking.pages import how_to_look, sweep_pages
from orchestration.tracking.ui import UiRequest, run_ui

pytestmark = pytest.mark.slow

SORTED = "?orderByKey=metrics.%60probe/accuracy%60&orderByAsc=false"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("MLFLOW", "CVAE")):
            monkeypatch.delenv(name)


def make_sweep(storage: Path, name: str, number: int, uri: str | None = None) -> Sweep:
    sweep = Sweep(
        name=name,
        sweep_id=name,
        created=0.0,
        spec={},
        plan=[],
        experiment_id=str(number),
        tracking_uri=uri or f"sqlite:///{storage.resolve()}/mlflow.db",
    )
    Ledger.create(storage / name, sweep)
    os.utime(storage / name / "sweep.json", (number, number))
    return sweep


@contextmanager
def listening(answer: bytes = b"OK") -> Iterator[int]:
    """The port of a server that answers everything so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def said(request: UiRequest) -> str:
    out = io.StringIO()
    assert run_ui(request, Console(out)) == 0
    return out.getvalue()


def test_nothing_is_started_where_a_server_runs(tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    with listening() as port:
        uri = f"http://127.0.0.1:{port}"
        make_sweep(storage, "there", 7, uri)
        make_sweep(storage, "elsewhere", 8)
        out = said(UiRequest(storage, f"http://me:secret@127.0.0.1:{port}/"))
        assert "secret" not in out
        assert "elsewhere" not in out
        out = said(UiRequest(storage, uri))
    assert f"there  {uri}/#/experiments/7/runs" in out
    with pytest.raises(UserError, match="does not answer"):
        run_ui(UiRequest(storage, uri), Console(io.StringIO()))


def test_at_most_ten_pages_the_latest_first(tmp_path: Path) -> None:
    with listening() as port:
        uri = f"http://127.0.0.1:{port}"
        for number in range(12):
            make_sweep(tmp_path, f"s{number}", 1000 + number, uri)
        (tmp_path / "s5" / "sweep.json").write_text("{")
        out = said(UiRequest(tmp_path, uri))
    names = re.findall(r"^  (s\d+)", out, re.MULTILINE)
    assert names == ["s11", "s10", "s9", "s8", "s7", "s6", "s4", "s3", "s2", "s1"]
    assert "1 older" in out


def test_without_a_database_it_says_what_to_type(tmp_path: Path) -> None:
    before = list(tmp_path.iterdir())
    expected = r"no sweep has been run in .* runs; .*cvae-sweep run sweeps/digits_beta\.yaml"
    with pytest.raises(UserError, match=expected):
        run_ui(UiRequest(Path("runs")), Console())
    assert list(tmp_path.iterdir()) == before
    make_sweep(tmp_path / "runs", "there", 1, "http://tracking:5000")
    with pytest.raises(UserError, match=r"`.*cvae-sweep ui --tracking-uri http://tracking:5000`"):
        run_ui(UiRequest(Path("runs")), Console())


def test_a_taken_port_and_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with listening() as port:
        assert is_mlflow(f"http://127.0.0.1:{port}")
        first = offered(port)
        with socket.socket() as taken_too:
            taken_too.bind(("127.0.0.1", first))
            taken_too.listen()
            assert offered(port) not in (port, first)
    check_can_listen("127.0.0.1", port)


def offered(port: int) -> int:
    with pytest.raises(UserError, match="an MLflow listens there already") as error:
        check_can_listen("127.0.0.1", port)
    found = re.search(r"--port (\d+) or set MLFLOW_PORT=\1$", str(error.value))
    assert found
    return int(found[1])


def test_a_port_that_something_else_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.tracking.health.TIMEOUT_S", 0.5)
    with listening(b"hello") as port, pytest.raises(UserError, match="something else") as error:
        check_can_listen("localhost", port)
    assert "may be the address" not in str(error.value)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        with pytest.raises(UserError, match="something else"):
            check_can_listen("127.0.0.1", silent.getsockname()[1])
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("host", ["203.0.113.5", "no.such.host.invalid", "a b"])
def test_a_host_of_another_machine(host: str) -> None:
    with pytest.raises(UserError, match=rf"{host}.*--host 127\.0\.0\.1"):
        check_can_listen(host, 5000)


def test_names_and_addresses() -> None:
    assert base_url("127.0.0.1", 5000) == "http://127.0.0.1:5000"
    assert base_url("0.0.0.0", 5000) == "http://127.0.0.1:5000"
    assert base_url("::", 81) == "http://[::1]:81"
    assert [is_loopback(host) for host in ("127.0.0.1", "localhost", "127.3.2.1")] == [True] * 3
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("192.0.2.1")
    assert names_of("192.0.2.1") == ["192.0.2.1"]
    assert {"127.0.0.1", "localhost", socket.gethostname()} <= set(names_of("0.0.0.0"))


def test_how_to_look_names_only_the_options_that_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(sweep: Sweep, storage: Path) -> list[str]:
        command = how_to_look(sweep, storage)[0].removeprefix("MLflow:  ")
        return shlex.split(command)[1:]

    runs, other = Path("runs"), Path("other folder")
    sweep = make_sweep(runs, "a", 3)
    assert arguments(sweep, runs) == ["ui"]
    assert how_to_look(sweep, runs)[1].endswith(
        "then http://127.0.0.1:5000/#/experiments/3/runs" + SORTED
    )
    sweep = make_sweep(other, "a", 3)
    assert arguments(sweep, other) == ["ui", "--storage", "other folder"]
    monkeypatch.setenv("CVAE_SWEEP_STORAGE", str(other))
    assert arguments(sweep, other) == ["ui"]
    sweep = make_sweep(other, "a", 3, "postgresql://host/db")
    assert arguments(sweep, other) == ["ui", "--tracking-uri", "postgresql://host/db"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/db")
    assert arguments(sweep, other) == ["ui"]
    sweep = make_sweep(other, "a", 4, "https://tracking/")
    assert how_to_look(sweep, other)[0] == "MLflow:  https://tracking/#/experiments/4/runs" + SORTED
    Path("mlflow.yaml").write_text("ui: {port: 81}")
    sweep = make_sweep(runs, "a", 3)
    assert "http://127.0.0.1:81/#" in how_to_look(sweep, runs)[1]


def test_trials_of_a_search_are_sorted_by_its_objective(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path, "a", 3)
    objective = {"metric": "val/reconstruction", "direction": "minimize"}
    sweep.spec = {"search": {"objectives": [objective]}}
    _, address, hint = how_to_look(sweep, tmp_path)
    assert address.endswith("?orderByKey=metrics.%60val/reconstruction%60&orderByAsc=true")
    assert "the best val/reconstruction first" in hint


def test_pages_of_sweeps_that_mlflow_does_not_know_yet(tmp_path: Path) -> None:
    Ledger.create(tmp_path / "new", Sweep(name="new", sweep_id="1", created=0, spec={}, plan=[]))
    assert sweep_pages(tmp_path) == []
    assert sweep_pages(tmp_path / "nothing") == []
