"""As many threads as a trial has CPUs, in every library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from orchestration.threads import limit_threads
{before}
recorded = limit_threads({count})
import numba, torch
from threadpoolctl import threadpool_info
pools = {{f"{{p['user_api']}}:{{p['internal_api']}}": p["num_threads"] for p in threadpool_info()}}
print(json.dumps({{
    "recorded": recorded, "torch": torch.get_num_threads(), "numba": numba.get_num_threads(),
    "pools": pools,
}}))
"""


def measure(count: int, before: str = "") -> dict[str, object]:
    script = SCRIPT.format(count=count, before=before)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize("count", [1, 2])
def test_every_library_obeys(count: int) -> None:
    found = measure(count)
    assert found["torch"] == found["numba"] == count
    recorded, pools = found["recorded"], found["pools"]
    assert isinstance(recorded, dict)
    assert isinstance(pools, dict)
    assert set(pools.values()) == {count}
    assert {name.split(":")[0] for name in recorded} >= {"torch", "numba", "openmp", "blas"}
    assert set(recorded.values()) == {count}


def test_libraries_that_were_there_before_obey_too() -> None:
    found = measure(1, before="import numba, sklearn, torch; torch.set_num_threads(2)")
    recorded = found["recorded"]
    assert isinstance(recorded, dict)
    assert set(recorded.values()) == {1}
    assert found["numba"] == found["torch"] == 1


@pytest.mark.parametrize("launched", [True, False])
def test_numba_still_compiles_after_it_was_held(launched: bool) -> None:
    launch = "; numba.set_num_threads(2)" if launched else ""
    after = "numba.njit(lambda x: x + 1)(1)"
    script = f"""
import os
os.environ["NUMBA_NUM_THREADS"] = "2"
import numba{launch}
from orchestration.threads import limit_threads
limit_threads(1)
{after}
print(numba.get_num_threads())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
