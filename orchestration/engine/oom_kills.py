"""How many processes beside this one the kernel has ended for want of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


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
    """Says whether the kernel has ended any since it was asked last."""

    def __init__(self) -> None:
        self._seen = oom_kills()

    def any_new(self) -> bool:
        """Whether there were any; False where that is not known."""
        before, self._seen = self._seen, oom_kills()
        return before is not None and self._seen is not None and self._seen > before
