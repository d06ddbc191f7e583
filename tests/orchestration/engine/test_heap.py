"""Counted by the system, in processes of their own: what was set once stays."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from orchestration.engine.heap import ENVIRONMENT

EPOCHS = """
import resource
import numpy as np
import torch
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.training.training import Training
from orchestration.engine.heap import keep_freed_memory

def faults():
    "Page faults of an epoch, after one that has asked for what is asked for once."
    for _ in training.epoch_by_steps():
        pass
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in training.epoch_by_steps():
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
images = Images(np.zeros((640, 1, 28, 28), dtype=np.uint8), np.arange(640) % 10)
data = Dataset("mnist", images, images, tuple("0123456789"))
training = Training(TrialConfig.from_settings({"epochs": 4, "data": {"name": "mnist"}}), data)
print(faults())
assert keep_freed_memory()
print(faults())
"""
"""Prints page faults before memory is kept, and after."""


IN_TURN = """
import re, threading
from pathlib import Path
from orchestration.engine.heap import keep_freed_memory

assert keep_freed_memory()
turn, done = threading.Lock(), threading.Barrier(9)


def take_and_free():
    with turn:
        pieces = [bytearray(100_000) for _ in range(200)]
        del pieces
    done.wait()  # none has ended before the last one's turn


def anonymous():
    return int(re.search(r"Anonymous: +(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1])


before = anonymous()
for _ in range(8):
    threading.Thread(target=take_and_free).start()
done.wait()
print((anonymous() - before) / 1024)
"""
"""MiB that are kept once eight threads have had 20 each, one after the other."""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries keep it as they do"
)
@pytest.mark.program
def test_memory_that_was_freed_is_not_asked_of_the_system_again() -> None:
    command = [sys.executable, "-c", EPOCHS]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    as_it_is, kept = map(int, done.stdout.split())
    assert kept < as_it_is / 10


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries have no heap a thread"
)
def test_threads_keep_no_heap_each() -> None:
    kept = []
    for variables in (ENVIRONMENT, {}):
        done = subprocess.run(
            [sys.executable, "-c", IN_TURN],
            env={n: v for n, v in os.environ.items() if n != "MALLOC_ARENA_MAX"} | variables,
            check=True,
            capture_output=True,
            text=True,
        )
        kept.append(float(done.stdout))
    assert kept[0] < 40 < kept[1]
