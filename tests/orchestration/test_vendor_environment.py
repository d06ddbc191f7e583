"""What is set for Ray is set before it is imported: later it is read no more.

That MLflow's is, a process shows that imports it anyway: ``run/test_sync.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

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


def not_in_tests() -> dict[str, str]:
    """The environment without what silences both vendors where tests run."""
    ours = ("CI", "PYTEST_", "MLFLOW_", "RAY_", "TUNE_", "DO_NOT_TRACK")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


def test_ray_is_told_before_it_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SET_BEFORE],
        env=not_in_tests(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["0", "0"]
