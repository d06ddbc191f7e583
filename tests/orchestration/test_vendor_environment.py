"""What is set for Ray and MLflow is set before they are imported: later it is read no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

NO_TELEMETRY = """
from orchestration.tracking import tracker
from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None
"""
SET_BEFORE = """
import os, sys

class Looking:
    def find_spec(self, name, path=None, target=None):
        if name == "ray":
            print(os.environ.get("RAY_USAGE_STATS_ENABLED"), os.environ.get("RAY_AIR_NEW_OUTPUT"))
            sys.exit()  # the rest of it takes seconds

sys.meta_path.insert(0, Looking())
from orchestration.engine import ray_tune
"""


def run(script: str, home: Path) -> str:
    # Both vendors are silent by themselves where tests run.
    ours = ("CI", "PYTEST_", "MLFLOW_", "RAY_", "TUNE_", "DO_NOT_TRACK")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout


def test_mlflows_client_does_not_call_home(tmp_path: Path) -> None:
    run(NO_TELEMETRY, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "telemetry" in path.name]


def test_ray_is_told_before_it_is_imported(tmp_path: Path) -> None:
    assert run(SET_BEFORE, tmp_path).split() == ["0", "0"]
