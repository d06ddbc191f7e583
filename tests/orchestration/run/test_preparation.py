"""What is said and refused once the data is loaded, before anything is trained."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestration.ledger.ledger import Ledger
from orchestration.run.preparation import plan_of, prepare
from orchestration.run.request import Flags, Request
from orchestration.spec.sweep import SweepSpec
from orchestration.terminal.console import Console

Load = Callable[..., SweepSpec]


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "album" / place).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "album" / place / f"{number}.png")
    return tmp_path / "album"


def prepared(spec: SweepSpec, folder: Path) -> str:
    """What is said meanwhile."""
    output = io.StringIO()
    request = Request(spec, folder / "runs", "", Flags(directory=folder))
    console = Console(output)
    plan = plan_of(request, console)
    prepare(request, plan, Ledger.open_or_empty(request.folder), console)
    return output.getvalue()


def test_what_is_left_out_of_a_folder_is_said_once(album: Path, load: Load, tmp_path: Path) -> None:
    (album / "train/cat/Thumbs.db").write_bytes(b"\xd0\xcf")
    Image.new("RGB", (8, 8)).save(album / "test/stray.png")
    spec = load(
        "name: mine\nbase: {data: {name: folder, path: album, validation_fraction: 0.5}}\n"
        "grid: {data.image_size: [8, 12]}\n"
    )
    assert prepared(spec, tmp_path).splitlines() == [
        "warning: left out of album: images that lie in no class folder (1): test/stray.png; "
        "move them into train/CLASS/ or test/CLASS/",
        "left out of album: files and folders of operating systems, thumbnails among them (1): "
        "train/cat/Thumbs.db",
    ]
