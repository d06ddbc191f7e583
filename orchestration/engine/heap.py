"""How much freed memory the C library keeps for what is asked for next.

A training step frees megabytes and asks for as many again. glibc gives what lies free at its heap's
end back to the system at once, which clears every page of it anew: a thousand page faults a step.
"""

from __future__ import annotations

import ctypes

MAPPED = 32 << 20
"""Bytes from which a piece of memory is the system's own: the most that glibc itself comes to."""
KEPT = 2 * MAPPED
"""Bytes that may lie free at the heap's end: the same."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As ``malloc.h`` has them."""
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}
"""Of a worker, read by glibc as it starts. Parts of an evaluation have threads that come and go;
each would have a heap of its own, up to eight a processor, and keep there what it once took."""


def keep_freed_memory() -> bool:
    """Keep it from now on, in this process; False where the C library is not glibc."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    return bool(set_option(M_MMAP_THRESHOLD, MAPPED) and set_option(M_TRIM_THRESHOLD, KEPT))
