"""Where data sets lie, what a person sees of loading them, and the data command."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.config import DataConfig
from orchestration.errors import UserError
from orchestration.plan import datasets
from orchestration.terminal import busy
from orchestration.terminal.console import Console

Command = Callable[..., Any]
FOLDER = DataConfig(name="folder", image_size=8)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without a cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CVAE_SWEEP_CACHE", raising=False)
    return tmp_path / "home" / "cvae-sweep"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / "album" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                path = tmp_path / "album" / split / name / f"{number}.png"
                Image.fromarray(pixels).save(path)
    return tmp_path / "album"


def test_folders(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert datasets.default_data_root() == home / "data"
    assert datasets.cache_folder() == home / "decoded"
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "mine"))
    assert datasets.cache_folder() == tmp_path / "mine"


def test_roots(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    mnist = DataConfig(name="mnist")
    assert datasets.folder_of(mnist, None) == home / "data" / "MNIST" / "raw"
    assert datasets.folder_of(mnist, Path("here")) == tmp_path / "here" / "MNIST" / "raw"
    assert datasets.folder_of(DataConfig(name="folder", path="a"), None) == tmp_path / "a"
    assert datasets.folder_of(FOLDER, Path("here")) == tmp_path / "here"
    assert datasets.folder_of(DataConfig(), None) is None


def test_load_and_content(home: Path, album: Path) -> None:
    output = io.StringIO()
    data = datasets.load(FOLDER, album, Console(output))
    content = datasets.content(FOLDER, album, Console(output))
    assert data.name == f"folder-{content[:12]}-8-auto"
    assert output.getvalue() == ""  # it took no two seconds
    assert (home / "decoded" / f"{content}-8-rgb-v2").is_dir()


def test_errors_are_a_persons(home: Path, tmp_path: Path) -> None:
    for load in (datasets.load, datasets.content):
        with pytest.raises(UserError, match="no such folder"):
            load(FOLDER, tmp_path / "nothing", Console(io.StringIO()))


def test_long_loads_tell_how_far_they_are(
    home: Path, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy, "QUIET_S", 0.0)
    monkeypatch.setattr(busy, "LINES_S", 0.0)
    output = io.StringIO()
    datasets.load(FOLDER, album, Console(output))
    assert output.getvalue().splitlines() == [
        "loading folder: reading images: 10 of 10",
        "loading folder: decoding images: 10 of 10",
    ]


def test_on_a_terminal_it_is_said_at_once(
    home: Path, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as stream:
        datasets.load(FOLDER, album, Console(stream))
    shown = os.read(parent, 65536).decode()
    os.close(parent)
    assert "loading folder … 0 s" in shown


def test_warnings_are_lines(album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "file"))
    output = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        datasets.load(FOLDER, album, Console(output))
    lines = output.getvalue().splitlines()
    assert lines
    assert all(line.startswith("warning: ") and "cannot be written" in line for line in lines)


def test_the_command(home: Path, album: Path, command: Command) -> None:
    done = command(
        album.parent, "data", *("folder", "--path", "album", "--image-size", "8", "--json")
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    content = document["content"]
    assert document.pop("load_s") >= 0
    assert len(document.pop("fingerprint")) == 64
    assert document == {
        "name": f"folder-{content[:12]}-8-auto",
        "folder": str(album),
        "train": 6,
        "test": 4,
        "shape": [3, 8, 8],
        "classes": ["cat", "dog"],
        "content": content,
        "size_mb": 0.0,
        "left_out": [],
        "also_in_train": [],
        "twice_in_train": [],
    }


def test_the_command_tells_what_is_left_out(home: Path, album: Path, command: Command) -> None:
    (album / "train/cat/@eaDir").mkdir()
    (album / "train/cat/a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    asked = ("data", "folder", "--path", str(album), "--image-size", "8")
    done = command(album.parent, *asked, "--json")
    assert done.returncode == 0, done.stderr
    groups = json.loads(done.stdout)["left_out"]
    assert [(g["reason"], g["count"], g["examples"]) for g in groups] == [
        ("format", 1, ["train/cat/a.heic"]),
        ("system", 1, ["train/cat/@eaDir/"]),
    ]
    lines = command(album.parent, *asked).stdout.splitlines()
    what = f"{groups[0]['what']} (1): train/cat/a.heic"
    assert lines[-3].split(maxsplit=2) == ["left", "out", what]
    assert lines[-2].strip() == groups[0]["advice"] == "convert them to PNG or JPEG"
    assert lines[-1].endswith("(1): train/cat/@eaDir/")


def test_the_command_tells_what_is_in_both_parts(home: Path, album: Path, command: Command) -> None:
    shutil.copy(album / "train/cat/0.png", album / "test/dog/again.png")
    shutil.copy(album / "train/cat/0.png", album / "train/dog/again.png")
    asked = ("data", "folder", "--path", str(album), "--image-size", "8")
    for _ in range(2):  # decoded, and from the cache
        done = command(album.parent, *asked, "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["also_in_train"] == ["test/dog/again.png"]
        assert document["twice_in_train"] == ["train/dog/again.png"]
    both, twice = command(album.parent, *asked).stdout.splitlines()[-2:]
    assert both.startswith("in both      1 of 5 test images are training images as well")
    assert "(test/dog/again.png)" in both
    assert twice.startswith("twice        1 of 7 training images are there already")
    assert "(train/dog/again.png)" in twice


def test_the_command_for_people(home: Path, tmp_path: Path, command: Command) -> None:
    done = command(tmp_path, "data", "digits")
    assert done.returncode == 0, done.stderr
    assert "1,437 to train on, 360 to test on" in done.stdout
    assert "28×28, grey" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["folder", "--path", "nothing"], "no such folder"),
        (["folder", "--image-size", "3"], "--image-size must be at least 4"),
        (["digits", "--path", "x"], "folder"),
        (["minst"], "minst"),
        (["mnist", "--data-root", "file"], "mnist"),
    ],
)
def test_the_command_refuses(
    home: Path, tmp_path: Path, command: Command, arguments: list[str], expected: str
) -> None:
    (tmp_path / "file").write_text("")
    done = command(tmp_path, "data", *arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
