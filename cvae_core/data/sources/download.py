"""Fetching and unpacking the files of a known data set."""

from __future__ import annotations

import shutil
import tempfile
from http.client import HTTPException
from pathlib import Path

from cvae_core.data.sources.archives import Archive, looked_for
from cvae_core.data.sources.problems import last_line
from cvae_core.data.sources.progress import OnProgress
from cvae_core.data.sources.transfer import Remote, WrongContentError, fetch
from cvae_core.data.sources.unpacking import NOT_WHOLE, unpacked
from cvae_core.errors import DataError

DOWNLOAD_TIMEOUT_S = 20.0


def fetch_missing(
    name: str,
    root: Path,
    folder: Path,
    archives: list[Archive],
    on_progress: OnProgress | None,
) -> None:
    """Fetch and unpack what is not there.

    Raises:
        DataError: it cannot be fetched or written; the message says what to do.
    """
    missing = [archive for archive in archives if not archive.is_unpacked(root)]
    try:
        for archive in missing:
            _fetch(root, archive, on_progress)
    except (*NOT_WHOLE, HTTPException, WrongContentError) as error:
        bases = dict.fromkeys(
            url.removesuffix(Path(archive.path).name) for archive in missing for url in archive.urls
        )
        raise DataError(
            f"{name} is not in {folder}, and could not be downloaded from {' or '.join(bases)} "
            f"({last_line(error)}). Put its files there, name another folder with --data-root, "
            "or try the sweep that needs no data: sweeps/digits_beta.yaml. Looked for "
            f"{looked_for(missing, root)}"
        ) from error


def _fetch(root: Path, archive: Archive, on_progress: OnProgress | None) -> None:
    packed = root / archive.path
    if not packed.is_file():
        _download(archive, packed, on_progress)
    if not archive.members:
        return
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=packed.parent) as temporary:
        staged = Path(temporary) / "file"
        for member, content in unpacked(packed, archive):
            path = packed.parent / member.path
            if not path.is_file():
                with staged.open("wb") as file:
                    shutil.copyfileobj(content, file)
                path.parent.mkdir(exist_ok=True)
                staged.replace(path)


def _download(archive: Archive, path: Path, on_progress: OnProgress | None) -> None:
    """Try every address; the last one's error is raised."""
    patience = DOWNLOAD_TIMEOUT_S
    for url in archive.urls:
        try:
            remote = Remote(url, "md5", archive.md5)
            for done, total in fetch(remote, path, timeout_s=patience, answer_s=patience):
                if on_progress is not None:
                    on_progress(f"downloading {path.name} (kB)", done // 1000, total // 1000)
            return
        except (OSError, HTTPException, WrongContentError):
            if url == archive.urls[-1]:
                raise
