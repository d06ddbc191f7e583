"""Every write of ledger, checkpoints and artifacts: whole or not at all.

A file is written beside its place, forced to disk, and then renamed into it. After a power cut
there is either the old content or the new one. Of a document that is kept with its previous
version, that one is read where the newest is damaged.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orchestration.errors import DamagedError, StorageError, UserError
from orchestration.held import is_lost

FORMAT = 1
FULL = (errno.ENOSPC, errno.EDQUOT)
"""How the system says that a disk, or somebody's share of it, is full."""
NOT_OF_FOLDERS = (errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP)
"""How file systems say that what is forced to disk is files alone."""
PART = ".part"
PREVIOUS = ".previous"
"""What the name of a document's previous version ends with."""
# A document exactly as it was written; one that was laid out anew is read more slowly.
_WRITTEN = re.compile(
    rb'\{"format":%d,"sha256":"([0-9a-f]{64})","content":(.*)\}\n' % FORMAT, re.DOTALL
)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, making its folder where there is none.

    Raises:
        StorageError: it cannot be written; what was there is there still.
    """
    _write(path, content, keep_previous=False)


def write_new(path: Path, content: bytes) -> bool:
    """Write a file atomically where there is none, making its folder where there is none.

    Returns:
        Whether it was written; else another was there first, and is left as it is.

    Raises:
        StorageError: it cannot be written.
    """
    part = _part(path)
    with storing(path):
        _make_folder(path.parent)
        try:
            _write_part(part, content)
            try:
                path.hardlink_to(part)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                if path.exists():
                    return False
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(path.parent)
    return True


def write_document(path: Path, content: dict[str, Any], *, keep_previous: bool = False) -> None:
    """Write a JSON document with its format version and the hash of its content.

    Args:
        path: its place.
        content: plain values.
        keep_previous: the version before stays beside it, for ``read_document``.

    Raises:
        StorageError: it cannot be written; what was there is there still.
    """
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    text = f'{{"format":{FORMAT},"sha256":"{digest}","content":{body}}}\n'
    _write(path, text.encode(), keep_previous=keep_previous)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system has no such names.

    Raises:
        StorageError: that cannot be written.
    """
    with storing(target):
        _make_folder(target.parent)
        _link(source, target)
        _sync_folder(target.parent)


def _write(path: Path, content: bytes, *, keep_previous: bool) -> None:
    part = _part(path)
    with storing(path):
        _make_folder(path.parent)
        try:
            _write_part(part, content)
            if keep_previous:
                _link(path, previous(path))
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _write_part(part: Path, content: bytes) -> None:
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn what the system says of a write into what a person can do about it.

    Raises:
        StorageError: the disk is full, or there may be no writing.
    """
    if is_lost(path):
        raise StorageError(f"{path}: is not written, as the sweep's folder was removed or renamed")
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error
        raise StorageError(
            f"{path}: cannot be written, because the disk is full; free some space there, or set "
            "checkpoints.max_gb in the sweep file"
        ) from error


def previous(path: Path) -> Path:
    """Place of a document's previous version."""
    return path.with_name(path.name + PREVIOUS)


def is_damaged(path: Path) -> bool:
    """Whether a document is torn, or was altered since it was written.

    Raises:
        UserError: it was written by a newer version.
        FileNotFoundError: it is not there.
    """
    try:
        _checked(path, path.read_bytes())
    except DamagedError:
        return True
    return False


def restore(path: Path) -> None:
    """Put a document's previous version in its place, where the document is damaged.

    Raises:
        UserError: both are damaged, or one was written by a newer version.
    """
    if is_damaged(path):
        read_text(path)  # raises where both are
        with storing(path):
            _link(previous(path), path)
            _sync_folder(path.parent)


def read_document(path: Path) -> dict[str, Any]:
    """Content of a document; of its previous version where the document is damaged.

    Raises:
        UserError: it is damaged, as is the one before, or was written by a newer version.
        FileNotFoundError: it is not there.
    """
    content: dict[str, Any] = json.loads(read_text(path))
    return content


def read_text(path: Path) -> bytes:
    """Content of a document as JSON, for who needs little of it; checked as by ``read_document``.

    Raises: as ``read_document``.
    """
    try:
        return _checked(path, path.read_bytes())
    except DamagedError as damaged:
        try:
            return _checked(previous(path), previous(path).read_bytes())
        except FileNotFoundError:
            raise damaged from None
        except DamagedError:
            also = f", and so is the version before it, {previous(path).name}"
            raise DamagedError(f"{damaged}{also}") from None


def _checked(path: Path, text: bytes) -> bytes:
    written = _WRITTEN.fullmatch(text)
    if written is not None and hashlib.sha256(written[2]).hexdigest().encode() == written[1]:
        return written[2]
    try:
        document = json.loads(text)
        version, content, digest = (document[k] for k in ("format", "content", "sha256"))
    except (ValueError, KeyError, TypeError):
        raise DamagedError(f"{path}: is damaged (not a whole document)") from None
    if not isinstance(version, int):
        raise DamagedError(f"{path}: is damaged (its format is no number)")
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    whole = hashlib.sha256(body).hexdigest() == digest
    if version > FORMAT and whole:
        newer = f"has format {version}, and this version reads up to {FORMAT}; update cvae-sweep"
        raise UserError(f"{path}: {newer}")
    if not whole:
        raise DamagedError(f"{path}: is damaged (its content does not have the noted hash)")
    return body


def remove(path: Path) -> None:
    """Remove a file, and a document's previous version, if they are there."""
    with storing(path):
        path.unlink(missing_ok=True)
        previous(path).unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def remove_empty(path: Path) -> None:
    """Remove a folder, unless there is something in it."""
    with suppress(OSError):
        path.rmdir()


def remove_parts(folder: Path) -> None:
    """Remove what writes that were cut off have left in a folder."""
    for part in folder.rglob(f".*{PART}"):
        remove(part)


def remove_parts_of(path: Path) -> None:
    """Remove what writes of one file have left that were cut off; the file itself is there."""
    for part in path.parent.iterdir():
        if part.name.startswith(f".{path.name}.") and part.name.endswith(PART):
            remove(part)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; each name is forced to disk with the folder it is in."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in new:
        _sync_folder(each.parent)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, in place of what has that name; nothing where there is none."""
    part = _part(target)
    try:
        part.hardlink_to(source)
        part.replace(target)
    except FileNotFoundError:
        return
    except OSError:  # a file system without hard links
        _write_part(part, source.read_bytes())
        part.replace(target)
    finally:
        # A rename onto another name of the same file leaves both.
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename last: on POSIX systems a folder is forced to disk like a file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # not a thing everywhere
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OF_FOLDERS:
            raise
    finally:
        os.close(descriptor)
