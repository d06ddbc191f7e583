"""Memory, and the shared memory that Ray keeps images in."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.filesize import decimal

from orchestration.doctor.datafiles import data_bytes
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.plan.slots import object_store_bytes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has it
# Measured on sweeps of digits and MNIST, with shared pages shared out.
WORKER_BYTES = 450 * 10**6
DRIVER_BYTES = 800 * 10**6
RAY_REFUSES_ABOVE = 10**10
"""Beyond this size Ray does not make do with the temporary folder."""


def check_shared_memory(subject: Subject, folder: Path = SHARED_MEMORY) -> list[Finding]:
    """Free shared memory against the size of Ray's object store."""
    if sys.platform != "linux":
        return [ok("shared memory", "not used by Ray on this system")]
    need = object_store_bytes(_data_bytes(subject))
    advice = (
        f"Ray would use the temporary folder, which is slower; empty {folder}, or in a container "
        f"give more with `docker run --shm-size={math.ceil(need * 1.2 / 2**30)}g …`."
    )
    judge = problem if need > RAY_REFUSES_ABOVE else warning
    if not folder.is_dir():
        return [judge("shared memory", f"there is no {folder}", advice)]
    stats = os.statvfs(folder)
    size, free = stats.f_frsize * stats.f_blocks, stats.f_bsize * stats.f_bavail
    found = f"{decimal(free)} free of {decimal(size)} in {folder}; Ray takes {decimal(need)}"
    if free >= need:
        return [ok("shared memory", found)]
    return [judge("shared memory", found, advice)]


def check_memory(subject: Subject) -> list[Finding]:
    """Available memory against what the trials that run at once need."""
    memory = psutil.virtual_memory()
    limits = list(memory_limits())
    total = min([memory.total, *(limit for limit, _ in limits)])
    available = min([memory.available, *(limit - used for limit, used in limits)])
    slots = max(1, subject.slots)
    images = _data_bytes(subject)
    # The driver holds the images as well as the object store.
    need = DRIVER_BYTES + slots * WORKER_BYTES + images + object_store_bytes(images)
    found = (
        f"{decimal(available)} available of {decimal(total)}"
        + (" (this container's limit)" if total < memory.total else "")
        + f"; about {decimal(need)} needed for {slots} trial{'s' * (slots > 1)} at a time"
    )
    if need <= available:
        return [ok("memory", found)]
    fitting = int((available - need) // WORKER_BYTES) + slots
    advice = "End other programs" + (
        f", or run fewer trials at a time: `--max-concurrent {fitting}`." if fitting > 0 else "."
    )
    return [(problem if need > total else warning)("memory", found, advice)]


def memory_limits(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> Iterator[tuple[int, int]]:
    """Limit and use, in bytes, of this process's control groups and those above them.

    Cached files that the kernel would drop are not counted as use.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = base / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(base):
                yield from _limit(folder, *names)


def _limit(folder: Path, limit: str, used: str, cached: str) -> Iterator[tuple[int, int]]:
    try:
        most, use = (int((folder / name).read_text()) for name in (limit, used))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return  # no such group here, or no limit ("max")
    yield most, max(0, use - int(stat.get(cached, 0)))


def _data_bytes(subject: Subject) -> int:
    return sum(data_bytes(config, subject.data_root) for config in subject.data)
