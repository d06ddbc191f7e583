"""Ray, up for as long as a sweep is worked on."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.engine import ray_cluster, ray_patches
from orchestration.engine.engine import Engine
from orchestration.run.ray_session import start_ray
from orchestration.terminal.console import Console


class StartedError(Exception):
    pass


def started(
    folder: Path, console: Console, done: list[str] | None = None
) -> AbstractContextManager[Engine]:
    """Ray for a sweep of one trial."""
    flags = SimpleNamespace(address=None, max_concurrent=None, ship_code=None)
    spec = SimpleNamespace(name="small", resources=None)
    request: Any = SimpleNamespace(flags=flags, spec=spec, wish=None, folder=folder)
    plan: Any = SimpleNamespace(studies={}, trials={"one": None}, size=1)

    def clear() -> None:
        if done is not None:
            done.append("cleared")

    processes: Any = SimpleNamespace(temporary=folder, following=nullcontext, clear=clear)
    data = SimpleNamespace(nbytes=0)
    run: Any = SimpleNamespace(request=request, console=console, plan=plan, ledger=None, data=data)
    return start_ray(run, processes)


@pytest.mark.parametrize("text", [None, "this Ray (9.9) is not one of those tested"])
def test_that_ray_differs_is_said_once_and_it_is_started_all_the_same(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise StartedError

    monkeypatch.setattr(ray_cluster, "RaySession", start)
    monkeypatch.setattr(ray_patches, "warning", lambda: text)
    out = io.StringIO()
    with pytest.raises(StartedError), started(tmp_path, Console(out)):
        pass
    assert out.getvalue() == ("" if text is None else f"warning: {text}\n")


def test_ray_is_ended_also_where_its_log_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    class Session:
        def __init__(self, *_: Any, **__: Any) -> None:
            (tmp_path / "logs").write_text("no folder")

        def start(self) -> None:
            done.append("started")
            raise StartedError

        def stop(self) -> None:
            done.append("stopped")

    monkeypatch.setattr(ray_cluster, "RaySession", Session)
    monkeypatch.setattr(ray_patches, "warning", lambda: None)
    with pytest.raises(StartedError), started(tmp_path, Console(io.StringIO()), done):
        pass
    assert done == ["started", "stopped", "cleared"]
