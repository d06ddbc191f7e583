"""torchvision's other data sets, from made-up archives on a local server."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from cvae_core.data import Dataset, load_dataset
from cvae_core.data.sources import vision_sets
from cvae_core.data.vision import torchvision
from cvae_core.errors import DataError

Files = dict[str, bytes]
BATCHES = [f"data_batch_{number}" for number in range(1, 6)]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture
def server(served: Path, serve: Callable[[Path], Any]) -> Any:
    return serve(served)


@pytest.fixture(params=["fashion_mnist", "kmnist"])
def idx_set(
    request: pytest.FixtureRequest,
    mnist_files: Files,
    served: Path,
    server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    resources = []
    for name, content in mnist_files.items():
        packed = gzip.compress(content)
        (served / f"{name}.gz").write_bytes(packed)
        resources.append((f"{name}.gz", md5(packed)))
    source = {"fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}[request.param]
    monkeypatch.setattr(getattr(torchvision.datasets, source), "mirrors", [server.address])
    monkeypatch.setattr(getattr(torchvision.datasets, source), "resources", resources)
    return str(request.param)


def test_sets_in_mnists_format(
    idx_set: str, mnist_files: Files, server: Any, tmp_path: Path
) -> None:
    for _ in range(2):
        data = load_dataset(idx_set, tmp_path)
        assert data.name == idx_set
        assert len(data.classes) == 10
        assert data.train.pixels.shape == (30, 1, 28, 28)
        assert data.train.pixels.tobytes() == mnist_files["train-images-idx3-ubyte"][16:]
        assert bytes(data.test.labels.tolist()) == mnist_files["t10k-labels-idx1-ubyte"][8:]
        assert len(server.requested) == 4


@pytest.fixture
def cifar(served: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Six batches of four images in CIFAR's archive, by name."""
    random = np.random.default_rng(0)
    batches: dict[str, Any] = {
        name: {
            "data": random.integers(0, 256, (4, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, 4).tolist(),
        }
        for name in (*BATCHES, "test_batch")
    }
    source = torchvision.datasets.CIFAR10
    files = {name: pickle.dumps(batch) for name, batch in batches.items()}
    files["batches.meta"] = pickle.dumps({"label_names": [str(label) for label in range(10)]})
    with tarfile.open(served / "cifar-10-python.tar.gz", "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    packed = (served / "cifar-10-python.tar.gz").read_bytes()
    monkeypatch.setattr(source, "url", f"{server.address}cifar-10-python.tar.gz")
    monkeypatch.setattr(source, "tgz_md5", md5(packed))
    monkeypatch.setattr(source, "train_list", [[name, md5(files[name])] for name in BATCHES])
    monkeypatch.setattr(source, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": md5(files["batches.meta"])})
    return batches


def check_cifar(data: Dataset, batches: dict[str, Any]) -> None:
    assert data.name == "cifar10"
    assert data.classes[0] == "airplane"
    assert data.classes[9] == "truck"
    assert data.train.pixels.shape == (20, 3, 32, 32)
    assert data.train.pixels.flags["C_CONTIGUOUS"]
    for split, names in ((data.train, BATCHES), (data.test, ["test_batch"])):
        # A row holds 1,024 red values, then green, then blue.
        expected = [row for name in names for row in batches[name]["data"]]
        assert split.pixels.tobytes() == b"".join(row.tobytes() for row in expected)
        assert split.labels.tolist() == [x for name in names for x in batches[name]["labels"]]


def test_cifar10(cifar: dict[str, Any], server: Any, tmp_path: Path) -> None:
    for _ in range(2):
        check_cifar(load_dataset("cifar10", tmp_path), cifar)
        assert server.requested == ["/cifar-10-python.tar.gz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
    ]


def test_unpacked_cifar10_needs_no_archive(
    cifar: dict[str, Any], server: Any, tmp_path: Path
) -> None:
    load_dataset("cifar10", tmp_path)
    (tmp_path / "cifar-10-python.tar.gz").unlink()
    check_cifar(load_dataset("cifar10", tmp_path), cifar)
    assert len(server.requested) == 1


def test_a_lost_file_comes_from_the_archive_that_is_there(
    cifar: dict[str, Any], server: Any, tmp_path: Path
) -> None:
    load_dataset("cifar10", tmp_path)
    (tmp_path / "cifar-10-batches-py" / "test_batch").unlink()
    check_cifar(load_dataset("cifar10", tmp_path), cifar)
    assert len(server.requested) == 1


def test_cifar10_cannot_be_fetched(
    cifar: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar.tar.gz")
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/.*refused.*--data-root") as caught:
        load_dataset("cifar10", tmp_path / "new")
    batches = ", ".join(f"cifar-10-batches-py/{name}" for name in (*BATCHES, "test_batch"))
    assert f"Looked for below {tmp_path / 'new'}: {batches}, " in str(caught.value)
    assert str(caught.value).endswith("batches.meta or cifar-10-python.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_an_answer_with_another_checksum_is_not_kept(
    cifar: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = torchvision.datasets.CIFAR10.tgz_md5
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", "0" * 32)
    with pytest.raises(DataError, match=rf"MD5 {found}, expected 0{{32}}"):
        load_dataset("cifar10", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def svhn(served: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Its two files: images (32, 32, 3, N); the digit 0 has the label 10."""
    random = np.random.default_rng(0)
    contents, listed = {}, {}
    for split, count in (("train", 12), ("test", 7)):
        pixels = random.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = np.arange(1, count + 1)[:, None] % 10
        labels[labels == 0] = 10
        name = f"{split}_32x32.mat"
        scipy.io.savemat(served / name, {"X": pixels, "y": labels})
        listed[split] = [server.address + name, name, md5((served / name).read_bytes())]
        contents[split] = (pixels, labels)
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    return contents


def test_svhn(svhn: dict[str, Any], server: Any, tmp_path: Path) -> None:
    for _ in range(2):
        data = load_dataset("svhn", tmp_path)
        assert data.classes == tuple("0123456789")
        for split, images in (("train", data.train), ("test", data.test)):
            pixels, labels = svhn[split]
            assert images.pixels.flags["C_CONTIGUOUS"]
            assert images.pixels.shape == (pixels.shape[3], 3, 32, 32)
            for number in range(len(images)):
                for channel in range(3):
                    np.testing.assert_array_equal(
                        images.pixels[number, channel], pixels[:, :, channel, number]
                    )
            assert images.labels.tolist() == [int(label) % 10 for label in labels[:, 0]]
        assert server.requested == ["/train_32x32.mat", "/test_32x32.mat"]


WRONG = {
    "fashion_mnist": "FashionMNIST/raw/t10k-images-idx3-ubyte.gz",
    "cifar10": "cifar-10-batches-py/data_batch_3",
    "cifar10, archive": "cifar-10-python.tar.gz",
    "svhn": "test_32x32.mat",
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.usefixtures("cifar", "svhn")
def test_wrong_checksums_are_named_before_anything_is_fetched(
    case: str, server: Any, tmp_path: Path
) -> None:
    wrong = tmp_path / WRONG[case]
    wrong.parent.mkdir(parents=True, exist_ok=True)
    wrong.write_bytes(b"half of a download")
    before = sorted(tmp_path.rglob("*"))
    source = torchvision.datasets
    expected = {
        "fashion_mnist": dict(source.FashionMNIST.resources).get(wrong.name),
        "cifar10": dict(source.CIFAR10.train_list).get(wrong.name),
        "cifar10, archive": source.CIFAR10.tgz_md5,
        "svhn": source.SVHN.split_list["test"][2],
    }[case]
    with pytest.raises(DataError) as caught:
        load_dataset(case.partition(",")[0], tmp_path)
    text = str(caught.value)
    assert f"{wrong} has MD5 {md5(b'half of a download')}, expected {expected}" in text
    assert "Delete it" in text and "--data-root" in text
    assert server.requested == []
    assert sorted(tmp_path.rglob("*")) == before
    assert wrong.read_bytes() == b"half of a download"


def test_an_unpacked_file_is_compared_with_its_archive(
    idx_set: str, mnist_files: Files, server: Any, tmp_path: Path
) -> None:
    load_dataset(idx_set, tmp_path)
    (raw,) = tmp_path.glob("*/raw/t10k-images-idx3-ubyte")
    content = bytearray(raw.read_bytes())
    content[-1] ^= 1
    raw.write_bytes(content)
    intact = md5(mnist_files[raw.name])
    with pytest.raises(DataError, match=rf"{raw} has MD5 {md5(content)}, expected {intact}"):
        load_dataset(idx_set, tmp_path)
    assert raw.read_bytes() == content
    raw.unlink()
    assert load_dataset(idx_set, tmp_path).test.pixels.tobytes() == mnist_files[raw.name][16:]
    assert len(server.requested) == 4


def test_what_was_read_is_kept_until_a_file_changes(
    idx_set: str, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without torchvision, which alone can check the files."""
    root, cache = tmp_path / "root", tmp_path / "cache"
    first = load_dataset(idx_set, root, cache=cache)
    with monkeypatch.context() as patch:
        patch.setattr(vision_sets, "_checked_and_read", None)
        again = load_dataset(idx_set, root, cache=cache)
    assert again.fingerprint() == first.fingerprint()
    assert again.classes == first.classes
    (raw,) = root.glob("*/raw/t10k-images-idx3-ubyte")
    content = bytearray(raw.read_bytes())
    content[-1] ^= 1
    raw.write_bytes(content)
    with pytest.raises(DataError, match=f"{raw} has MD5 {md5(content)}"):
        load_dataset(idx_set, root, cache=cache)
    raw.unlink()
    mended = load_dataset(idx_set, root, cache=cache)
    assert mended.fingerprint() == first.fingerprint()
    assert (
        load_dataset(idx_set, tmp_path / "other", cache=cache).fingerprint() == first.fingerprint()
    )
    assert len(server.requested) == 8


@pytest.mark.usefixtures("unpinned")
def test_labels_out_of_range_are_found_without_an_archive(
    mnist_files: Files, tmp_path: Path
) -> None:
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist_files.items():
        (raw / name).write_bytes(content)
    assert len(load_dataset("kmnist", tmp_path).train) == 30
    labels = raw / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DataError, match=f"{labels} has the label 10, expected 0 to 9"):
        load_dataset("kmnist", tmp_path)


def test_other_images_are_not_mnist(mnist_files: Files, tmp_path: Path) -> None:
    """Without its archive, MNIST is known by the published files' own checksums."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in mnist_files.items():
        (raw / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_dataset("mnist", tmp_path)
    assert str(caught.value).count("SHA-256") == 4
    assert "Delete them" in str(caught.value)


def recompress(path: Path, changed: str = "", extra: str = "") -> None:
    """The archive again, less well compressed; one member changed, or another file added."""
    with tarfile.open(path) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    if changed:
        members[changed] = members[changed][:-1] + b"!"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in (members | ({extra: b"x"} if extra else {})).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def test_an_archive_made_anew_is_known_by_what_is_in_it(
    cifar: dict[str, Any], server: Any, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    load_dataset("cifar10", root)
    archive = root / "cifar-10-python.tar.gz"
    shutil.rmtree(root / "cifar-10-batches-py")
    recompress(archive, extra="../evil")
    assert md5(archive.read_bytes()) != torchvision.datasets.CIFAR10.tgz_md5
    check_cifar(load_dataset("cifar10", root), cifar)
    assert len(server.requested) == 1
    assert not (tmp_path / "evil").exists()

    shutil.rmtree(root / "cifar-10-batches-py")
    recompress(archive, changed="cifar-10-batches-py/data_batch_3")
    with pytest.raises(DataError) as caught:
        load_dataset("cifar10", root)
    text = str(caught.value)
    assert f"{archive} has MD5" in text
    assert ", and cifar-10-batches-py/data_batch_3 in it has MD5" in text
    assert not (root / "cifar-10-batches-py").exists()


def test_an_archive_that_lacks_a_file_is_refused(
    cifar: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dataset("cifar10", tmp_path)
    shutil.rmtree(tmp_path / "cifar-10-batches-py")
    more = [*torchvision.datasets.CIFAR10.train_list, ["data_batch_6", "0" * 32]]
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "train_list", more)
    recompress(tmp_path / "cifar-10-python.tar.gz")
    with pytest.raises(DataError, match=r"cannot be unpacked \(.*data_batch_6 not in it\)"):
        load_dataset("cifar10", tmp_path)
