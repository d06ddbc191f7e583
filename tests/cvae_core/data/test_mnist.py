from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.data import Dataset, load_dataset
from cvae_core.data.sources import integrity
from cvae_core.data.vision import torchvision
from cvae_core.errors import DataError

Files = dict[str, bytes]
RAW = Path("MNIST") / "raw"


@pytest.fixture
def server(
    mnist_files: Files,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[Path], Any],
) -> Any:
    """Serves the four files compressed, where torchvision takes MNIST to be."""
    folder = tmp_path_factory.mktemp("served")
    resources = []
    for name, content in mnist_files.items():
        packed = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    running = serve(folder)
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [running.address])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    return running


def check(data: Dataset, files: Files) -> None:
    assert data.name == "mnist"
    assert data.classes == tuple("0123456789")
    for images, split, count in ((data.train, "train", 30), (data.test, "t10k", 20)):
        assert images.pixels.shape == (count, 1, 28, 28)
        assert images.pixels.dtype == np.uint8
        assert images.labels.dtype == np.int64
        assert images.pixels.tobytes() == files[f"{split}-images-idx3-ubyte"][16:]
        assert bytes(images.labels.tolist()) == files[f"{split}-labels-idx1-ubyte"][8:]


@pytest.mark.usefixtures("unpinned")
def test_is_read_from_its_folder(
    mnist_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    (tmp_path / RAW).mkdir(parents=True)
    for name, content in mnist_files.items():
        (tmp_path / RAW / name).write_bytes(content)
    check(load_dataset("mnist", tmp_path), mnist_files)


def test_is_downloaded_once(server: Any, mnist_files: Files, tmp_path: Path) -> None:
    root = tmp_path / "not" / "there" / "yet"
    check(load_dataset("mnist", root), mnist_files)
    assert len(server.requested) >= 4
    assert {path.name for path in (root / RAW).iterdir()} >= set(mnist_files)
    server.requested.clear()
    check(load_dataset("mnist", root), mnist_files)
    assert server.requested == []


def test_only_what_is_missing_is_fetched(server: Any, mnist_files: Files, tmp_path: Path) -> None:
    load_dataset("mnist", tmp_path)
    server.requested.clear()
    missing = "t10k-labels-idx1-ubyte"
    for path in (tmp_path / RAW).glob(f"{missing}*"):
        path.unlink()
    check(load_dataset("mnist", tmp_path), mnist_files)
    assert set(server.requested) == {f"/{missing}.gz"}


def test_progress_is_told(server: Any, mnist_files: Files, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    load_dataset("mnist", tmp_path, on_progress=lambda *args: told.append(args))
    assert [what for what, *_ in told] == [
        f"downloading {name}.gz (kB)"
        for name in (
            *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        )
        for _ in range([what for what, *_ in told].count(f"downloading {name}.gz (kB)"))
    ]
    assert all(done <= total for _, done, total in told)


def test_a_second_mirror_is_tried(
    server: Any, mnist_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/", server.address]
    )
    check(load_dataset("mnist", tmp_path), mnist_files)


def test_a_mirror_that_answers_with_a_page_is_not_the_last(
    server: Any,
    serve: Callable[[Path], Any],
    mnist_files: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "pages").mkdir()
    for name in mnist_files:
        (tmp_path / "pages" / f"{name}.gz").write_text("<html>We have moved</html>")
    pages = serve(tmp_path / "pages")
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [pages.address, server.address])
    check(load_dataset("mnist", tmp_path / "data"), mnist_files)
    assert pages.requested == server.requested
    assert not list(tmp_path.rglob(".fetching-*"))


def test_files_of_torchvisions_past_are_not_read(
    server: Any, mnist_files: Files, tmp_path: Path
) -> None:
    processed = tmp_path / "MNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(5, 28, 28, dtype=torch.uint8), torch.zeros(5)), processed / name)
    check(load_dataset("mnist", tmp_path), mnist_files)


def put(root: Path, folder: str, files: Files, **packed: int) -> None:
    """The files, unpacked, or packed by gzip with a time in the header that no other has."""
    (root / folder).mkdir(parents=True)
    for name, content in files.items():
        if packed:
            file, content = f"{name}.gz", gzip.compress(content, packed["level"], mtime=99)
        else:
            file = name
        (root / folder / file).write_bytes(content)


@pytest.fixture
def pinned(mnist_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up files are those whose checksums are known."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in mnist_files.items()}
    monkeypatch.setattr(integrity, "RAW_SHA256", {"mnist": sums})
    monkeypatch.setattr(integrity, "MNIST_SHA256", sums)
    monkeypatch.setattr(integrity, "IDX_COUNTS", {"train": 30, "t10k": 20})


@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.usefixtures("pinned")
def test_what_was_compressed_anew_is_known_by_its_content(
    server: Any, mnist_files: Files, tmp_path: Path, level: int
) -> None:
    put(tmp_path, str(RAW), mnist_files, level=level)
    check(load_dataset("mnist", tmp_path), mnist_files)
    check(load_dataset("mnist", tmp_path), mnist_files)  # unpacked meanwhile
    assert server.requested == []


@pytest.mark.usefixtures("pinned", "server")
def test_unpacked_files_need_no_archive_beside_them(mnist_files: Files, tmp_path: Path) -> None:
    put(tmp_path, str(RAW), mnist_files)
    (tmp_path / RAW / "train-images-idx3-ubyte.gz").write_bytes(b"half of a download")
    check(load_dataset("mnist", tmp_path), mnist_files)


@pytest.mark.usefixtures("pinned", "server")
def test_other_content_compressed_is_refused(mnist_files: Files, tmp_path: Path) -> None:
    name = "train-images-idx3-ubyte"
    changed = mnist_files[name][:-1] + bytes([mnist_files[name][-1] ^ 1])
    put(tmp_path, str(RAW), mnist_files | {name: changed}, level=9)
    path = tmp_path / RAW / f"{name}.gz"
    packed = hashlib.md5(path.read_bytes()).hexdigest()
    for content, fault in (
        (path.read_bytes(), f", and {name} in it has SHA-256 "),
        (path.read_bytes()[:-9], ", and cannot be unpacked (Compressed file ended before"),
        (b"<html>404</html>", ", and cannot be unpacked (Not a gzipped file"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_dataset("mnist", tmp_path)
        text = str(caught.value)
        assert fault in text and f"{path} has MD5 " in text and "Delete it" in text
        assert (packed in text) == (fault.endswith("SHA-256 "))
        assert list((tmp_path / RAW).glob("*ubyte")) == []


@pytest.mark.usefixtures("pinned")
def test_without_a_known_checksum_the_format_decides(
    mnist_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody publishes what Fashion-MNIST's files are unpacked; but they are not MNIST's."""
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    others = {name: content[:-1] + b"\7" for name, content in mnist_files.items()}
    put(tmp_path / "a", "FashionMNIST/raw", others, level=9)
    assert load_dataset("fashion_mnist", tmp_path / "a").train.labels[-1] == 7
    for place, packed in (("b", {"level": 9}), ("c", {})):
        put(tmp_path / place, "FashionMNIST/raw", mnist_files, **packed)
        with pytest.raises(DataError, match="is MNIST's, not that of fashion_mnist"):
            load_dataset("fashion_mnist", tmp_path / place)


def test_what_was_looked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", tmp_path)
    text = str(caught.value)
    assert f"Looked for below {tmp_path}: " in text
    for split in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            name = f"MNIST/raw/{split}-{kind}-ubyte"
            assert f"{name} or {name}.gz" in text
