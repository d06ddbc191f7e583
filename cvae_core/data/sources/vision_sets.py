"""The data sets that torchvision knows: where their files are, and how they are read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.sources.archives import Archive, Member
from cvae_core.data.sources.decoded_cache import Decoded, read_decoded, write_decoded
from cvae_core.data.sources.download import fetch_missing
from cvae_core.data.sources.integrity import refuse_wrong_files
from cvae_core.data.sources.problems import last_line
from cvae_core.data.sources.progress import OnProgress
from cvae_core.errors import DataError

DIGITS = tuple(str(digit) for digit in range(10))


def _idx_archives(source: Any) -> list[Archive]:
    """The four files of a data set in MNIST's format; the unpacked ones have no MD5."""
    folder = f"{source.__name__}/raw"
    return [
        Archive(
            f"{folder}/{name}",
            md5,
            tuple(mirror + name for mirror in source.mirrors),
            (Member(name.removesuffix(".gz"), None),),
        )
        for name, md5 in source.resources
    ]


def _read_idx(source: Any, root: Path, train: bool) -> tuple[Any, Any]:
    # Not through the class: it prefers the files of torchvision's past, which nobody can check.
    from cvae_core.data.vision import torchvision

    idx = torchvision.datasets.mnist
    start = str(root / source.__name__ / "raw" / ("train" if train else "t10k"))
    images = idx.read_image_file(f"{start}-images-idx3-ubyte").numpy()
    return images[:, None], idx.read_label_file(f"{start}-labels-idx1-ubyte").numpy()


def _cifar_archives(source: Any) -> list[Archive]:
    """CIFAR's archive."""
    files = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    members = tuple(Member(f"{source.base_folder}/{name}", md5) for name, md5 in files)
    return [Archive(source.filename, source.tgz_md5, (source.url,), members)]


def _read_cifar(source: Any, root: Path, train: bool) -> tuple[Any, Any]:
    split = source(str(root), train=train)
    return split.data.transpose(0, 3, 1, 2), split.targets


def _svhn_archives(source: Any) -> list[Archive]:
    """SVHN's training and test file, which are read as they are."""
    return [
        Archive(name, md5, (url,))
        for url, name, md5 in (source.split_list[split] for split in ("train", "test"))
    ]


def _read_svhn(source: Any, root: Path, train: bool) -> tuple[Any, Any]:
    split = source(str(root), split="train" if train else "test")
    return split.data, split.labels


@dataclass(frozen=True)
class VisionSet:
    """One data set of torchvision's.

    Attributes:
        source: name of torchvision's class.
        folder: where the files lie that are read, below the root.
        archives: the class to the files that are fetched.
        read: class, root and whether training to pixels (N, C, H, W) and labels (N,).
        classes: names in the order of the labels.
        shape: (N, C, H, W) of training and test images together.
    """

    source: str
    folder: str
    archives: Callable[[Any], list[Archive]]
    read: Callable[[Any, Path, bool], tuple[Any, Any]]
    classes: tuple[str, ...]
    shape: tuple[int, int, int, int]


VISION_SETS = {
    "mnist": VisionSet("MNIST", "MNIST/raw", _idx_archives, _read_idx, DIGITS, (70_000, 1, 28, 28)),
    "fashion_mnist": VisionSet(
        "FashionMNIST",
        "FashionMNIST/raw",
        _idx_archives,
        _read_idx,
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        (70_000, 1, 28, 28),
    ),
    "kmnist": VisionSet(
        "KMNIST",
        "KMNIST/raw",
        _idx_archives,
        _read_idx,
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        (70_000, 1, 28, 28),
    ),
    "cifar10": VisionSet(
        "CIFAR10",
        "cifar-10-batches-py",
        _cifar_archives,
        _read_cifar,
        (
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        (60_000, 3, 32, 32),
    ),
    "svhn": VisionSet("SVHN", "", _svhn_archives, _read_svhn, DIGITS, (99_289, 3, 32, 32)),
}


def vision_folder(name: str, root: Path) -> Path:
    """Where the data set's files lie."""
    return root / VISION_SETS[name].folder


def load_vision_set(
    name: str, root: Path | None, cache: Path | None, on_progress: OnProgress | None
) -> Dataset:
    """Check what is there, fetch what is not, and read it.

    Args:
        name: of the data set.
        root: folder of the data sets.
        cache: folder in which images are kept as they were read, until a file changes: checking
            files and reading them takes torchvision, and that a quarter of a gigabyte.
        on_progress: as for ``load_dataset``.

    Raises:
        DataError: a file is not what it should be, cannot be fetched or cannot be read.
    """
    if root is None:
        raise DataError(f"{name} needs the folder in which it lies or is to be put")
    if cache is None:
        return _checked_and_read(name, root, on_progress)
    config = DataConfig(name=name)  # type: ignore[arg-type]
    folder, classes = vision_folder(name, root), VISION_SETS[name].classes
    kept = read_decoded(cache, config, classes, made_of=_state_of(folder))
    if kept is not None:
        return kept.data
    read = _checked_and_read(name, root, on_progress)
    with warnings.catch_warnings(action="ignore"):  # they are as well read anew each time
        decoded = Decoded(read, all_grey=read.image_shape[0] == 1)
        write_decoded(cache, config, decoded, made_of=_state_of(folder))
    return read


def _state_of(folder: Path) -> str:
    """Where a data set's files lie, and the size and time of change of each."""
    try:
        files = sorted((f.name, f.stat()) for f in os.scandir(folder) if f.is_file())
    except OSError:
        return str(folder.absolute())
    listed = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    return f"{folder.absolute()} {listed}"


def _checked_and_read(name: str, root: Path, on_progress: OnProgress | None) -> Dataset:
    from cvae_core.data.vision import torchvision

    described = VISION_SETS[name]
    source = getattr(torchvision.datasets, described.source)
    archives = described.archives(source)
    folder = vision_folder(name, root)
    try:
        refuse_wrong_files(name, root, archives)
        fetch_missing(name, root, folder, archives, on_progress)
        train, test = (_images(*described.read(source, root, train)) for train in (True, False))
    except DataError:
        raise
    except Exception as error:  # damaged files raise many kinds
        raise DataError(
            f"{name} could not be read from {folder} ({last_line(error)}). Delete damaged files: "
            "they are fetched again; or name another folder with --data-root, or try the sweep "
            "that needs no data: sweeps/digits_beta.yaml"
        ) from error
    return Dataset(name, train, test, described.classes)


def _images(pixels: NDArray[np.uint8], labels: Any) -> Images:
    return Images(np.ascontiguousarray(pixels), np.asarray(labels).astype(np.int64))
