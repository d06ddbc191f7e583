"""Whether a file is the one whose checksum is known."""

from __future__ import annotations

import hashlib
from io import BufferedIOBase
from typing import Literal

Algorithm = Literal["md5", "sha256"]
NAMES: dict[Algorithm, str] = {"md5": "MD5", "sha256": "SHA-256"}


def digest(file: BufferedIOBase, algorithm: Algorithm) -> str:
    """Checksum of the rest of a file, hexadecimal."""
    # Said not to be for security, MD5 is there also where the rules of FIPS are in force.
    made = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return made.hexdigest()


def difference(file: BufferedIOBase, algorithm: Algorithm, expected: str) -> str | None:
    """``MD5 0a…, expected 1b…`` where the rest of a file has another checksum; None: it has not.

    Args:
        file: open for reading bytes.
        algorithm: of the checksum.
        expected: hexadecimal, in either case.
    """
    actual = digest(file, algorithm)
    same = actual == expected.lower()
    return None if same else f"{NAMES[algorithm]} {actual}, expected {expected.lower()}"
