"""A tracking server that answers badly ends a sweep before its first trial; nothing is begun."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
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
from orchestration.signals import ended_by_signals
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.terminal.console import Console
from tests.answering_server import HTML, PAGE, Answer, AnsweringServer

pytestmark = pytest.mark.slow
SECTIONS = {"name": "small", "base": {"data": {"name": "digits"}, "epochs": 1}, "baselines": False}


@pytest.mark.parametrize("answer", [Answer(401), Answer(403), Answer(200, PAGE, HTML), Answer(0)])
def test_nothing_is_begun(
    answer: Answer,
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)

    def work(*_: Any) -> None:
        raise AssertionError("a trial was begun")

    @contextmanager
    def start(run: SweepRun, processes: ProcessRecord) -> Iterator[Any]:
        yield SimpleNamespace(slots=1, work=work)

    with AnsweringServer(answer) as server, ended_by_signals() as signals:
        flags = Flags(tracking_uri=server.uri)
        spec = parse_spec(Layers(Path("small.yaml"), SECTIONS, {}))
        request = Request(spec, tmp_path / "runs", "cvae-sweep run small.yaml", flags)
        with pytest.raises(UserError) as raised:
            run_sweep(request, Console(io.StringIO()), signals, start)
    (line,) = raised.value.lines
    assert line.startswith(f"MLflow cannot be used: tracking server {server.uri} ")
    assert list(tmp_path.iterdir()) == []
