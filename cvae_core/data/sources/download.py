"""Fetching the files of a known data set: each appears in its place whole, or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from http.client import HTTPException
from pathlib import Path

from cvae_core.data.sources.archives import Archive
from cvae_core.data.sources.problems import last_line
from cvae_core.data.sources.progress import OnProgress
from cvae_core.data.sources.transfer import no_empty_folders, transfer
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
    missing = [
        archive for archive in archives if not all(path.is_file() for path in archive.files(root))
    ]
    try:
        for archive in missing:
            with no_empty_folders((root / archive.path).parent):
                _fetch(root, archive, on_progress)
    except (OSError, HTTPException, DataError) as error:
        bases = dict.fromkeys(
            url.removesuffix(Path(archive.path).name) for archive in missing for url in archive.urls
        )
        raise DataError(
            f"{name} is not in {folder}, and could not be downloaded from {' or '.join(bases)} "
            f"({last_line(error)}). Put its files there, name another folder with --data-root, "
            "or try the sweep that needs no data: sweeps/digits_beta.yaml"
        ) from error


def _fetch(root: Path, archive: Archive, on_progress: OnProgress | None) -> None:
    packed = root / archive.path
    packed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=packed.parent) as temporary:
        staging = Path(temporary)
        if not packed.is_file():
            _download(archive, staging / packed.name, on_progress)
            (staging / packed.name).replace(packed)
        if archive.members:
            _unpack(packed, staging)
            for member, path in zip(archive.members, archive.files(root), strict=True):
                if not path.is_file():
                    path.parent.mkdir(exist_ok=True)
                    (staging / member.path).replace(path)


def _unpack(packed: Path, folder: Path) -> None:
    from cvae_core.data.vision import torchvision

    torchvision.datasets.utils.extract_archive(str(packed), str(folder))


def _download(archive: Archive, target: Path, on_progress: OnProgress | None) -> None:
    """Try every address; the last one's error is raised."""
    for url in archive.urls:
        try:
            return _download_from(url, archive.md5, target, on_progress)
        except (OSError, HTTPException, DataError):
            if url == archive.urls[-1]:
                raise


def _download_from(url: str, md5: str, target: Path, on_progress: OnProgress | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    patience = DOWNLOAD_TIMEOUT_S
    for done, total in transfer(url, target, digest, timeout_s=patience, answer_s=patience):
        if on_progress is not None:
            on_progress(f"downloading {target.name} (kB)", done // 1000, total // 1000)
    if digest.hexdigest() != md5:
        raise DataError(f"{url} answered with MD5 {digest.hexdigest()}, expected {md5}")
