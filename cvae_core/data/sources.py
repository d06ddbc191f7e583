"""Where images come from."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from cvae_core.data.dataset import Dataset, Images
from cvae_core.errors import DataError

DIGITS_TEST = 360
DOWNLOAD_TIMEOUT_S = 20.0


def load_dataset(name: str, root: Path | None = None) -> Dataset:
    """Load a data set into memory, downloading it where it has a source to be downloaded from.

    Args:
        name: a data set's name in sweep files.
        root: folder of the data sets, in torchvision's layout; ``digits`` needs none.

    Raises:
        DataError: unknown name, or the data is neither there nor can be fetched.
    """
    if name not in _SOURCES:
        raise DataError(f"unknown data set {name!r}; known: {', '.join(sorted(_SOURCES))}")
    return _SOURCES[name](root)


def _digits(root: Path | None) -> Dataset:
    """scikit-learn's 1,797 real handwritten digits, 8×8 with 17 grey levels, resized to 28×28."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    small = torch.from_numpy(raw.images).to(torch.float32)[:, None] / 16
    resized = F.interpolate(small, size=(28, 28), mode="bilinear", align_corners=False)
    pixels = (resized * 255).round().to(torch.uint8).numpy()
    labels = raw.target.astype(np.int64)
    return Dataset(
        "digits",
        Images(pixels[:-DIGITS_TEST], labels[:-DIGITS_TEST]),
        Images(pixels[-DIGITS_TEST:], labels[-DIGITS_TEST:]),
        tuple(str(digit) for digit in range(10)),
    )


def _mnist(root: Path | None) -> Dataset:
    """MNIST through torchvision: 60,000 and 10,000 digits, 28×28."""
    from cvae_core.data.vision import torchvision

    if root is None:
        raise DataError("mnist needs the folder in which it lies or is to be put")
    source = torchvision.datasets.MNIST
    folder = root / "MNIST" / "raw"
    try:
        with _download_timeout(), _no_empty_folders(folder):
            # With download=True torchvision fetches only what is not there.
            splits = [source(str(root), train=train, download=True) for train in (True, False)]
        train, test = (
            Images(
                np.ascontiguousarray(split.data.numpy()[:, None]),
                split.targets.numpy().astype(np.int64),
            )
            for split in splits
        )
    except Exception as error:  # torchvision raises many kinds for damaged files and odd answers
        raise DataError(
            f"mnist could not be read from {folder}, nor downloaded from "
            f"{' or '.join(source.mirrors)} ({_last_line(error)}). "
            "Put the four MNIST files into that folder (delete damaged ones: they are fetched "
            "again), name another folder with --data-root, "
            "or try the sweep that needs no data: sweeps/digits_beta.yaml"
        ) from error
    return Dataset("mnist", train, test, tuple(str(digit) for digit in range(10)))


def _last_line(error: Exception) -> str:
    """What went wrong: torchvision lists its attempts, with the reason of the last one last."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


@contextmanager
def _no_empty_folders(folder: Path) -> Iterator[None]:
    """Take away again, after a failure, the empty folders that torchvision made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def _download_timeout() -> Iterator[None]:
    """torchvision opens its addresses without a time limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


_SOURCES: dict[str, Callable[[Path | None], Dataset]] = {"digits": _digits, "mnist": _mnist}
