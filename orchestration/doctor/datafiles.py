"""Whether a data set's files are there and whole: nothing is downloaded, no image is decoded."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from cvae_core.config import DataConfig

IDX_MAGIC = {b"\x00\x00\x08\x03": 3, b"\x00\x00\x08\x01": 1}
SHAPES = {
    "digits": (1_797, 1, 28, 28),
    "mnist": (70_000, 1, 28, 28),
    "fashion_mnist": (70_000, 1, 28, 28),
    "kmnist": (70_000, 1, 28, 28),
    "cifar10": (60_000, 3, 32, 32),
    "svhn": (99_289, 3, 32, 32),
}
"""(N, C, H, W) of training and test images together."""


@dataclass(frozen=True)
class Look:
    """What is there of a data set, and where."""

    state: Literal["found", "missing", "damaged"]
    place: Path
    detail: str = ""


def data_names() -> list[str]:
    """Names of the data sets that can be found by their name alone."""
    names: tuple[str, ...] = get_args(get_type_hints(DataConfig)["name"])
    return [name for name in names if name != "folder"]


def data_folder(root: Path | None) -> Path:
    """Where downloaded data sets lie."""
    from platformdirs import user_cache_path

    return root or user_cache_path("cvae-sweep") / "data"


def look(config: DataConfig, root: Path | None) -> Look:
    """Look for a data set's files below ``--data-root``, or where they are put without it."""
    if config.name == "folder":
        return _folder((root or Path()) / (config.path or ""))
    if config.name == "digits":
        return _digits()
    place = data_folder(root)
    if config.name == "cifar10":
        return _cifar10(place)
    if config.name == "svhn":
        return _svhn(place)
    return _idx(config.name, place)


def image_shape(config: DataConfig) -> tuple[int, int, int]:
    """(C, H, W); of images whose colour is not known beforehand, as if they had it."""
    if config.name == "folder":
        return 1 if config.colour == "grey" else 3, config.image_size, config.image_size
    _, channels, height, width = SHAPES[config.name]
    return channels, height, width


def data_bytes(config: DataConfig, root: Path | None) -> int:
    """Bytes of the pixels in memory, one a channel."""
    if config.name == "folder":
        place = look(config, root).place
        count = sum(1 for path in place.glob("t*/**/*") if path.is_file())
    else:
        count = SHAPES[config.name][0]
    return count * math.prod(image_shape(config))


def _digits() -> Look:
    spec = importlib.util.find_spec("sklearn")
    folder = Path(spec.origin if spec and spec.origin else "sklearn").parent
    there = (folder / "datasets" / "data" / "digits.csv.gz").is_file()
    return Look("found" if there else "damaged", folder, "comes with scikit-learn")


def _folder(place: Path) -> Look:
    missing = [name for name in ("train", "test") if not (place / name).is_dir()]
    detail = f"there is no {' and no '.join(f'{name}/' for name in missing)}" if missing else ""
    return Look("missing" if missing else "found", place, detail)


def _idx(name: str, root: Path) -> Look:
    source = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}[name]
    folder = root / source / "raw"
    files = [
        folder / f"{part}-{kind}-ubyte"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    if all(file.is_file() for file in files):
        return _state(folder, [file.name for file in files if not _whole_idx(file)])
    if all(file.with_name(f"{file.name}.gz").is_file() for file in files):
        resources = getattr(_datasets(), source).resources
        return _state(folder, _altered(folder, dict(resources)), "still packed")
    return _missing(folder)


def _whole_idx(file: Path) -> bool:
    """Whether a file is as long as its own header says."""
    with file.open("rb") as opened:
        header = opened.read(16)
    dimensions = IDX_MAGIC.get(header[:4])
    start = 4 + 4 * (dimensions or 0)
    if dimensions is None or len(header) < start:
        return False
    shape = struct.unpack(f">{dimensions}I", header[4:start])
    size: int = start + math.prod(shape)
    return file.stat().st_size == size


def _cifar10(root: Path) -> Look:
    folder = root / "cifar-10-batches-py"
    if not folder.is_dir():
        return _missing(root)
    source = _datasets().CIFAR10
    sums = dict([*source.train_list, *source.test_list])
    sums[source.meta["filename"]] = source.meta["md5"]
    return _state(folder, _altered(folder, sums))


def _svhn(root: Path) -> Look:
    files = [root / f"{part}_32x32.mat" for part in ("train", "test")]
    if not all(file.is_file() for file in files):
        return _missing(root)
    listed = _datasets().SVHN.split_list
    return _state(root, _altered(root, {listed[p][1]: listed[p][2] for p in ("train", "test")}))


def _datasets() -> Any:
    from cvae_core.data.vision import torchvision

    return torchvision.datasets


def _altered(folder: Path, sums: dict[str, str]) -> list[str]:
    """Names of the files that are missing or have another MD5."""
    return [
        name
        for name, md5 in sums.items()
        if not (folder / name).is_file() or _md5(folder / name) != md5
    ]


def _md5(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _state(folder: Path, damaged: list[str], detail: str = "") -> Look:
    if damaged:
        return Look("damaged", folder, f"not whole: {', '.join(damaged)}")
    return Look("found", folder, detail)


def _missing(folder: Path) -> Look:
    return Look("missing", folder)
