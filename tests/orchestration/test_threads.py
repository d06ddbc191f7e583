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


LOADED = """
import json, os
os.environ["NUMBA_NUM_THREADS"] = "2"
import sklearn, torch
from orchestration.threads import limit_threads

def many():
    print(json.dumps(limit_threads(65)), flush=True)

def compiling(launched):
    import numba
    if launched:
        numba.set_num_threads(2)
    limit_threads(1)
    numba.njit(lambda x: x + 1)(1)
    print(launched, numba.get_num_threads(), flush=True)

def forked(do, *arguments):
    pid = os.fork()  # imports take seconds, and none of their threads runs yet
    if pid == 0:
        do(*arguments)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, arguments

forked(many)
import numba
forked(compiling, True)
forked(compiling, False)
"""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    """What is said in processes whose libraries are there before they are held."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_library_that_is_built_for_fewer_threads_has_as_many_as_it_can(loaded: list[str]) -> None:
    recorded = json.loads(loaded[0])
    assert recorded["torch"] == 65
    assert recorded["blas:openblas"] == 64, "as built into the wheels; else this shows nothing"


def test_numba_still_compiles_after_it_was_held_its_threads_running_or_not(
    loaded: list[str],
) -> None:
    assert loaded[1:] == ["True 1", "False 1"]
