"""What a command costs with all processes that it starts: seconds, processor time and memory."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

EVERY_S = 0.5
"""Between two looks. A process that ends is known as it was at the last look at it."""
MEMORY_EVERY_S = 1.0
GONE_WITHIN_S = 30.0
"""A killed process frees its memory first, which on a busy machine takes a while."""
MIB = 2**20


class Cost(NamedTuple):
    """Of one run of a command, from its start to its end."""

    seconds: float
    cpu_s: float
    """Of all its processes, those that have ended meanwhile included."""
    peak_mib: float
    """The most that all of them took at one moment: the sum of their proportional set sizes."""
    ended: float
    """When it was over, seconds since 1970."""


class Family:
    """A process and all that come of it."""

    def __init__(self, pid: int) -> None:
        self.first = psutil.Process(pid)
        self.cpu_s: dict[psutil.Process, float] = {}
        self.peak_mib = 0.0

    def look(self, memory: bool) -> None:
        """Take in who is there, what they have used so far, and perhaps what memory they take."""
        with suppress(psutil.Error):
            for process in [self.first, *self.first.children(recursive=True)]:
                self.cpu_s.setdefault(process, 0.0)
        taken = 0
        for process in self.cpu_s:
            with suppress(psutil.Error):
                if process.is_running():  # and not another one of the same number
                    times = process.cpu_times()
                    self.cpu_s[process] = times.user + times.system
                    taken += process.memory_full_info().pss if memory else 0
        self.peak_mib = max(self.peak_mib, taken / MIB)

    def end(self) -> None:
        """End whoever has outlived the command, and wait until they are gone."""
        for process in self.cpu_s:
            with suppress(psutil.Error):
                process.kill()
        until = time.monotonic() + GONE_WITHIN_S
        while any(map(is_at_work, self.cpu_s)) and time.monotonic() < until:
            time.sleep(0.01)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> Cost:
    """Run a command to its end.

    Args:
        command: program and arguments.
        folder: its working directory, where what it says is kept in ``said.txt``.
        environment: its environment.

    Raises:
        SystemExit: it failed; what it said is the message.
    """
    with (folder / "said.txt").open("w+") as said:
        began = time.monotonic()
        started = subprocess.Popen(  # noqa: S603 - programs of this project
            command, cwd=folder, env=environment, stdout=said, stderr=said
        )
        family = Family(started.pid)
        try:
            memory_at = began
            while not has_ended(started.pid):
                due = time.monotonic() >= memory_at
                family.look(memory=due)
                if due:
                    memory_at = time.monotonic() + MEMORY_EVERY_S
                time.sleep(EVERY_S)
            seconds, ended = time.monotonic() - began, time.time()
            family.look(memory=False)  # its processor time can still be read: nobody waited for it
        finally:
            family.end()
            code = started.wait()
        if code:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)[:200]} failed:\n{said.read()}")
    return Cost(seconds, sum(family.cpu_s.values()), family.peak_mib, ended)


def has_ended(pid: int) -> bool:
    """Whether a child is over; its status stays for whoever waits for it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def is_at_work(process: psutil.Process) -> bool:
    """Whether a process is there and has not ended; one that nobody has waited for yet has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
