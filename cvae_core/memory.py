"""Which errors say that memory has run out: each library has its own way to say so."""

from __future__ import annotations

import errno
import re

TEXTS = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""What PyTorch's errors of no type of their own say."""


ASKED = re.compile(r"allocate (?P<number>[\d.]+) ?(?P<unit>bytes|[KMGTPE]?i?B)")
UNITS = {unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB", "PiB"))}


def bytes_asked_for(error: BaseException) -> int | None:
    """How much the one request was for that memory was not enough for; None: it is not said."""
    said = ASKED.search(str(error))
    if said is None:
        return None
    return int(float(said["number"]) * UNITS.get(said["unit"], 1))


def memory_error(error: BaseException | None) -> BaseException | None:
    """An error that means that memory has run out, or the one of that kind it was raised from."""
    while error is not None:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return error
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return error
        if isinstance(error, RuntimeError) and any(text in str(error) for text in TEXTS):
            return error
        error = error.__cause__
    return None
