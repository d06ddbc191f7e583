from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from threadpoolctl import threadpool_limits

from cvae_core.data import Dataset, Images, load_dataset
from cvae_core.evaluation.distances import classifier


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Numbers depend on the thread count, and so does the speed of a machine that is shared: there
    several threads of BLAS wait for each other ten times as long as one takes alone.

    As wide as a module, so that a module's own fixtures come after it.
    """
    import sklearn  # noqa: F401 - brings BLAS and OpenMP in, so that they can be held

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture(scope="session")
def small(digits: Dataset) -> Dataset:
    """300 training images: with batches of 64, 270 of them end in a ragged batch of 14."""
    return Dataset(
        "digits",
        Images(digits.train.pixels[:300], digits.train.labels[:300]),
        Images(digits.test.pixels[:60], digits.test.labels[:60]),
        digits.classes,
    )


@pytest.fixture(scope="session")
def classifiers(shared_folder: Callable[[str], Path], small: Dataset) -> Path:
    """A cache that has the classifier of ``small``; tests that change it copy it.

    It is trained for a third as long as usual, which is enough for so few images.
    """
    folder = shared_folder("classifiers")
    with FileLock(folder / "lock"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "MOST_EPOCHS", 8)
        for _ in classifier.obtain(small, "digits-cnn", folder, None):
            pass
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]


class Server(ThreadingHTTPServer):
    """Files of one folder; notes what was asked for."""

    requested: list[str]
    address: str


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.requested.append(self.path)
        super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Server]]:
    """``serve(folder)`` over HTTP on this machine until the test ends."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running: list[tuple[Server, threading.Thread]] = []

    def begin(folder: Path) -> Server:
        server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        server.requested = []
        server.address = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread))
        return server

    yield begin
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()
