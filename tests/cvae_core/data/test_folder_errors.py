"""What is wrong with a folder of images is said at once: which files, how many, what to do."""

from __future__ import annotations

import os
import shlex
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import MAX_TEXT_MEMORY, PngInfo

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
    (album.folder / "test/dog/0.png").write_text("")
    (album.folder / "test/dog/0.png").rename(album.folder / "test/dog/0.heic")
    (album.folder / "test/dog/1.png").unlink()
    text = message(album)
    assert "class folders without images (1): test/dog." in text
    assert "WEBP" in text and "files that are not images (1): test/dog/0.heic" in text


def truncated(path: Path, image: Image.Image) -> None:
    image.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def save(image: Image.Image) -> Callable[[Path], object]:
    return lambda path: image.save(path)


def deep(dtype: str) -> Callable[[Path], object]:
    return save(Image.fromarray(np.arange(64, dtype=dtype).reshape(8, 8)))


def png16(path: Path, colour_type: int) -> None:
    """A PNG of 8×8 pixels of 16 bits, byte by byte as its specification says."""
    channels = {2: 3, 4: 2, 6: 4}[colour_type]
    header = struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + b"\xff" * (8 * channels * 2) for _ in range(8))
    text = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        text += struct.pack(">I", len(data)) + name + data
        text += struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(text)


def tiff16(path: Path, order: str, *, planes: bool = False) -> None:
    """A TIFF of 8×8 RGB pixels of 16 bits, byte by byte as its specification says."""
    plane, count = 8 * 8 * 2, 3 if planes else 1
    short, long = 3, 4
    fields = 10
    after = 8 + 2 + fields * 12 + 4  # here the values that do not fit into a field
    offsets, counts, pixels = after + 6, after + 18, after + 30
    strip = 3 * plane // count

    def entry(tag: int, kind: int, *values: int, at: int = 0) -> bytes:
        head = struct.pack(order + "HHI", tag, kind, len(values))
        if len(values) > 1:
            return head + struct.pack(order + "I", at)
        return head + struct.pack(
            order + ("HH" if kind == short else "I"), *values, *[0] * (4 - kind)
        )

    strips = [pixels + strip * place for place in range(count)]
    sizes = [strip] * count
    text = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    text += struct.pack(order + "H", fields)
    text += entry(256, short, 8) + entry(257, short, 8) + entry(258, short, 16, 16, 16, at=after)
    text += entry(259, short, 1) + entry(262, short, 2) + entry(273, long, *strips, at=offsets)
    text += entry(277, short, 3) + entry(278, short, 8) + entry(279, long, *sizes, at=counts)
    text += entry(284, short, 2 if planes else 1) + struct.pack(order + "I", 0)
    text += struct.pack(order + "3H", 16, 16, 16)
    text += struct.pack(order + "6I", *(strips * 3)[:3], *(sizes * 3)[:3])
    path.write_bytes(text + bytes(range(256)) + bytes(128))


def ppm(path: Path, largest: int) -> None:
    pixels = np.full((8, 8, 3), largest, ">u2")
    path.write_bytes(f"P6 8 8 {largest}\n".encode() + pixels.tobytes())


def told(path: Path, length: int, *, zipped: bool = False) -> None:
    """A PNG with a text."""
    text = PngInfo()
    text.add_text("history", "x" * length, zip=zipped)
    Image.new("RGB", (8, 8), (9, 99, 0)).save(path, pnginfo=text)


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
    "16 bits, rgb png": ("png", lambda path: png16(path, 2), "8 bits a channel"),
    "16 bits, rgba png": ("png", lambda path: png16(path, 6), "8 bits a channel"),
    "16 bits, la png": ("png", lambda path: png16(path, 4), "8 bits a channel"),
    "16 bits, rgb tiff": ("tif", lambda path: tiff16(path, "<"), "(RGB of 16 bits)"),
    "16 bits, rgb tiff, big endian": ("tif", lambda path: tiff16(path, ">"), "(RGB of 16 bits)"),
    "16 bits, rgb tiff, planes": ("tif", lambda path: tiff16(path, "<", planes=True), "16 bits"),
    "16 bits, ppm": ("ppm", lambda path: ppm(path, 65535), "(RGB of 16 bits)"),
    "10 bits, ppm": ("ppm", lambda path: ppm(path, 1023), "8 bits a channel"),
    "16 bits, plain ppm": (
        "ppm",
        lambda path: path.write_text("P3 8 8 65535\n" + "9 99 999 " * 64),
        "8 bits a channel",
    ),
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
    "much text": ("png", lambda path: told(path, MAX_TEXT_MEMORY + 1), "more than 64 MB of text"),
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


@pytest.mark.parametrize("zipped", [True, False])
def test_a_long_text_is_no_reason_to_refuse_an_image(album: Any, zipped: bool) -> None:
    """Pillow itself refuses texts above 1 MB, a guard against files that unpack to anything."""
    told(album.folder / "train/cat/0.png", 3_000_000, zipped=zipped)
    assert album.load().train.pixels[0, :, 0, 0].tolist() == [9, 99, 0]


BAD_EXIF = {
    "nonsense": b"Exif\0\0nonsense",
    "cut off": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0",
    "leads nowhere": b"Exif\0\0II*\0\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("exif", BAD_EXIF)
def test_damaged_exif_is_no_reason_to_refuse_an_image(
    album: Any, exif: str, ending: str, recwarn: pytest.WarningsRecorder
) -> None:
    (album.folder / "train/cat/0.png").unlink()
    image = Image.new("RGB", (8, 12), (9, 99, 0))
    path = album.put(f"train/cat/0.{ending}", image, exif=BAD_EXIF[exif])
    stored = np.asarray(Image.open(path))[2:10].transpose(2, 0, 1)
    recwarn.clear()
    np.testing.assert_array_equal(album.load().train.pixels[0], stored)
    assert not recwarn.list, "a warning of Pillow's names no file"


def test_more_than_memory_is_said_so(album: Any) -> None:
    text = message(album, image_size=10**9)
    assert "8 images of 1,000,000,000×1,000,000,000 pixels" in text
    assert "lower data.image_size" in text


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
