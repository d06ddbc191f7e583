"""The second load reads neither the files nor decodes them, and never gives other images."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.data import Dataset, content_hash
from cvae_core.data.sources import content, decode, decoded_cache, folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def old(album: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files that were changed long ago, as far as the clock of the file system can tell."""
    monkeypatch.setattr(content, "COARSE_CLOCK_NS", 0)
    age(album)
    return album


def age(album: Any) -> None:
    for path in album.folder.rglob("*.png"):
        os.utime(path, (1e9, 1e9))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images whose bytes are read."""
    names: list[str] = []
    read_bytes = Path.read_bytes

    def noting(path: Path) -> bytes:
        if path.suffix == ".png":
            names.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noting)
    return names


def test_the_second_load_reads_no_image(old: Any, cache: Path, read: list[str]) -> None:
    first = old.load(cache)
    assert len(read) == 16  # hashed and decoded
    read.clear()
    second = old.load(cache)
    assert read == []
    assert second.fingerprint() == first.fingerprint() == old.load().fingerprint()
    assert (second.name, second.classes) == (first.name, first.classes)


def test_without_a_cache_nothing_is_kept(old: Any, read: list[str], tmp_path: Path) -> None:
    old.load()
    old.load()
    assert len(read) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["album"]


def test_a_changed_file_is_seen(old: Any, cache: Path, read: list[str]) -> None:
    old.load(cache)
    path = old.put("train/dog/1.png")
    read.clear()
    data = old.load(cache)
    assert read[0] == "1.png" and len(read) == 9  # hashed alone, then all are decoded
    np.testing.assert_array_equal(
        data.train.pixels[3], np.asarray(Image.open(path)).transpose(2, 0, 1)
    )
    assert data.fingerprint() == old.load().fingerprint()


def test_files_that_were_just_changed_are_read_again(
    album: Any, cache: Path, read: list[str]
) -> None:
    """Their bytes could change once more, with equal size and times."""
    age(album)
    first = content_hash(album.folder, cache=cache)
    read.clear()
    assert content_hash(album.folder, cache=cache) == first
    assert len(read) == 8


@pytest.mark.parametrize("how", ["in place", "renamed over it"])
def test_other_bytes_of_equal_size_and_time_are_seen(
    old: Any, cache: Path, read: list[str], how: str
) -> None:
    """As when an archive is unpacked once more: it says when its files were modified."""
    before = content_hash(old.folder, cache=cache)
    path = old.folder / "train/dog/1.png"
    state, changed = path.stat(), bytearray(path.read_bytes())
    changed[-1] ^= 1
    if how == "in place":
        path.write_bytes(changed)
    else:
        other = path.with_name("new")
        other.write_bytes(changed)
        other.replace(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    read.clear()
    assert content_hash(old.folder, cache=cache) != before
    assert read == ["1.png"]


def test_an_inode_of_its_own_is_another_file(old: Any, cache: Path, read: list[str]) -> None:
    """Where the file system's clock is so coarse that both times are equal."""
    path = old.folder / "train/dog/1.png"
    state = content.State.of(path)
    assert state != state._replace(inode=state.inode + 1)
    content_hash(old.folder, cache=cache)
    (index,) = (cache / "index").iterdir()
    index.write_text(index.read_text().replace(f"{state.inode}]", "0]"))
    read.clear()
    content_hash(old.folder, cache=cache)
    assert read == ["1.png"]


def test_added_removed_and_renamed_files_are_seen(old: Any, cache: Path) -> None:
    hashes = {content_hash(old.folder, cache=cache)}
    for change in (
        lambda: old.put("train/dog/2.png"),
        lambda: (old.folder / "train/dog/0.png").unlink(),
        lambda: (old.folder / "train/dog/1.png").rename(old.folder / "train/dog/9.png"),
    ):
        change()
        age(old)
        found = content_hash(old.folder, cache=cache)
        assert found == content_hash(old.folder)
        hashes.add(found)
    assert len(hashes) == 4


def test_sizes_colours_and_decoders_are_kept_apart(
    old: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for settings in ({}, {"image_size": 4}, {"colour": "grey"}, {"colour": "rgb"}, {}):
        data = old.load(cache, **settings)
        assert data.fingerprint() == old.load(**settings).fingerprint()
        assert data.name == old.load(**settings).name
    assert len(decoded(cache)) == 3
    monkeypatch.setattr(decoded_cache, "DECODER", decode.DECODER + 1)
    old.load(cache)
    assert len(decoded(cache)) == 4


def test_grey_images_that_were_loaded_in_colour_are_grey_in_auto(old: Any, cache: Path) -> None:
    for path in old.folder.rglob("*.png"):
        old.image("L").save(path)
    age(old)
    for colour, channels in (("rgb", 3), ("auto", 1), ("rgb", 3), ("auto", 1), ("grey", 1)):
        assert old.load(cache, colour=colour).image_shape[0] == channels


def decoded(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.name != "index"]


DAMAGE = {
    "pixels flipped": lambda place: flip(place / "train-pixels.npy"),
    "labels flipped": lambda place: flip(place / "test-labels.npy", -8),
    "truncated": lambda place: (place / "test-pixels.npy").write_bytes(b"\x93NUMPY"),
    "empty": lambda place: (place / "test-pixels.npy").write_bytes(b""),
    "a pickle": lambda place: np.save(place / "test-labels.npy", np.array([{}], object)),
    "a file is gone": lambda place: (place / "train-labels.npy").unlink(),
    "no description": lambda place: (place / "about.json").unlink(),
    "no JSON": lambda place: (place / "about.json").write_text("{"),
    "a list": lambda place: (place / "about.json").write_text("[]"),
}


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cache_is_decoded_again(old: Any, cache: Path, damage: str) -> None:
    expected = old.load(cache).fingerprint()
    (place,) = decoded(cache)
    DAMAGE[damage](place)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert old.load(cache).fingerprint() == expected
    assert decoded(cache) == [place]
    assert decoded_cache._read(place, old.config(), ("cat", "dog")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2, "began_ns": 9, "files": {"a": 1}}',
        '{"format": 2, "began_ns": 9, "files": {"a": [[1, "b", 3, 4], "c"]}}',
    ],
)
def test_a_damaged_index_is_made_again(old: Any, cache: Path, text: str, read: list[str]) -> None:
    expected = content_hash(old.folder, cache=cache)
    (index,) = (cache / "index").iterdir()
    index.write_text(text)
    assert content_hash(old.folder, cache=cache) == expected
    read.clear()
    assert content_hash(old.folder, cache=cache) == expected
    assert read == []


@pytest.mark.parametrize("obstacle", ["file", "full"])
def test_a_cache_that_cannot_be_written(
    old: Any, cache: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = old.load().fingerprint()
    if obstacle == "file":
        cache.write_text("a file where the folder would be")
    else:
        save = np.save

        def full(path: Path, *args: Any, **options: Any) -> None:
            save(path, *args, **options)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "save", full)
    with pytest.warns(UserWarning, match="cannot be written"):
        assert old.load(cache).fingerprint() == expected
    if obstacle == "full":
        assert decoded(cache) == []


def test_a_file_that_changes_while_it_is_loaded_is_not_cached(
    old: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_files = content.hash_files

    def then_changed(*args: Any, **options: Any) -> dict[str, str]:
        hashes = hash_files(*args, **options)
        old.put("train/cat/0.png")
        return hashes

    monkeypatch.setattr(folder, "hash_files", then_changed)
    with pytest.raises(Exception, match=r"train/cat/0\.png \(changed while"):
        old.load(cache)
    assert decoded(cache) == []


def fingerprint(album: Any, cache: Path, start: float) -> str:
    time.sleep(max(0.0, start - time.time()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data: Dataset = album.load(cache, image_size=64)
    return data.fingerprint()


def test_processes_at_once(old: Any, cache: Path) -> None:
    expected = old.load(image_size=64).fingerprint()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        for attempt in range(3):
            start = time.time() + 0.2
            found = pool.starmap(fingerprint, [(old, cache, start)] * 4)
            assert set(found) == {expected}
            (place,) = decoded(cache)
            if attempt == 0:
                flip(place / "train-pixels.npy")  # all find it damaged
            else:
                (place / "about.json").unlink()
