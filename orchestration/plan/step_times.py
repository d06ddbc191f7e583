"""Training steps, timed in processes of their own: as many at once as trials would run.

Not in joblib's, as ``plan --estimate`` does: those outlive their work, and where there is to be one
it is the caller's own process, whose number of threads would be changed.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import isnan, nan
from statistics import fmean

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from orchestration.plan.calibrate import for_steps, step_s

StepS = Callable[[int, int], float | None]
"""Seconds of a step with so many threads, in so many processes at once; None: one failed."""


@contextmanager
def step_times(config: TrialConfig, data: Dataset, processes: int) -> Iterator[StepS]:
    """What times the steps of a trial on this machine's CPUs.

    Args:
        config: of the trial.
        data: that it trains on.
        processes: how many measure at once, at most; they end with the context.
    """
    given = pickle.dumps((config, for_steps(config, data)))
    # -P: a file of the working directory must not pass for a library.
    command = [sys.executable, "-P", "-m", __name__]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(processes):
            running.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null))  # noqa: S603 - this very Python
        for process in running:
            _send(process, given)
        yield partial(_ask, running)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _ask(running: list[subprocess.Popen[bytes]], threads: int, at_once: int) -> float | None:
    measuring = running[:at_once]
    for process in measuring:
        _send(process, f"{threads}\n".encode())
    answers = [process.stdout.readline() for process in measuring if process.stdout is not None]
    seconds = fmean(map(float, answers)) if all(answers) else nan
    return None if isnan(seconds) else seconds


def _send(process: subprocess.Popen[bytes], content: bytes) -> None:
    if process.stdin is not None:
        with suppress(OSError):  # it has ended, and will give no answer
            process.stdin.write(content)
            process.stdin.flush()


def _answer() -> None:
    """Be such a process: it ends when the one that asks does."""
    config, data = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the one that started it
    for line in sys.stdin.buffer:
        seconds = nan  # so many may be too much for memory, or for a library
        with suppress(RuntimeError, MemoryError):
            seconds = step_s(config, data, threads=int(line))
        print(seconds, flush=True)


if __name__ == "__main__":
    _answer()
