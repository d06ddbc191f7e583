from __future__ import annotations

import functools
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from cvae_core.data import Dataset, load_dataset
from cvae_core.data.vision import torchvision

Files = dict[str, bytes]
RAW = Path("MNIST") / "raw"


class Server(ThreadingHTTPServer):
    requested: list[str]


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.requested.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(
    mnist_files: Files,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Server]:
    """Serves the four files compressed, where torchvision takes MNIST to be."""
    folder = tmp_path_factory.mktemp("served")
    resources = []
    for name, content in mnist_files.items():
        packed = gzip.compress(content)
        (folder / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    running = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    running.requested = []
    address = f"http://127.0.0.1:{running.server_address[1]}/"
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def check(data: Dataset, files: Files) -> None:
    assert data.name == "mnist"
    assert data.classes == tuple("0123456789")
    for images, split, count in ((data.train, "train", 30), (data.test, "t10k", 20)):
        assert images.pixels.shape == (count, 1, 28, 28)
        assert images.pixels.dtype == np.uint8
        assert images.labels.dtype == np.int64
        assert images.pixels.tobytes() == files[f"{split}-images-idx3-ubyte"][16:]
        assert bytes(images.labels.tolist()) == files[f"{split}-labels-idx1-ubyte"][8:]


def test_is_read_from_its_folder(
    mnist_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    (tmp_path / RAW).mkdir(parents=True)
    for name, content in mnist_files.items():
        (tmp_path / RAW / name).write_bytes(content)
    check(load_dataset("mnist", tmp_path), mnist_files)


def test_is_downloaded_once(server: Server, mnist_files: Files, tmp_path: Path) -> None:
    root = tmp_path / "not" / "there" / "yet"
    check(load_dataset("mnist", root), mnist_files)
    assert len(server.requested) >= 4
    assert {path.name for path in (root / RAW).iterdir()} >= set(mnist_files)
    server.requested.clear()
    check(load_dataset("mnist", root), mnist_files)
    assert server.requested == []


def test_only_what_is_missing_is_fetched(
    server: Server, mnist_files: Files, tmp_path: Path
) -> None:
    load_dataset("mnist", tmp_path)
    server.requested.clear()
    missing = "t10k-labels-idx1-ubyte"
    for path in (tmp_path / RAW).glob(f"{missing}*"):
        path.unlink()
    check(load_dataset("mnist", tmp_path), mnist_files)
    assert set(server.requested) == {f"/{missing}.gz"}


def test_a_damaged_download_is_refused_and_then_replaced(
    server: Server, mnist_files: Files, tmp_path: Path
) -> None:
    (tmp_path / RAW).mkdir(parents=True)
    for name in mnist_files:
        (tmp_path / RAW / f"{name}.gz").write_bytes(b"half of a download")
    check(load_dataset("mnist", tmp_path), mnist_files)
