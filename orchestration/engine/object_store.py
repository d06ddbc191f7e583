"""How much memory Ray's object store gets; apart from Ray, so that it can be asked without it."""

from __future__ import annotations

MINIMUM = 100 * 2**20
MARGIN = 64 * 2**20


def object_store_bytes(data_bytes: int) -> int:
    """Bytes of the object store that holds ``data_bytes`` of images, once for all workers."""
    return max(MINIMUM, int(data_bytes * 1.25) + MARGIN)
