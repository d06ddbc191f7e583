"""Images of one's own: which, in what order, and with which pixels."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.config import DataConfig
from cvae_core.data import content_hash, folder_content, load_dataset
from cvae_core.errors import DataError


def by_hand(path: Path, size: int, mode: str) -> np.ndarray:
    """Pillow, step by step, for images that are the right way up: (C, size, size)."""
    image = Image.open(path).convert(mode)
    width, height = image.size
    if min(width, height) != size:
        scale = size / min(width, height)
        image = image.resize((round(width * scale), round(height * scale)), Image.BILINEAR)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    pixels = np.asarray(image.crop((left, top, left + size, top + size)))
    return pixels[None] if mode == "L" else np.stack([pixels[:, :, c] for c in range(3)])


def test_order_labels_and_pixels(album: Any) -> None:
    album.put("train/Zebra/1.png")
    album.put("test/Zebra/1.png")
    album.put("train/cat/deep/er/9.PNG")
    data = album.load()
    assert data.classes == ("Zebra", "cat", "dog")
    train = ["Zebra/1", "cat/0", "cat/1", "cat/deep/er/9", "dog/0", "dog/1"]
    assert data.train.labels.tolist() == [0, 1, 1, 1, 2, 2]
    assert data.test.labels.tolist() == [0, 1, 1, 2, 2]
    assert data.train.labels.dtype == np.int64
    for place, name in enumerate(train):
        (path,) = album.folder.glob(f"train/{name}.*")
        stored = np.asarray(Image.open(path)).transpose(2, 0, 1)
        np.testing.assert_array_equal(data.train.pixels[place], stored)
    assert data.name == f"folder-{content_hash(album.folder)[:12]}-8-auto"


@pytest.mark.parametrize("size", [(8, 8), (20, 13), (13, 20), (5, 9), (64, 8), (9, 8)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_scaled_and_cut(album: Any, size: tuple[int, int], mode: str) -> None:
    path = album.put("train/cat/0.png", album.image(mode, size))
    data = album.load(colour="grey" if mode == "L" else "rgb")
    np.testing.assert_array_equal(data.train.pixels[0], by_hand(path, 8, mode))


def test_downscaling_is_antialiased(album: Any) -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    album.put("train/cat/0.png", Image.fromarray(board.astype(np.uint8)))
    pixels = album.load().train.pixels[0]
    assert np.abs(pixels.astype(int) - 127).max() < 10


@pytest.mark.parametrize(
    "name", ["a.jpg", "a.JPEG", "a.bmp", "a.webp", "a.gif", "a.tif", "a.TIFF", "a.ppm", "a.pgm"]
)
def test_formats(album: Any, name: str) -> None:
    mode = "L" if name.endswith("pgm") else "RGB"
    path = album.put(f"train/cat/{name}", album.image(mode, (8, 8)))
    data = album.load()
    place = sorted(["0.png", "1.png", name]).index(name)
    np.testing.assert_array_equal(data.train.pixels[place], by_hand(path, 8, "RGB"))


def test_the_first_frame_counts(album: Any) -> None:
    first, second = album.image("P"), album.image("P")
    path = album.put("train/cat/+.gif", first, save_all=True, append_images=[second])
    assert Image.open(path).n_frames == 2
    np.testing.assert_array_equal(
        album.load().train.pixels[0], np.asarray(first.convert("RGB")).transpose(2, 0, 1)
    )


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation(album: Any, ending: str, orientation: int, turns: int) -> None:
    """6: the stored image is to be turned clockwise, which is three times counter-clockwise."""
    image, exif = album.image(size=(8, 12)), Image.Exif()
    exif[0x0112] = orientation
    album.put(f"train/cat/+.{ending}", image, exif=exif.tobytes())
    upright = np.rot90(np.asarray(image), turns)
    top, left = ((side - 8) // 2 for side in upright.shape[:2])
    expected = upright[top : top + 8, left : left + 8].transpose(2, 0, 1)
    np.testing.assert_array_equal(album.load().train.pixels[0], expected)


def grey(album: Any) -> None:
    for path in list(album.folder.rglob("*.png")):
        album.image("L").save(path)


def test_grey_where_every_image_is(album: Any) -> None:
    grey(album)
    album.put("train/cat/0.png", album.image("1", (8, 8)))
    data = album.load()
    assert data.image_shape == (1, 8, 8)
    assert set(np.unique(data.train.pixels[0])) == {0, 255}


@pytest.mark.parametrize("path", ["train/cat/0.png", "test/dog/1.png"])
def test_one_image_in_colour_makes_all_rgb(album: Any, path: str) -> None:
    grey(album)
    album.put(path, album.image("RGB"))
    data = album.load()
    assert data.image_shape == (3, 8, 8)
    grey_one = data.train.pixels[3]
    assert (grey_one[0] == grey_one[1]).all()
    assert (grey_one[0] == by_hand(album.folder / "train/dog/1.png", 8, "L")[0]).all()


def test_colours_are_converted(album: Any) -> None:
    for mode, colour in (("L", "grey"), ("RGB", "rgb")):
        pixels = album.load(colour=colour).test.pixels
        path = album.folder / "test/dog/1.png"
        np.testing.assert_array_equal(pixels[3], by_hand(path, 8, mode))


def test_a_palette_becomes_rgb(album: Any) -> None:
    grey(album)
    path = album.put("train/cat/0.png", album.image("RGB").convert("P"))
    data = album.load()
    assert data.image_shape == (3, 8, 8)
    np.testing.assert_array_equal(data.train.pixels[0], by_hand(path, 8, "RGB"))


def test_15_bits_a_pixel_are_not_deep(album: Any) -> None:
    """A BMP of 5 bits a channel: Pillow calls it BGR;15."""
    header = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 16, 0, 128, 0, 0, 0, 0)
    start = struct.pack("<2sIHHI", b"BM", 14 + 40 + 128, 0, 0, 14 + 40)
    (album.folder / "train/cat/0.bmp").write_bytes(start + header + b"\xff\x7f" * 64)
    assert (album.load().train.pixels[0] == 255).all()


@pytest.mark.parametrize("ending", ["png", "gif", "tif"])
@pytest.mark.parametrize("coloured", [False, True])
def test_a_palette_is_grey_where_the_colours_in_use_are(
    album: Any, ending: str, coloured: bool
) -> None:
    grey(album)
    image = Image.new("P", (8, 8))
    image.putpalette([9, 9, 9, 200, 200, 200, 255, 0, 0])
    places = np.random.default_rng(0).integers(0, 2, 64)
    places[0] = 2 if coloured else 0
    image.putdata(places.tolist())
    (album.folder / "train/cat/0.png").unlink()
    album.put(f"train/cat/0.{ending}", image)
    data = album.load()
    assert data.image_shape == (3 if coloured else 1, 8, 8)
    expected = np.array([9, 200, 255])[places].reshape(8, 8)
    np.testing.assert_array_equal(data.train.pixels[0, 0], expected)


def test_opaque_grey_is_grey(album: Any) -> None:
    grey(album)
    image = album.image("LA")
    image.putalpha(255)
    path = album.put("train/cat/0.png", image)
    assert Image.open(path).mode == "LA"
    data = album.load()
    assert data.image_shape == (1, 8, 8)
    np.testing.assert_array_equal(data.train.pixels[0, 0], np.asarray(image)[:, :, 0])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_is_fine(album: Any, mode: str) -> None:
    image = album.image(mode)
    image.putalpha(255)
    album.put("train/cat/0.png", image)
    pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(album.load().train.pixels[0], pixels)


def test_hidden_and_other_files_are_passed_over(album: Any) -> None:
    before = album.load().fingerprint(), content_hash(album.folder)
    album.put("train/.hidden/0.png")
    album.put("train/cat/.hidden.png")
    album.put("train/stray.png")
    (album.folder / "train/dog/Thumbs.db").write_bytes(b"no image")
    (album.folder / "train/notes.txt").write_text("no class")
    (album.folder / "README").write_text("no image")
    assert (album.load().fingerprint(), content_hash(album.folder)) == before


def test_where_the_folder_lies(album: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = content_hash(album.folder)
    parent = album.folder.parent
    monkeypatch.setenv("HOME", str(parent))
    monkeypatch.chdir(parent)
    for path, root in (
        ("album", parent),
        (str(album.folder), Path("/nowhere")),
        ("~/album", Path("/nowhere")),
        (None, album.folder),
        ("album", None),
    ):
        config = DataConfig(name="folder", path=path)
        assert folder_content(config, root) == expected
        assert load_dataset(config, root).image_shape == (3, 32, 32)


def test_links_inside_are_followed(album: Any) -> None:
    (album.folder / "train/dog/link.png").symlink_to("../cat/0.png")
    (album.folder / "test/cat/link").symlink_to("../dog")
    (album.folder / "kept").mkdir()
    album.put("kept/1.png")
    for split in ("train", "test"):
        (album.folder / split / "fox").symlink_to("../kept")
    outer = album.folder.parent / "a-link"
    outer.symlink_to("album")
    data = load_dataset(album.config(path="a-link"), outer.parent)
    assert data.classes == ("cat", "dog", "fox")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 1, 2]
    assert data.test.labels.tolist() == [0, 0, 0, 0, 1, 1, 2]
    np.testing.assert_array_equal(data.train.pixels[4], data.train.pixels[0])


@pytest.mark.parametrize("target", [".", "..", "../..", "../cat"])
def test_loops_of_links_end(album: Any, target: str) -> None:
    before = album.load()
    (album.folder / "train/cat/loop").symlink_to(target)
    assert album.load().fingerprint() == before.fingerprint()


def test_the_content_is_that_of_paths_and_bytes(album: Any) -> None:
    """The documented sum, written down once more; each change of a file or a name shows."""
    digest = hashlib.sha256()
    names = sorted(str(p.relative_to(album.folder)) for p in album.folder.rglob("*.png"))
    for name in names:
        sha256 = hashlib.sha256((album.folder / name).read_bytes()).hexdigest()
        digest.update(name.encode() + b"\0" + sha256.encode())
    assert content_hash(album.folder) == digest.hexdigest()
    seen = {digest.hexdigest()}
    album.put("train/cat/0.png")
    seen.add(content_hash(album.folder))
    (album.folder / "train/cat/0.png").rename(album.folder / "train/cat/00.png")
    seen.add(content_hash(album.folder))
    album.put("test/cat/2.png")
    seen.add(content_hash(album.folder))
    assert len(seen) == 4


def test_other_content_than_asked_for_is_refused(album: Any) -> None:
    content = content_hash(album.folder)
    assert len(album.load(content=content).train) == 4
    album.put("train/cat/0.png")
    with pytest.raises(DataError) as caught:
        album.load(content=content)
    assert content in str(caught.value)
    assert content_hash(album.folder) in str(caught.value)


def test_progress_is_told(album: Any) -> None:
    told: list[tuple[str, int, int]] = []
    load_dataset(album.config(), album.folder, on_progress=lambda *args: told.append(args))
    assert told == [("reading images", 8, 8), ("decoding images", 8, 8)]


def test_names_of_any_bytes(album: Any) -> None:
    path = os.fsencode(album.folder / "train/cat") + b"/\xff\n.png"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write((album.folder / "train/cat/0.png").read_bytes())
    assert len(album.load(cache=album.folder.parent / "cache").train) == 5
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"")
    with pytest.raises(DataError, match=r"train/cat/\\xff\\n\.png \(empty\)"):
        album.load()


def test_more_images_than_a_thread_takes_at_once(album: Any) -> None:
    for number in range(600):
        album.image("RGB").save(album.folder / f"train/dog/{number + 100}.png")
    data = album.load()
    names = sorted(path.name for path in (album.folder / "train/dog").iterdir())
    assert len(data.train) == 604
    for place in (0, 255, 256, 511, 512, 601):
        path = album.folder / "train/dog" / names[place]
        np.testing.assert_array_equal(data.train.pixels[2 + place], by_hand(path, 8, "RGB"))
