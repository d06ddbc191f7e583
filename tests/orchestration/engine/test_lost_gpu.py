"""A process of which CUDA takes nothing more ends, so that another one takes its place.

There is no GPU in tests: what is said of CUDA here is made up, the process and its end are not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.engine.lost_worker import crash_in, lost_worker
from orchestration.engine.retries import LOST

pytestmark = pytest.mark.program
SCRIPT = """
import sys
import torch
from orchestration.engine.reports import FailureReport
from orchestration.engine.worker_failures import end_if_lost

def synchronize():
    if sys.argv[1] == "lost":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

torch.cuda.synchronize = synchronize
end_if_lost(FailureReport("error", "RuntimeError: CUDA error: an illegal", traceback="Traceback"))
print("lives on")
"""


@pytest.mark.parametrize("state", ["lost", "well"])
def test_it_ends_where_the_gpu_is_lost_to_it(state: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, state], capture_output=True, text=True, timeout=60
    )
    if state == "well":
        assert (done.returncode, done.stdout, done.stderr) == (0, "lives on\n", "")
        return
    assert (done.returncode, done.stdout) == (1, "")
    (tmp_path / "worker-1-2-77.err").write_text(done.stderr)
    text = "The actor died unexpectedly\n\tpid: 77\n"
    failure = lost_worker(text, crash_in(tmp_path, text))
    assert failure.kind == LOST
    assert failure.message == "its process crashed: RuntimeError: CUDA error: an illegal"
    assert failure.traceback.endswith("Traceback")
