"""As many threads as a trial has CPUs, in every library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.program]

SCRIPT = """
import json, os
from orchestration.threads import limit_threads

def measure(recorded):
    from threadpoolctl import threadpool_info
    pools = {f"{p['user_api']}:{p['internal_api']}": p["num_threads"] for p in threadpool_info()}
    print(json.dumps({
        "recorded": recorded, "torch": torch.get_num_threads(), "numba": numba.get_num_threads(),
        "pools": pools,
    }), flush=True)

def many():
    print(json.dumps(limit_threads(65)), flush=True)

def compiling(launched):
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

recorded = limit_threads(2)
import torch
forked(many)
import numba
forked(compiling, True)
forked(compiling, False)
measure(recorded)
measure(limit_threads(1))
"""


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What one process prints that imports them all, and forks of it."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_library_obeys_also_one_that_was_there_before(said: list[str]) -> None:
    for count, line in zip((2, 1), said[3:], strict=True):
        measured = json.loads(line)
        assert measured["torch"] == measured["numba"] == count
        recorded = measured["recorded"]
        assert set(measured["pools"].values()) == {count}
        assert {name.split(":")[0] for name in recorded} >= {"torch", "numba", "openmp", "blas"}
        assert set(recorded.values()) == {count}


def test_a_library_that_is_built_for_fewer_threads_has_as_many_as_it_can(said: list[str]) -> None:
    recorded = json.loads(said[0])
    assert recorded["torch"] == 65
    assert recorded["blas:openblas"] == 64, "as built into the wheels; else this shows nothing"


def test_numba_still_compiles_after_it_was_held_its_threads_running_or_not(
    said: list[str],
) -> None:
    assert said[1:3] == ["True 1", "False 1"]
