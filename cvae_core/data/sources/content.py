"""The identity of a folder of images: a hash of its files.

Files whose size, times and inode are known are not read again: an index in the cache knows their
hashes. Unpacking an archive again sets the time of modification back; the time of status change
cannot be set. A file that was changed within two seconds before it was hashed could change once
more without a new time, as clocks of file systems are coarse; it is hashed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cvae_core.data.sources.image_files import list_images
from cvae_core.data.sources.problems import Problems, Reason
from cvae_core.data.sources.progress import OnProgress, in_chunks

COARSE_CLOCK_NS = 2_000_000_000
INDEX_FORMAT = 2


class State(NamedTuple):
    """What another content of a file would change."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> State:
        """The state of a file as it is now."""
        found = path.stat()
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    @property
    def changed_ns(self) -> int:
        """The later of the two times."""
        return max(self.mtime_ns, self.ctime_ns)


class Known(NamedTuple):
    """What the index holds of a file."""

    state: State
    sha256: str


def content_hash(
    folder: Path, *, cache: Path | None = None, on_progress: OnProgress | None = None
) -> str:
    """SHA-256, hexadecimal, over the sorted paths below ``folder`` and the files' own hashes.

    Raises:
        DataError: the folder is not laid out as it should be, or a file cannot be read.
    """
    folder = folder.resolve()
    problems = Problems(folder)
    listing = list_images(folder, problems)
    hashes = hash_files(folder, listing.files, problems, cache=cache, on_progress=on_progress)
    problems.raise_any()
    return combined(hashes)


def combined(hashes: Mapping[str, str]) -> str:
    """One hash over paths and hashes of files."""
    digest = hashlib.sha256()
    for path in sorted(hashes):
        digest.update(os.fsencode(path.replace(os.sep, "/")) + b"\0" + hashes[path].encode())
    return digest.hexdigest()


def hash_files(
    folder: Path,
    files: Iterable[str],
    problems: Problems,
    *,
    cache: Path | None,
    on_progress: OnProgress | None,
) -> dict[str, str]:
    """SHA-256 of each file by path; those that cannot be read are noted as problems."""
    began = time.time_ns()
    index = None if cache is None else _index_path(cache, folder)
    before = _read_index(index) if index is not None else {}
    known: dict[str, Known] = {}
    unknown: list[tuple[str, State]] = []
    for path in files:
        try:
            state = State.of(folder / path)
        except OSError as error:
            problems.add(path, Reason("unreadable", str(error.strerror)))
            continue
        entry = before.get(path)
        if entry is not None and entry.state == state:
            known[path] = entry
        else:
            unknown.append((path, state))

    def hash_chunk(chunk: slice) -> list[Known | Reason]:
        return [_hashed(folder, *file) for file in unknown[chunk]]

    for chunk, results in in_chunks(hash_chunk, len(unknown), "reading images", on_progress):
        for (path, _), result in zip(unknown[chunk], results, strict=True):
            if isinstance(result, Reason):
                problems.add(path, result)
            else:
                known[path] = result
    if index is not None and unknown:
        _write_index(index, began, known)
    return {path: entry.sha256 for path, entry in known.items()}


def _hashed(folder: Path, path: str, state: State) -> Known | Reason:
    """The index's entry, or why there is none."""
    try:
        content = (folder / path).read_bytes()
    except OSError as error:
        return Reason("unreadable", str(error.strerror))
    return Known(state, hashlib.sha256(content).hexdigest())


def _index_path(cache: Path, folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
    return cache / "index" / f"{name}.json"


def _read_index(path: Path) -> dict[str, Known]:
    """The entries that can be relied upon; an index that is missing or damaged has none."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != INDEX_FORMAT:
            return {}
        newest = int(content["began_ns"]) - COARSE_CLOCK_NS
        entries = {
            name: Known(State(*state), sha256) for name, (state, sha256) in content["files"].items()
        }
        return {name: entry for name, entry in entries.items() if entry.state.changed_ns < newest}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write_index(path: Path, began_ns: int, files: Mapping[str, Known]) -> None:
    content = {"format": INDEX_FORMAT, "began_ns": began_ns, "files": files}
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps(content))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        warn_unwritable(path, error)


def warn_unwritable(path: Path, error: OSError) -> None:
    """Say that a cache does not work; what it would have saved is done again."""
    reason = error.strerror or type(error).__name__
    warnings.warn(f"{path} cannot be written ({reason}); loading goes on", stacklevel=2)
