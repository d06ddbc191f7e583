"""A Ray that does not start, or is not joined: one sentence that says what to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray

from orchestration.engine.ray_cluster import RaySession
from orchestration.errors import UserError
from orchestration.spec.sweep import Resources

SLOW = (
    "The current node timed out during startup. This could happen because some of the raylet "
    "failed to startup or the GCS has become overloaded."
)
VERSION = "Version mismatch: The cluster was started with:\n    Ray: 2.9\n    Python: 3.10"


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        (None, Exception(SLOW), f"a local Ray could not be started: {SLOW[:-1]}. Run the same"),
        (None, KeyError(), "a local Ray could not be started: KeyError. Run the same command"),
        (
            "a:1",
            RuntimeError(VERSION),
            "at a:1 could not be joined: Version mismatch: The cluster ",
        ),
        ("a:1", RuntimeError(VERSION), "Ray: 2.9 Python: 3.10"),
        ("a:1", RuntimeError("No GCS.\nTraceback (most recent"), "could not be joined: No GCS."),
    ],
)
def test_whatever_ray_raises_is_one_sentence(
    address: str | None,
    error: Exception,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**_: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", init)  # a node that is too slow takes a minute
    monkeypatch.setattr("orchestration.engine.ray_cluster.greet", lambda address: None)
    with pytest.raises(UserError) as refused:
        RaySession(address, Resources(), 1, 0, tmp_path).start()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
