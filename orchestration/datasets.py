"""Data sets for sweeps: where they lie, loading them with progress, errors as a person's."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cvae_core.config import DataConfig
from cvae_core.errors import DataError
from orchestration.console import Console
from orchestration.errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from cvae_core.data import Dataset

QUIET_S = 2.0
LINES_S = 5.0


def default_data_root() -> Path:
    """Where data sets are downloaded to unless another folder is named."""
    from platformdirs import user_cache_path

    return user_cache_path("cvae-sweep") / "data"


def cache_folder() -> Path:
    """Where decoded images are kept: ``$CVAE_SWEEP_CACHE``, else a cache folder of the user's."""
    from platformdirs import user_cache_path

    named = os.environ.get("CVAE_SWEEP_CACHE")
    return Path(named) if named else user_cache_path("cvae-sweep") / "decoded"


def root_of(config: DataConfig, data_root: Path | None) -> Path:
    """The folder below which a data set lies; images of one's own: the working directory."""
    if data_root is not None:
        return data_root
    return Path.cwd() if config.name == "folder" else default_data_root()


def place(config: DataConfig, data_root: Path | None) -> Path | None:
    """Folder of a data set's files, absolute; none for the digits."""
    from cvae_core.data.sources import data_folder

    folder = data_folder(config, root_of(config, data_root))
    return None if folder is None else folder.absolute()


def load(config: DataConfig, data_root: Path | None, console: Console) -> Dataset:
    """Load a data set, fetching or decoding it where that was not done before.

    Raises:
        UserError: it is missing, damaged or cannot be fetched.
    """
    from cvae_core.data import load_dataset

    root = root_of(config, data_root)
    with _told(config, console) as tell:
        return load_dataset(config, root, cache=cache_folder(), on_progress=tell)


def content(config: DataConfig, data_root: Path | None, console: Console) -> str:
    """Hash of the files of a folder of images, for ``config.content``.

    Raises:
        UserError: the folder is missing or not laid out as it should be.
    """
    from cvae_core.data import folder_content

    root = root_of(config, data_root)
    with _told(config, console) as tell:
        return folder_content(config, root, cache=cache_folder(), on_progress=tell)


@contextmanager
def _told(config: DataConfig, console: Console) -> Iterator[_Tell]:
    """Progress, warnings and errors, as a person is to see them."""
    tell = _Tell(config.name, console)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield tell
    except DataError as error:
        raise UserError(str(error)) from error
    finally:
        tell.close()
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        console.line(f"warning: {text}")


class _Tell:
    """A bar on a terminal, a line now and then elsewhere, nothing where it is soon done."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = name
        self._console = console
        self._next = time.monotonic() + QUIET_S
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take notice; ``total`` 0 where nobody knows it."""
        if self._bar is not None:
            self._show(self._bar, what, done, total)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + LINES_S
            if self._console.terminal is not None:
                self._bar = self._begin()
                self._show(self._bar, what, done, total)
            else:
                of = f" of {total:,}" if total else ""
                self._console.line(f"{self._name}: {what}: {done:,}{of}")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _begin(self) -> Progress:
        import rich.console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeRemainingColumn(),
            console=rich.console.Console(file=self._console.terminal),
            transient=True,
        )
        bar.start()
        return bar

    def _show(self, bar: Progress, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = bar.add_task(f"{self._name}: {what}", total=total or None)
        bar.update(self._tasks[what], completed=done)
