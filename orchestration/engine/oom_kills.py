"""How many processes beside this one the kernel has ended for want of memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
NEWS_S = 10.0
"""Within so many seconds all are told of that the kernel has ended at once."""


def oom_kills(groups: Path = GROUPS, mount: Path = MOUNT) -> int | None:
    """What the control group of this process, and thus of the workers that it starts, counts.

    Returns:
        None where nothing counts them, or it cannot be read.
    """
    for path in _counters(groups, mount):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for name, _, number in (line.partition(" ") for line in lines):
            if name == "oom_kill":
                return int(number)
    return None


def _counters(groups: Path, mount: Path) -> Iterator[Path]:
    """Files of both versions; in a container the group's own folder is the mount itself."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        folder = place.lstrip("/")
        if controllers == "":
            yield mount / folder / "memory.events"
            yield mount / "memory.events"
        elif controllers == "memory":
            yield mount / "memory" / folder / "memory.oom_control"
            yield mount / "memory" / "memory.oom_control"


class OomWatch:
    """Says of each process that was lost whether the kernel may have ended it.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen = oom_kills()
        self._untold = 0
        """Processes that the kernel has ended, beside those that were told of."""
        self._until = 0.0
        """When they are no news any more: none of them is of what is lost later."""

    def any_new(self) -> bool:
        """Whether there is one that was not told of yet; False where that is not known."""
        now, before, self._seen = self._clock(), self._seen, oom_kills()
        if now >= self._until:
            self._untold = 0
        if before is not None and self._seen is not None and self._seen > before:
            self._untold += self._seen - before
            self._until = now + NEWS_S
        if not self._untold:
            return False
        self._untold -= 1
        return True
