"""What is said before a sweep begins."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvae_core.evaluation.parts import PARTS
from orchestration.ledger.ledger import Ledger
from orchestration.run.preparation import plan_of, prepare
from orchestration.run.request import Flags, Request
from orchestration.spec.reading import load_spec
from orchestration.terminal.console import Console

pytestmark = pytest.mark.slow

SPEC = """\
name: letters
base:
  data: {name: folder, path: images, image_size: 8}
  architecture: {channels: [4, 8]}
"""
HIEROGLYPH = "\U000130b8"


def album(folder: Path, *classes: str) -> None:
    for split in ("train", "test"):
        for number, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True)
            for shade in (10, 20, 30):
                image = Image.fromarray(np.full((8, 8), shade + number, np.uint8))
                image.save(folder / split / name / f"{shade}.png")


def said(folder: Path, *overrides: str) -> str:
    (folder / "sweep.yaml").write_text(SPEC)
    spec = load_spec(folder / "sweep.yaml", overrides)
    request = Request(spec, folder / "runs", "run", Flags(directory=folder))
    stream = io.StringIO()
    console = Console(stream)
    plan = plan_of(request, console)
    prepare(request, plan, Ledger.open_or_empty(request.folder), console)
    return stream.getvalue()


def test_letters_that_no_font_has_are_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "cache"))
    album(tmp_path / "images", HIEROGLYPH, "dog")
    lines = [line for line in said(tmp_path).splitlines() if "boxes" in line]
    assert len(lines) == 1
    assert lines[0].startswith("warning: pictures show boxes")
    off = [f"evaluation.{part}=false" for part in PARTS]
    assert "boxes" not in said(tmp_path, *off)
