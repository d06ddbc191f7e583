"""Data sets: found, missing or damaged, by their files alone."""

from __future__ import annotations

import gzip
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cvae_core.data.sources import inspect_dataset, integrity
from cvae_core.data.sources.vision_sets import VISION_SETS
from cvae_core.data.vision import torchvision
from orchestration.doctor.data import check_data
from orchestration.doctor.datafiles import data_bytes
from orchestration.doctor.finding import Finding
from orchestration.doctor.subject import Subject

Make = Callable[..., Subject]
COUNTS = {"train": 60, "t10k": 10}


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this size are whole, whatever they hold."""
    monkeypatch.setattr(integrity, "IDX_COUNTS", COUNTS)
    monkeypatch.setattr(integrity, "RAW_SHA256", {})


def write_mnist(root: Path, source: str = "MNIST") -> Path:
    """The four files as torchvision reads them, with fewer images."""
    folder = root / source / "raw"
    folder.mkdir(parents=True)
    for part, count in COUNTS.items():
        images = struct.pack(">IIII", 0x803, count, 28, 28) + bytes(count * 784)
        labels = struct.pack(">II", 0x801, count) + bytes(count)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    return folder


def only(subject: Subject) -> Finding:
    (finding,) = check_data(subject)
    return finding


def test_digits_come_with_scikit_learn(subject: Make) -> None:
    assert only(subject()).status == "ok"


@pytest.mark.parametrize(
    ("name", "source"),
    [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_whole_and_cut_off(subject: Make, tmp_path: Path, name: str, source: str) -> None:
    folder = write_mnist(tmp_path, source)
    asked = subject(f"data.name={name}", data_root=tmp_path)
    # torchvision itself takes these files.
    assert len(getattr(torchvision.datasets, source)(str(tmp_path), train=True)) == 60
    finding = only(asked)
    assert (finding.status, finding.advice) == ("ok", None)
    assert str(folder) in finding.found
    cut = folder / "t10k-images-idx3-ubyte"
    cut.write_bytes(cut.read_bytes()[:-1])
    finding = only(asked)
    assert finding.status == "problem"
    assert "t10k-images-idx3-ubyte" in finding.found
    assert "train" not in finding.found.rpartition("raw")[2]
    assert f"cvae-sweep data {name} --data-root {tmp_path}`" in str(finding.advice)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x03", b"<html>not found</html>"])
def test_a_file_that_is_something_else(subject: Make, tmp_path: Path, content: bytes) -> None:
    (write_mnist(tmp_path) / "train-labels-idx1-ubyte").write_bytes(content)
    assert only(subject("data.name=mnist", data_root=tmp_path)).status == "problem"


def test_missing_and_incomplete_ones_are_downloaded(subject: Make, tmp_path: Path) -> None:
    asked = subject("data.name=mnist", data_root=tmp_path / "my data")
    assert only(asked).status == "warning"
    assert "cvae-sweep data mnist --data-root '" in str(only(asked).advice)
    (write_mnist(tmp_path / "my data") / "train-labels-idx1-ubyte").unlink()
    assert only(asked).status == "warning"
    name = "MNIST/raw/train-labels-idx1-ubyte"
    assert only(asked).found.endswith(
        f"looked for below {tmp_path / 'my data'}: {name} or {name}.gz"
    )


def test_packed_files_are_held_against_their_published_sums(
    subject: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "RAW_SHA256", {"mnist": integrity.MNIST_SHA256})
    folder = write_mnist(tmp_path)
    for file in list(folder.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert only(subject("data.name=mnist", data_root=tmp_path)).status == "problem"


def write_with_sums(folder: Path, names: list[str]) -> dict[str, str]:
    """Files, and their MD5 as another program computes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode() * 1000)
    done = subprocess.run(["md5sum", *names], cwd=folder, capture_output=True, text=True)
    return {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}


def test_cifar10(subject: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = torchvision.datasets.CIFAR10
    asked = subject("data.name=cifar10", data_root=tmp_path)
    assert only(asked).status == "warning"
    folder = tmp_path / "cifar-10-batches-py"
    sums = write_with_sums(folder, ["a", "b", "meta"])
    assert only(asked).status == "warning"  # not the published files
    monkeypatch.setattr(source, "train_list", [["a", sums["a"]]])
    monkeypatch.setattr(source, "test_list", [["b", sums["b"]]])
    monkeypatch.setattr(source, "meta", {"filename": "meta", "md5": sums["meta"]})
    assert only(asked).status == "ok"
    (folder / "b").write_bytes(b"altered")
    finding = only(asked)
    assert finding.status == "problem"
    assert str(folder / "b") in finding.found
    assert str(folder / "a") not in finding.found


def test_svhn(subject: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = subject("data.name=svhn", data_root=tmp_path)
    names = ["train_32x32.mat", "test_32x32.mat"]
    sums = write_with_sums(tmp_path, names)
    assert only(asked).status == "problem"
    listed = {
        part: ["url", f"{part}_32x32.mat", sums[f"{part}_32x32.mat"]] for part in ("train", "test")
    }
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", listed)
    assert only(asked).status == "ok"
    (tmp_path / names[1]).unlink()
    assert only(asked).status == "warning"


def test_images_of_ones_own(subject: Make, tmp_path: Path) -> None:
    asked = subject("data.name=folder", "data.path=mine", data_root=tmp_path)
    (tmp_path / "mine" / "train" / "cat").mkdir(parents=True)
    finding = only(asked)
    assert finding.status == "problem"
    assert "there is no folder test/" in finding.found
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "mine" / part / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "mine" / part / name / "1.png").write_bytes(b"")
    assert only(asked).status == "ok"
    assert data_bytes(asked.data[0], tmp_path) == 4 * 3 * 32 * 32


def test_what_is_left_out_of_images_of_ones_own(subject: Make, tmp_path: Path) -> None:
    asked = subject("data.name=folder", "data.path=mine", data_root=tmp_path)
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (tmp_path / "mine" / part / name / "@eaDir").mkdir(parents=True)
            (tmp_path / "mine" / part / name / "@eaDir" / "1.png").write_bytes(b"")
            (tmp_path / "mine" / part / name / "1.png").write_bytes(b"")
    finding = only(asked)
    assert finding.status == "ok"
    assert "(4 images); left out: files and folders of operating systems" in finding.found
    assert "(4): test/cat/@eaDir/, test/dog/@eaDir/" in finding.found
    assert data_bytes(asked.data[0], tmp_path) == 4 * 3 * 32 * 32
    (tmp_path / "mine" / "train" / "1.png").write_bytes(b"")
    finding = only(asked)
    assert (finding.status, finding.advice) == (
        "warning",
        "Move them into train/CLASS/ or test/CLASS/.",
    )
    assert "images that lie in no class folder (1): train/1.png" in finding.found


def test_without_a_sweep_all_that_have_a_name(subject: Make, tmp_path: Path) -> None:
    write_mnist(tmp_path)
    findings = check_data(subject(sweep=False, data_root=tmp_path))
    assert [f.status for f in findings] == ["ok", "ok", "warning"]
    missing = findings[-1].name.removeprefix("data ").split(", ")
    assert sorted(missing) == sorted(VISION_SETS.keys() - {"mnist"})


def test_bytes_are_those_of_the_data(subject: Make, small: object) -> None:
    from cvae_core.data import load_dataset

    digits = load_dataset("digits")
    config = subject().data[0]
    assert data_bytes(config, None) == digits.train.pixels.nbytes + digits.test.pixels.nbytes
    assert inspect_dataset(config, None).state == "found"
