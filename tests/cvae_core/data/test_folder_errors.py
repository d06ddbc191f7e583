"""What is wrong with a folder of images is said at once: which files, how many, what to do."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.config import DataConfig
from cvae_core.data import content_hash, load_dataset
from cvae_core.errors import DataError


def message(album: Any, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        album.load(**settings)
    return str(caught.value)


def test_no_folder(album: Any) -> None:
    for path, words in (("nothing", "no such folder"), ("train/cat/0.png", "is not a folder")):
        text = message(album, path=path)
        assert f"{album.folder / path}: " in text
        assert words in text and "--data-root" in text and "data.path" in text


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_split(album: Any, split: str) -> None:
    (album.folder / split).rename(album.folder / "Photos")
    text = message(album)
    assert f"there is no folder {split}/ in it, only Photos, t" in text
    assert f"{album.folder}/train/cat/any-name.png" in text


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_classes(album: Any, split: str) -> None:
    shutil.rmtree(album.folder / split)
    album.put(f"{split}/0.png")
    assert f"{split}/ holds no class folders" in message(album)


def test_one_class(album: Any) -> None:
    for split in ("train", "test"):
        shutil.rmtree(album.folder / split / "dog")
    assert "only one class, cat" in message(album)


def test_classes_differ(album: Any) -> None:
    for number in range(7):
        album.put(f"train/fox{number}/0.png")
    album.put("test/owl/0.png")
    text = message(album)
    assert "only in train/: fox0, fox1, fox2, fox3, fox4 and 2 more; only in test/: owl" in text


def test_classes_without_images(album: Any) -> None:
    (album.folder / "test/dog/0.png").rename(album.folder / "test/dog/0.heic")
    (album.folder / "test/dog/1.png").unlink()
    text = message(album)
    assert "class folders without images (1): test/dog." in text
    assert ".webp" in text


def truncated(path: Path, image: Image.Image) -> None:
    image.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def save(image: Image.Image) -> Callable[[Path], object]:
    return lambda path: image.save(path)


def deep(dtype: str) -> Callable[[Path], object]:
    return save(Image.fromarray(np.arange(64, dtype=dtype).reshape(8, 8)))


NOISE = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
CLEAR_PALETTE = Image.fromarray(NOISE[:, :, :3]).convert("P")
BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "truncated jpeg": (
        "jpg",
        lambda path: truncated(path, Image.fromarray(NOISE[:, :, :3]).resize((64, 64))),
        "cannot be read",
    ),
    "truncated png": ("png", lambda path: truncated(path, Image.new("L", (9, 9))), "truncated"),
    "empty": ("png", lambda path: path.write_bytes(b""), "(empty)"),
    "a text": ("png", lambda path: path.write_text("<html>"), "cannot be read"),
    "16 bits": ("png", deep("uint16"), "8 bits a channel (1):\n    test/dog/bad.png (mode I;16)"),
    "16 bits, pgm": ("pgm", deep("uint16"), "8 bits"),
    "32 bits": ("tif", deep("int32"), "8 bits a channel (1):\n    test/dog/bad.tif (mode I)"),
    "floats": ("tif", deep("float32"), "8 bits a channel (1):\n    test/dog/bad.tif (mode F)"),
    "cmyk": ("jpg", save(Image.fromarray(NOISE, "CMYK")), "mode CMYK"),
    "ycbcr": ("tif", save(Image.fromarray(NOISE[:, :, :3], "YCbCr")), "mode YCbCr"),
    "lab": ("tif", save(Image.fromarray(NOISE[:, :, :3], "LAB")), "mode LAB"),
    "transparent": ("png", save(Image.fromarray(NOISE, "RGBA")), "transparent"),
    "transparent grey": ("png", save(Image.fromarray(NOISE[:, :, :2].copy(), "LA")), "transparent"),
    "transparent palette": (
        "png",
        lambda path: CLEAR_PALETTE.save(path, transparency=CLEAR_PALETTE.getpixel((0, 0))),
        "transparent",
    ),
    "a transparent colour": (
        "png",
        lambda path: Image.fromarray(NOISE[:, :, 0].copy()).save(
            path, transparency=int(NOISE[0, 0, 0])
        ),
        "transparent",
    ),
    "small": ("png", save(Image.new("RGB", (3, 90))), "3×90"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_images(album: Any, case: str) -> None:
    ending, spoil, words = BAD[case]
    spoil(album.folder / f"test/dog/bad.{ending}")
    text = message(album)
    assert " (1):" in text
    assert f"    test/dog/bad.{ending}" in text
    assert words in text


def test_too_many_pixels(album: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    album.put("train/cat/0.png", album.image(size=(50, 50)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    text = message(album)
    assert "more pixels than Pillow opens" in text and "-resize" in text


def test_everything_at_once_and_five_of_each(album: Any, tmp_path: Path) -> None:
    """Eleven files of four kinds, in one message that names five of the first kind."""
    for number in range(7):
        album.put(f"train/dog/clear {number}.png", album.image("RGBA"))
    album.put("test/cat/c.jpg", album.image("CMYK"))
    (album.folder / "train/cat/empty.png").write_bytes(b"")
    album.put("../outside.png")
    (album.folder / "train/cat/out.png").symlink_to(tmp_path / "outside.png")
    (album.folder / "train/cat/gone.png").symlink_to("nothing.png")
    lines = message(album).splitlines()
    assert lines[0] == f"{album.folder} cannot be used:"
    assert [line for line in lines if line.startswith("    ")] == [
        "    test/cat/c.jpg (mode CMYK)",
        "    train/cat/gone.png (leads nowhere)",
        "    train/cat/out.png",
        *(f"    train/dog/clear {number}.png" for number in range(5)),
        "    … and 2 more",
        "    train/cat/empty.png (empty)",
    ]
    counts = [line.rpartition(" ")[2] for line in lines[1:] if line.endswith(":")]
    assert counts == ["(1):", "(2):", "(7):", "(1):"]
    (command,) = (line for line in lines if "-alpha remove" in line)
    assert f"'{album.folder}/train/dog/clear 0.png'" in command


def test_a_conversion_that_is_suggested_works(album: Any) -> None:
    path = album.put("test/cat/0.jpg", album.image("CMYK"))
    (line,) = (line for line in message(album).splitlines() if "python -c" in line)
    command = line.partition("with: ")[2]
    subprocess.run(shlex.split(command.replace("python", sys.executable, 1)), check=True)
    assert Image.open(path).mode == "RGB"
    album.load()


@pytest.mark.parametrize("place", ["train", "train/cat", "train/cat/more", "train/cat/1.png"])
def test_links_that_lead_out(album: Any, tmp_path: Path, place: str) -> None:
    link = album.folder / place
    target = tmp_path / "elsewhere" / link.name
    target.parent.mkdir()
    if link.exists():
        link.rename(target)
    else:
        target.mkdir()
    link.symlink_to(target)
    text = message(album)
    assert "lead out of the folder" in text
    assert f"    {place}\n" in text
    with pytest.raises(DataError, match="lead out"):
        content_hash(album.folder)


def test_a_folder_beside_it_with_the_same_beginning_is_outside(album: Any, tmp_path: Path) -> None:
    shutil.copytree(album.folder, tmp_path / "album2")
    link = album.folder / "train/cat/x.png"
    link.symlink_to(tmp_path / "album2/train/cat/0.png")
    assert "lead out of the folder" in message(album)
    link.unlink()
    shutil.rmtree(album.folder / "train")
    (album.folder / "train").symlink_to(tmp_path / "album2/train")
    assert "lead out of the folder" in message(album)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_files_that_may_not_be_read(album: Any) -> None:
    (album.folder / "train/cat/0.png").chmod(0)
    assert "train/cat/0.png (Permission denied)" in message(album)
    (album.folder / "train/cat").chmod(0)
    assert "Permission denied" in message(album)


def test_a_home_of_nobody(album: Any) -> None:
    with pytest.raises(DataError, match="~nobody-of-that-name"):
        load_dataset(DataConfig(name="folder", path="~nobody-of-that-name/x"), album.folder)
