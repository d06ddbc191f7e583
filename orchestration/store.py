"""Every write of ledger, checkpoints and artifacts: whole or not at all.

A file is written beside its place, forced to disk, and then renamed into it. After a power cut
there is either the old content or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from orchestration.errors import UserError

FORMAT = 1
PART = ".part"
# A document exactly as it was written; one that was laid out anew is read more slowly.
_WRITTEN = re.compile(
    rb'\{"format":%d,"sha256":"([0-9a-f]{64})","content":(.*)\}\n' % FORMAT, re.DOTALL
)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, making its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_document(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON document with its format version and the hash of its content."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    text = f'{{"format":{FORMAT},"sha256":"{digest}","content":{body}}}\n'
    write_bytes(path, text.encode())


def read_document(path: Path) -> dict[str, Any]:
    """Content of a document.

    Raises:
        UserError: it is damaged, or was written by a newer version.
        FileNotFoundError: it is not there.
    """
    content: dict[str, Any] = json.loads(read_text(path))
    return content


def read_text(path: Path) -> bytes:
    """Content of a document as JSON, for who needs little of it; checked as by ``read_document``.

    Raises:
        UserError: it is damaged, or was written by a newer version.
        FileNotFoundError: it is not there.
    """
    text = path.read_bytes()
    written = _WRITTEN.fullmatch(text)
    if written is not None and hashlib.sha256(written[2]).hexdigest().encode() == written[1]:
        return written[2]
    try:
        document = json.loads(text)
        version, content, digest = (document[k] for k in ("format", "content", "sha256"))
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: is damaged (not a whole document)") from None
    if not isinstance(version, int) or version > FORMAT:
        raise UserError(
            f"{path}: has format {version}, and this version reads up to {FORMAT}; "
            "update cvae-sweep"
        )
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if hashlib.sha256(body).hexdigest() != digest:
        raise UserError(f"{path}: is damaged (its content does not have the noted hash)")
    return body


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def remove_parts(folder: Path) -> None:
    """Remove what writes that were cut off have left in a folder."""
    for part in folder.rglob(f".*{PART}"):
        remove(part)


def _sync_folder(folder: Path) -> None:
    """Make a rename last: on POSIX systems a folder is forced to disk like a file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # not a thing everywhere
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
