"""Where the weights come from, with a real server and a file of the real size."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.distances import inception_weights as subject
from cvae_core.evaluation.distances.declaration import FidConfig

NAME = "pt_inception-2015-12-05-6726825d.pth"
WRONG = "0" * 64


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch's, an address where nobody is, and no memory of failures."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(subject, "_failed", {})
    point_to("http://127.0.0.1:9/", monkeypatch)
    return tmp_path / "torch"


def point_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject.pytorch_fid_inception(), "FID_WEIGHTS_URL", address + NAME)


def place(home: Path) -> Path:
    return home / "hub" / "checkpoints" / NAME


def found(settings: FidConfig) -> Path:
    *shares, path = subject.weights_file(settings)
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert shares == sorted(shares)
    assert isinstance(path, Path)
    return path


def read(settings: FidConfig) -> dict[str, torch.Tensor]:
    return subject.read_weights(found(settings), settings.sha256)


@pytest.fixture
def server(
    serve: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, str]:
    """Serves a small file of weights; with its hash."""
    (tmp_path / "served").mkdir()
    file = tmp_path / "served" / NAME
    torch.save({"a": torch.arange(100_000)}, file)
    running = serve(file.parent)
    point_to(running.address, monkeypatch)
    return running, hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_name_is_pytorch_fids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    url = subject.pytorch_fid_inception().FID_WEIGHTS_URL
    assert url.endswith("/" + NAME)
    assert FidConfig().sha256.startswith(url.removesuffix(".pth").rpartition("-")[2])


def test_a_named_file_needs_no_server(server: tuple[Any, str], tmp_path: Path, home: Path) -> None:
    running, sha256 = server
    path = tmp_path / "served" / NAME
    assert read(FidConfig(weights=str(path), sha256=sha256.upper()))["a"][7] == 7
    assert running.requested == []
    assert not home.exists()


def test_it_is_downloaded_once(server: tuple[Any, str], home: Path) -> None:
    running, sha256 = server
    shares = list(subject.weights_file(FidConfig(sha256=sha256)))[:-1]
    assert len(shares) > 3
    assert read(FidConfig(sha256=sha256))["a"][7] == 7
    assert running.requested == ["/" + NAME]
    assert list(home.rglob("*")) == [home / "hub", place(home).parent, place(home)]


def test_two_at_once_do_not_disturb_each_other(server: tuple[Any, str], home: Path) -> None:
    running, sha256 = server
    both = [subject.weights_file(FidConfig(sha256=sha256)) for _ in range(2)]
    for each in both:
        assert isinstance(next(each), float)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda each: list(each)[-1], both))
    assert ends == [place(home)] * 2
    assert len(running.requested) == 2
    assert read(FidConfig(sha256=sha256))["a"][7] == 7
    assert list(place(home).parent.iterdir()) == [place(home)]


def test_one_that_is_given_up_leaves_nothing(server: tuple[Any, str], home: Path) -> None:
    running = subject.weights_file(FidConfig(sha256=server[1]))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert not home.exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_file_of_another_hash_is_not_opened(named: bool, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.pth" if named else place(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no weights")
    with pytest.raises(EvaluationError) as caught:
        read(FidConfig(weights=str(path) if named else None))
    for part in (str(path), hashlib.sha256(b"no weights").hexdigest(), FidConfig().sha256):
        assert part in str(caught.value)
    assert "evaluation.fid.weights" in str(caught.value)
    assert path.read_bytes() == b"no weights"


def test_a_wrong_download_is_deleted_and_not_repeated(server: tuple[Any, str], home: Path) -> None:
    running, sha256 = server
    for _ in range(2):
        with pytest.raises(EvaluationError) as caught:
            read(FidConfig(sha256=WRONG))
        for part in (running.address, sha256, WRONG, "evaluation.fid.weights"):
            assert part in str(caught.value)
    assert running.requested == ["/" + NAME]
    assert not home.exists()


def test_what_holds_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    for content, words in ((b"text", "cannot be read"), (None, "a list")):
        if content is None:
            torch.save([1, 2], path)
        else:
            path.write_bytes(content)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(EvaluationError, match=words):
            read(FidConfig(weights=str(path), sha256=sha256))


def test_nothing_but_weights_is_loaded(tmp_path: Path) -> None:
    """A pickle that would run something when it is loaded does not, whatever its hash."""
    path = tmp_path / "evil.pth"
    torch.save({"a": Evil(str(tmp_path / "ran"))}, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(EvaluationError, match="cannot be read"):
        read(FidConfig(weights=str(path), sha256=sha256))
    assert not (tmp_path / "ran").exists()


class Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.mkdir, (Path(self.path),))


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no\.pth is not a file"):
        read(FidConfig(weights=str(tmp_path / "no.pth")))


def absent(home: Path) -> str:
    with pytest.raises(AbsentError) as caught:
        found(FidConfig())
    for part in (str(place(home)), "evaluation.fid.weights"):
        assert part in str(caught.value)
    assert not home.exists()
    return str(caught.value)


def test_no_server(home: Path) -> None:
    began = time.monotonic()
    assert "refused" in absent(home)
    assert time.monotonic() - began < 3


def test_a_missing_file(
    serve: Callable[[Path], Any], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(serve(tmp_path).address, monkeypatch)
    assert "404" in absent(home)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """A host that accepts, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        asked: list[socket.socket] = []
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    asked.append(listening.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        point_to(f"http://127.0.0.1:{listening.getsockname()[1]}/", monkeypatch)
        yield asked
        over.set()
        thread.join()
        for connection in asked:
            connection.close()


def test_a_silent_host_is_asked_once(
    silent: list[socket.socket], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subject.ANSWER_S < 10
    monkeypatch.setattr(subject, "ANSWER_S", 0.3)
    began = time.monotonic()
    first = absent(home)
    assert "timed out" in first
    assert absent(home) == first
    assert time.monotonic() - began < 3
    assert len(silent) == 1
    monkeypatch.setattr(subject, "ASK_AGAIN_S", 0)
    assert absent(home) == first
    assert len(silent) == 2


def test_a_file_that_was_put_there_is_found_after_a_failure(home: Path) -> None:
    absent(home)
    place(home).parent.mkdir(parents=True)
    torch.save({"a": torch.ones(1)}, place(home))
    assert found(FidConfig()) == place(home)


def test_a_download_that_breaks_off(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + bytes(300_000)
            )
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        point_to(f"http://127.0.0.1:{listening.getsockname()[1]}/", monkeypatch)
        assert "broke off after 300,000 of 900,000 bytes" in absent(home)
        thread.join()
