"""Data sets for sweeps: where they lie, loading them with progress, errors as a person's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cvae_core.config import DataConfig
from cvae_core.errors import DataError
from orchestration.directory import working_directory
from orchestration.errors import UserError
from orchestration.terminal.console import Console

if TYPE_CHECKING:
    from cvae_core.data import Dataset

from orchestration.caches import cache_folder, default_data_root


def root_of(config: DataConfig, data_root: Path | None) -> Path:
    """The folder below which a data set lies; images of one's own: the working directory."""
    if data_root is not None:
        return data_root
    return working_directory() if config.name == "folder" else default_data_root()


def folder_of(config: DataConfig, data_root: Path | None) -> Path | None:
    """Folder of a data set's files, absolute; none for the digits."""
    from cvae_core.data.sources import data_folder

    folder = data_folder(config, root_of(config, data_root))
    return None if folder is None else folder.absolute()


def load(
    config: DataConfig, data_root: Path | None, console: Console, *, check: bool = False
) -> Dataset:
    """Load a data set, fetching or decoding it where that was not done before.

    Args:
        config: the data set.
        data_root: as given by a person.
        console: where progress is shown.
        check: have files of a known data set checked, also if they did not change since they were.

    Raises:
        UserError: it is missing, damaged or cannot be fetched.
    """
    root = root_of(config, data_root)
    with _told(config, console) as tell:
        from cvae_core.data import load_dataset
        from cvae_core.data.sources.vision_sets import VISION_SETS

        cache = cache_folder()
        unkept = check and config.name in VISION_SETS
        return load_dataset(config, root, cache=None if unkept else cache, on_progress=tell)


def content(config: DataConfig, data_root: Path | None, console: Console) -> str:
    """Hash of the files of a folder of images, for ``config.content``.

    Raises:
        UserError: the folder is missing or not laid out as it should be.
    """
    root = root_of(config, data_root)
    with _told(config, console) as tell:
        from cvae_core.data import folder_content

        return folder_content(config, root, cache=cache_folder(), on_progress=tell)


@contextmanager
def _told(config: DataConfig, console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Progress, warnings and errors, as a person is to see them."""
    try:
        with (
            console.busy(f"loading {config.name}", plain=False) as busy,
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always", UserWarning)
            yield busy.progress
    except DataError as error:
        raise UserError(str(error)) from error
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        console.warning(text)
