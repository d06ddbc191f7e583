"""As many threads as a trial has CPUs, in every library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import json, sys
from orchestration.threads import limit_threads
for count in (2, 1):
    recorded = limit_threads(count)
    import numba, torch
    from threadpoolctl import threadpool_info
    pools = {f"{p['user_api']}:{p['internal_api']}": p["num_threads"] for p in threadpool_info()}
    print(json.dumps({
        "recorded": recorded, "torch": torch.get_num_threads(), "numba": numba.get_num_threads(),
        "pools": pools,
    }))
    torch.set_num_threads(2)
"""


def test_every_library_obeys_also_one_that_was_there_before() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for count, line in zip((2, 1), done.stdout.splitlines(), strict=True):
        measured = json.loads(line)
        assert measured["torch"] == measured["numba"] == count
        recorded = measured["recorded"]
        assert set(measured["pools"].values()) == {count}
        assert {name.split(":")[0] for name in recorded} >= {"torch", "numba", "openmp", "blas"}
        assert set(recorded.values()) == {count}


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
