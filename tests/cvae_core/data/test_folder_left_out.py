"""What an image is its content says; whatever lies beside the images is counted by its reason."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.data import content_hash
from cvae_core.data.sources import inspect_dataset
from cvae_core.errors import DataError


def left_out(album: Any, **settings: Any) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {
        group.reason: (group.count, group.examples) for group in album.load(**settings).left_out
    }


@pytest.mark.parametrize(
    ("name", "format", "mode"),
    [
        ("a.jfif", "JPEG", "RGB"),
        ("a.jpe", "JPEG", "RGB"),
        ("a.dib.x", "BMP", "RGB"),
        ("a", "PNG", "RGB"),
        ("a.dat", "WEBP", "RGB"),
        ("a.heic", "GIF", "RGB"),
        ("a.pnm", "PPM", "RGB"),
        ("a.pbm", "PPM", "1"),
        ("a.scan", "TIFF", "RGB"),
        ("a.png.1", "PNG", "L"),
    ],
)
def test_an_image_is_read_whatever_its_name_ends_in(
    album: Any, name: str, format: str, mode: str
) -> None:
    path = album.put(f"train/cat/{name}", album.image(mode, (8, 8)), format=format)
    data = album.load()
    assert len(data.train) == 5
    assert data.left_out == ()
    stored = np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)
    place = sorted(["0.png", "1.png", name]).index(name)
    np.testing.assert_array_equal(data.train.pixels[place], stored)


SYSTEM = [
    *("train/cat/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "train/@eaDir/x.jpg", "test/__MACOSX/x.png"),
    *("train/cat/__MACOSX/._0.png", "train/cat/.thumbnails/0.png", "test/dog/._0.png"),
    *("train/.ipynb_checkpoints/0.png", "train/dog/$RECYCLE.BIN/0.png", "train/lost+found/0.png"),
    *("train/dog/System Volume Information/0.png", "test/cat/#recycle/0.png"),
]


@pytest.mark.parametrize("path", SYSTEM)
def test_what_systems_keep_is_no_image_and_no_class(album: Any, path: str) -> None:
    before = album.load().fingerprint(), content_hash(album.folder)
    place = album.folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    album.image().save(place, format="PNG")
    assert (album.load().fingerprint(), content_hash(album.folder)) == before
    parts = Path(path).parts
    top = next(n for n, part in enumerate(parts) if part not in ("train", "test", "cat", "dog"))
    shown = "/".join(parts[: top + 1]) + ("/" if top + 1 < len(parts) else "")
    assert left_out(album) == {"system": (1, (shown,))}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("Thumbs.db", b"\xd0\xcf\x11\xe0", "system"),
        (".DS_Store", b"\0\0\0\1Bud1", "system"),
        ("desktop.ini", b"[.ShellClassInfo]", "system"),
        (".hidden.png", b"\x89PNG\r\n\x1a\n", "hidden"),
        ("notes.txt", b"BM, the best images; P5 is another", "other"),
        ("P5 notes", b"P5 and what else there is", "other"),
        ("clip.mp4", b"\0\0\0\x18ftypmp42", "other"),
        ("empty", b"", "other"),
        ("a.heic", b"\0\0\0\x18ftypheic", "format"),
        ("a.avif", b"\0\0\0\x1cftypavif", "format"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format"),
        ("a.psd", b"8BPS\0\1", "format"),
        ("a.NEF", b"MM\0*\0\0\0\x08", "format"),
        ("a.png~", b"\x89PNG\r\n\x1a\n", "leftover"),
        ("a.jpg.crdownload", b"\xff\xd8\xff\xe0", "leftover"),
    ],
)
def test_what_is_left_out_is_counted_by_its_reason(
    album: Any, name: str, content: bytes, reason: str
) -> None:
    before = content_hash(album.folder)
    (album.folder / "train/cat" / name).write_bytes(content)
    assert left_out(album) == {reason: (1, (f"train/cat/{name}",))}
    assert content_hash(album.folder) == before
    (group,) = album.load().left_out
    assert bool(group.advice) == (reason == "format")


def test_images_in_no_class_and_folders_beside_the_two(album: Any) -> None:
    album.put("train/stray.png")
    album.put("test/stray.jfif", format="JPEG")
    album.put("val/cat/0.png")
    album.put("readme/picture.png")
    groups = {group.reason: group for group in album.load().left_out}
    assert list(groups) == ["stray", "split"]
    assert groups["stray"].examples == ("test/stray.jfif", "train/stray.png")
    assert groups["split"].examples == ("val/",)
    assert "train/CLASS/" in groups["stray"].advice


def test_five_of_a_reason_are_named_and_all_counted(album: Any, tmp_path: Path) -> None:
    for number in range(7):
        (album.folder / f"test/dog/{number}.txt").write_text("")
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        (group,) = album.load(cache).left_out
        assert group.count == 7
        assert str(group) == (
            "files that are not images (7): "
            + ", ".join(f"test/dog/{number}.txt" for number in range(5))
            + " and 2 more"
        )
    assert inspect_dataset(album.config(), album.folder).left_out == (group,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_what_may_not_be_looked_at(album: Any) -> None:
    (album.folder / "train/cat/x").write_bytes(b"")
    (album.folder / "train/cat/x").chmod(0)
    assert left_out(album) == {"closed": (1, ("train/cat/x",))}


def test_a_pipe_is_not_waited_for(album: Any) -> None:
    os.mkfifo(album.folder / "train/cat/pipe")
    assert left_out(album) == {"other": (1, ("train/cat/pipe",))}


def test_links_to_images_of_any_name_must_not_lead_out(album: Any, tmp_path: Path) -> None:
    album.image().save(tmp_path / "a.jfif", format="JPEG")
    (tmp_path / "a.txt").write_text("no image")
    (album.folder / "train/cat/a.txt").symlink_to(tmp_path / "a.txt")
    (album.folder / "train/cat/nothing").symlink_to("nowhere")
    assert left_out(album) == {"other": (2, ("train/cat/a.txt", "train/cat/nothing"))}
    (album.folder / "train/cat/a.jfif").symlink_to(tmp_path / "a.jfif")
    with pytest.raises(DataError, match=r"lead out of the folder[^$]*train/cat/a\.jfif"):
        album.load()


def test_a_damaged_image_of_any_name_is_named(album: Any) -> None:
    path = album.put("train/cat/a.jfif", album.image(size=(64, 64)), format="JPEG")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"cannot be read as images \(1\):\n    train/cat/a\.jfif"):
        album.load()


def test_a_class_of_which_all_was_left_out(album: Any) -> None:
    shutil.rmtree(album.folder / "test/dog")
    (album.folder / "test/dog").mkdir()
    (album.folder / "test/dog/a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError) as caught:
        album.load()
    text = str(caught.value)
    assert "class folders without images (1): test/dog." in text
    assert "such as HEIC, SVG or a camera's own (1): test/dog/a.heic" in text
