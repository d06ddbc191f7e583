"""Files in the cache that all trials of a machine share: read if sound, written whole."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path


def content_key(*parts: object) -> str:
    """A short hash, hexadecimal, of what a file depends on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]


def write_shared(path: Path, content: bytes) -> str | None:
    """Write a file by renaming it into place, so that no one ever reads half of it.

    Two processes may write the same one at once: the last one stays.

    Returns:
        Why it was not possible, as a sentence; ``None`` where it was.
    """
    part = path.with_name(f".writing-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return f"{path} cannot be written ({reason}): the next trial computes it again"
    return None
