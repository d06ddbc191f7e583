"""Ray, up for as long as a sweep is worked on."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.engine import ray_cluster, ray_patches
from orchestration.run.ray_session import start_ray
from orchestration.terminal.console import Console


class StartedError(Exception):
    pass


@pytest.mark.parametrize("text", [None, "this Ray (9.9) is not one of those tested"])
def test_that_ray_differs_is_said_once_and_it_is_started_all_the_same(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise StartedError

    monkeypatch.setattr(ray_cluster, "RaySession", start)
    monkeypatch.setattr(ray_patches, "warning", lambda: text)
    flags = SimpleNamespace(address=None, max_concurrent=None)
    spec = SimpleNamespace(name="small", resources=None)
    request: Any = SimpleNamespace(flags=flags, spec=spec, wish=None, folder=tmp_path)
    plan: Any = SimpleNamespace(studies={}, trials={"one": None}, size=1)
    processes: Any = SimpleNamespace(temporary=tmp_path)
    out = io.StringIO()
    run: Any = SimpleNamespace(
        request=request,
        console=Console(out),
        plan=plan,
        ledger=None,
        data=SimpleNamespace(nbytes=0),
    )
    with pytest.raises(StartedError), start_ray(run, processes):
        pass
    assert out.getvalue() == ("" if text is None else f"warning: {text}\n")
