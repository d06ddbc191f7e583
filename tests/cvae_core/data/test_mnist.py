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
from cvae_core.data.vision import torchvision

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
