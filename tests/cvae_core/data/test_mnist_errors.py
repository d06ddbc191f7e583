"""Whatever is wrong with MNIST on a machine ends in one error that says what to do."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from cvae_core.data import load_dataset
from cvae_core.data.sources import download, integrity
from cvae_core.data.vision import torchvision
from cvae_core.errors import DataError

Files = dict[str, bytes]
NOWHERE = "http://127.0.0.1:9/"
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [NOWHERE])
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def message(root: Path) -> str:
    began = time.monotonic()
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", root)
    assert time.monotonic() - began < 10
    text = str(caught.value)
    assert "\n" not in text
    for part in (str(root / "MNIST" / "raw"), "--data-root", "sweeps/digits_beta.yaml"):
        assert part in text
    return text


def test_missing_and_unreachable(tmp_path: Path) -> None:
    text = message(tmp_path)
    assert NOWHERE in text
    assert "refused" in text


def test_the_root_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    message(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_root_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in message(tmp_path)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    message(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"]
)
def test_a_server_that_speaks_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                connection, _ = listening.accept()
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()
        except OSError:
            pass  # the test is over

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    assert address in message(tmp_path)
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_a_server_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "DOWNLOAD_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        assert "timed out" in message(tmp_path)
    assert socket.getdefaulttimeout() is None


def header(magic: int, *sizes: int) -> bytes:
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


DAMAGE = {
    "empty": (IMAGES, b""),
    "header alone": (IMAGES, header(0x803, 30, 28, 28)),
    "three bytes": (IMAGES, b"\0\0\x08"),
    "truncated": (IMAGES, header(0x803, 30, 28, 28) + bytes(5000)),
    "text": (IMAGES, b"<html>404 not found</html>" * 100),
    "no known type": (IMAGES, header(0xA03, 30, 28, 28) + bytes(30 * 784)),
    "floats": (IMAGES, header(0xD03, 30, 28, 28) + bytes(4 * 30 * 784)),
    "labels as images": (IMAGES, header(0x801, 30) + bytes(30)),
    "truncated labels": (LABELS, header(0x801, 30) + bytes(29)),
    "fewer labels than images": (LABELS, header(0x801, 29) + bytes(29)),
    "no images": (IMAGES, header(0x803, 0, 28, 28)),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.usefixtures("unpinned")
def test_damaged_files(
    mnist_files: Files,
    tmp_path: Path,
    damage: str,
    pinned: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether the checksum of an unpacked file is known or not, it is named and stays."""
    if pinned:
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in mnist_files.items()}
        monkeypatch.setattr(integrity, "RAW_SHA256", {"mnist": sums})
    name, content = DAMAGE[damage]
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for file, intact in mnist_files.items():
        (folder / file).write_bytes(content if file == name else intact)
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", tmp_path)
    text = str(caught.value)
    assert str(folder / name) in text
    assert not any(str(folder / file) in text for file in mnist_files if file != name)
    assert "Delete it" in text and "--data-root" in text and "\n" not in text
    if pinned:
        assert hashlib.sha256(content).hexdigest() in text and sums[name] in text
    assert (folder / name).read_bytes() == content


def test_no_folder_named() -> None:
    with pytest.raises(DataError, match="folder"):
        load_dataset("mnist")
