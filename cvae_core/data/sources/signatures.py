"""What a file is by its first bytes, whatever its name ends in."""

from __future__ import annotations

import os
import re
from typing import Literal

Sort = Literal["image", "unread image", "other"]

HEAD = 64
"""Bytes that tell."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", *_TIFF)
# Two letters alone would make images of texts: what has to come after them is looked at as well.
_PNM = re.compile(rb"P[1-6]\s+[\d#]")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_UNREAD_STARTS = (
    *(b"8BPS", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"\0\0\0\x0cJXL ", b"\xff\x0a"),
    *(b"SIMPLE  =", b"v/1\x01", b"Pf\n", b"PF\n", b"\0\0\x01\0", b"qoif", b"DDS "),
)
"""Photoshop, JPEG 2000, JPEG XL, FITS, OpenEXR, PFM, icons, QOI, DirectDraw."""
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
RAW_ENDINGS = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mos", ".mrw"),
        *(".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f"),
    )
)
"""Of cameras: most such files begin as TIFF does, and what Pillow finds in them is a thumbnail."""


def sort_of(head: bytes) -> Sort:
    """What begins like this; an image is one of a format that is read here."""
    if head.startswith(_STARTS) or _PNM.match(head) or _is_bmp(head):
        return "image"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image"
    heif = head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS
    drawing = head.lstrip().startswith(b"<svg")
    return "unread image" if heif or drawing or head.startswith(_UNREAD_STARTS) else "other"


def sort_of_file(path: str) -> Sort:
    """What a regular file is; it is opened, and its first bytes are read.

    Raises:
        OSError: it cannot be read.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return sort_of(os.read(file, HEAD))
    finally:
        os.close(file)


def _is_bmp(head: bytes) -> bool:
    header = int.from_bytes(head[14:18], "little")
    return head.startswith(b"BM") and head[6:10] == bytes(4) and header in _BMP_HEADERS
