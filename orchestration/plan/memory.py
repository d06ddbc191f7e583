"""How much memory there is here, and the trials that cannot fit into it whatever is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.filesize import decimal

from cvae_core.config import TrialConfig
from cvae_core.sizes import training_bytes


def total_memory() -> int:
    """Bytes that all processes here can have together: swap counts, a container's limit holds."""
    swap = psutil.swap_memory().total
    return min([psutil.virtual_memory().total, *(limit for limit, _ in memory_limits())]) + swap


def too_large(config: TrialConfig, image_shape: tuple[int, int, int], memory: int) -> str | None:
    """Why a trial can never be trained in so much memory; None where that is not sure.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W).
        memory: bytes, of the machine or of the GPU that the model is to lie in.
    """
    need = training_bytes(config, image_shape)
    if need <= memory:
        return None
    shape = config.architecture
    settings = [f"latent_dim (now {shape.latent_dim})", f"channels (now {list(shape.channels)})"]
    if config.model == "cvae":
        settings.append(f"projection (now {list(shape.projection)})")
    return (
        f"the parameters of a {config.model} of this architecture need at least {decimal(need)} of "
        f"memory in training (with gradients and Adam's moments), and there are {decimal(memory)}; "
        f"lower architecture.{' or '.join(settings)}"
    )


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
