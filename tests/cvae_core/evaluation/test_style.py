"""Pictures and the environment of whoever has them drawn: backends, styles, and fonts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from cvae_core.evaluation.fonts import no_font_for
from tests.cvae_core.children import Run, children_of

pytestmark = pytest.mark.slow

STYLE = """\
backend: svg
text.usetex: True
font.size: 31
font.family: serif
figure.dpi: 33
savefig.dpi: 44
savefig.bbox: tight
savefig.transparent: True
figure.autolayout: True
axes.facecolor: black
axes.grid: True
lines.linewidth: 9
image.cmap: gray
"""
LEFT_ALONE = """
import sys
import matplotlib

before = {name: matplotlib.rcParams._get(name) for name in matplotlib.rcParams}
print_hashes(["cat", "dog"])
after = {name: matplotlib.rcParams._get(name) for name in matplotlib.rcParams}
assert before == after
assert before["lines.linewidth"] == 9, "the style was not read"
assert before["backend"] == "module://backend_of_a_person", before["backend"]
assert "matplotlib.pyplot" not in sys.modules
"""


PICTURES = "tests.cvae_core.evaluation.every_picture"
Drawn = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with children_of(PICTURES) as run:
        yield run


@pytest.fixture
def drawn(run: Run) -> Drawn:
    """``drawn("print_hashes(…)", VARIABLE=…)``: hashes of pictures, in a process of its own."""

    def draw(code: str, said: str = "", **variables: str) -> dict[str, str]:
        status, out, err = run(f"from {PICTURES} import *\n{code}", **variables)
        assert status == 0, err
        assert said in err
        assert said or not err
        assert err.count("Warning") <= 1
        return dict(line.split() for line in out.splitlines())

    return draw


@pytest.mark.program
def test_backend_and_style_of_a_person_do_not_count_and_are_left_alone(
    drawn: Drawn, tmp_path: Path
) -> None:
    usual, style = drawn("print_hashes(['cat', 'dog'])"), tmp_path / "matplotlibrc"
    style.write_text(STYLE)
    # A backend that matplotlib would accept: with an unknown one it would not read the style.
    mine = {"MPLBACKEND": "module://backend_of_a_person", "MATPLOTLIBRC": str(style)}
    assert drawn(LEFT_ALONE, **mine) == usual
    assert len(usual) == 8
    style.write_bytes(b"\xff\xfe\x00")
    said = "Cannot decode"  # by matplotlib itself
    broken = {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(style)}
    two = drawn("print_hashes(['cat', 'dog'], ['reconstructions', 'maps'])", said, **broken)
    assert two == {name: usual[name] for name in ("reconstructions", "maps")}


OF_CLASSES = ("confusion", "map", "maps", "reconstructions")
"""Pictures that show names of classes."""
LETTER, LACKING = "\U000130b8", "\U000130b9"
"""Egyptian hieroglyphs, which hardly any machine has a font for."""


def make_font(folder: Path, letters: str) -> None:
    """A font in which each of the letters is a filled square."""
    folder.mkdir(parents=True)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(point)
    pen.closePath()
    names = [f"letter{number}" for number in range(len(letters))]
    font = FontBuilder(1000)
    font.setupGlyphOrder([".notdef", *names])
    font.setupCharacterMap({ord(c): name for c, name in zip(letters, names, strict=True)})
    font.setupGlyf({".notdef": TTGlyphPen(None).glyph()} | dict.fromkeys(names, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1000, 0)))
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(folder / "squares.ttf")


def test_letters_are_taken_from_a_font_that_has_them(drawn: Drawn, tmp_path: Path) -> None:
    share, pictures = tmp_path / "share", tmp_path / "pictures"
    pictures.mkdir()
    # matplotlib's list of fonts is made before there is such a font.
    variables = {
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"),
        "XDG_DATA_HOME": str(share),
        "PICTURES": str(pictures),
    }
    said = f"UserWarning: pictures show boxes instead of {LETTER}: "
    code = f"print_hashes([{LETTER!r}, 'dog'], {OF_CLASSES})"
    without = drawn(code, said, **variables)
    make_font(share / "fonts", LETTER)
    black = {name: _black(pictures / f"{name}.png") for name in OF_CLASSES}
    found = drawn(code, **variables)
    for name in OF_CLASSES:
        assert found[name] != without[name]
        assert _black(pictures / f"{name}.png") > black[name], "a square has more ink than a frame"


def _black(path: Path) -> int:
    return int((np.asarray(Image.open(path).convert("L")) < 60).sum())


def test_letters_that_no_font_has_are_named_once_with_what_to_install() -> None:
    assert no_font_for(["cat", "naïve", "β λ τ", "ж", "\ufe0f\u200d\u3000\n"]) is None
    said = no_font_for(["cat", LETTER, LACKING])
    assert said is not None
    assert f"{LETTER} {LACKING}: " in said
    assert "fonts-noto-core" in said
    assert "cjk" not in said
