"""What ends a sweep while MLflow is connected, before its first trial; nothing is begun."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cvae_core.data import Dataset
from orchestration.errors import UserError
from orchestration.ledger.processes import ProcessRecord
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ReceivedSignals, ended_by_signals
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.terminal.console import Console
from orchestration.tracking.place import Place
from tests.answering_server import HTML, PAGE, Answer, AnsweringServer

pytestmark = pytest.mark.slow
SECTIONS = {"name": "small", "base": {"data": {"name": "digits"}, "epochs": 1}, "baselines": False}


@pytest.fixture
def begin(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Flags, ReceivedSignals], int]:
    """Run a sweep to where its first trial would begin, which is a failure here."""
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)

    def work(*_: Any) -> None:
        raise AssertionError("a trial was begun")

    @contextmanager
    def start(run: SweepRun, processes: ProcessRecord) -> Iterator[Any]:
        yield SimpleNamespace(slots=1, work=work)

    def run(flags: Flags, signals: ReceivedSignals) -> int:
        spec = parse_spec(Layers(Path("small.yaml"), SECTIONS, {}))
        request = Request(spec, tmp_path / "runs", "cvae-sweep run small.yaml", flags)
        return run_sweep(request, Console(io.StringIO()), signals, start)

    return run


@pytest.mark.parametrize("answer", [Answer(401), Answer(403), Answer(200, PAGE, HTML), Answer(0)])
def test_nothing_is_begun(
    answer: Answer, tmp_path: Path, begin: Callable[[Flags, ReceivedSignals], int]
) -> None:
    with (
        AnsweringServer(answer) as server,
        ended_by_signals() as signals,
        pytest.raises(UserError) as raised,
    ):
        begin(Flags(tracking_uri=server.uri), signals)
    (line,) = raised.value.lines
    assert line.startswith(f"MLflow cannot be used: tracking server {server.uri} ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails", [True, False])
def test_a_signal_that_a_library_swallows_while_mlflow_is_connected_is_heard(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: Callable[[Flags, ReceivedSignals], int],
    *,
    fails: bool,
) -> None:
    """SQLAlchemy does so in a rollback; what it is asked next fails."""
    whole = Place.open

    def swallow(place: Place, name: str) -> Any:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        if fails:
            raise UserError("MLflow cannot be used: Can't reconnect until …")
        return whole(place, name)

    monkeypatch.setattr(Place, "open", swallow)
    with ended_by_signals() as signals, pytest.raises(KeyboardInterrupt):
        begin(Flags(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"), signals)
    assert not (tmp_path / "runs").exists()
