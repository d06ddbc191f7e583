"""Fonts of this machine for letters that matplotlib's own one lacks: names may be in any script."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cvae_core.evaluation.style import own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")
"""How the names of characters begin that only fonts for East Asia have."""
NO_LETTERS = ("LastResort", "AdobeBlank", "AdobeNotDef")
"""Fonts that claim to have every letter there is."""
SHOWN = 5
"""Letters that a message quotes."""


def find_letters(figure: Figure) -> None:
    """Have each text of a figure, where its font lacks letters, take them from another one.

    Letters that no font has are warned of.
    """
    from matplotlib.text import Text

    texts = [each for each in figure.findobj(Text) if isinstance(each, Text)]
    boxes = no_font_for([text.get_text() for text in texts])
    if boxes is not None:
        _warn(boxes)
    for text in texts:
        lacking = _lacking(text.get_text(), text.get_fontproperties())
        if lacking:
            text.set_fontfamily([*text.get_fontfamily(), *_families(lacking)])


@lru_cache
def _warn(text: str) -> None:
    """Warn, once."""
    warnings.warn(text, stacklevel=1)


def no_font_for(texts: Iterable[str]) -> str | None:
    """What to say of letters that no font here has, in a sentence; None: all can be drawn."""
    text = "".join(texts)
    if text.isascii():
        return None
    with own_style():
        from matplotlib.font_manager import FontProperties

        lacking = _lacking(text, FontProperties())
    drawn = (letters for _, letters in _chosen(lacking))
    without = sorted(lacking.difference(*drawn))
    if not without:
        return None
    names = [unicodedata.name(letter, "") for letter in without]
    packages = {"fonts-noto-cjk" if name.startswith(CJK) else "fonts-noto-core" for name in names}
    quoted = " ".join(without[:SHOWN]) + (" …" if len(without) > SHOWN else "")
    return (
        f"pictures show boxes instead of {quoted}: no font on this machine has them; install one, "
        f"on Debian and Ubuntu {' and '.join(sorted(packages))}"
    )


def _lacking(text: str, properties: FontProperties) -> frozenset[str]:
    """The visible letters of a text that a font lacks."""
    if text.isascii():
        return frozenset()
    from matplotlib.font_manager import findfont, get_font

    has = get_font(findfont(properties)).get_charmap()
    return frozenset(letter for letter in text if ord(letter) not in has and _is_seen(letter))


def _is_seen(letter: str) -> bool:
    # Neither control, format and unknown characters nor spaces and what varies a letter.
    return unicodedata.category(letter)[0] not in "CZ" and not 0xFE00 <= ord(letter) <= 0xFE0F


@lru_cache
def _families(letters: frozenset[str]) -> tuple[str, ...]:
    """Families of fonts, known to matplotlib, that together have the letters, as far as any do."""
    from matplotlib.font_manager import fontManager, get_font

    known = {entry.fname for entry in fontManager.ttflist}
    families = []
    for path, _ in _chosen(letters):
        if path not in known:  # installed after matplotlib had made its list
            fontManager.addfont(path)
        families.append(get_font(path).family_name)
    return tuple(families)


@lru_cache
def _chosen(letters: frozenset[str]) -> tuple[tuple[str, frozenset[str]], ...]:
    """Paths of as few fonts as have the letters, each with those that it has."""
    if not letters:
        return ()
    from matplotlib.font_manager import findSystemFonts

    fonts = [(path, *_looked_at(path, letters)) for path in sorted(findSystemFonts())]
    chosen = []
    rest = letters
    while rest:
        # The first of those that have most; an upright, regular one rather than another.
        path, has, _ = max(fonts, key=lambda font: (len(font[1] & rest), font[2]), default=NONE)
        if not has & rest:
            break
        chosen.append((path, has))
        rest -= has
    return tuple(chosen)


NONE: tuple[str, frozenset[str], bool] = ("", frozenset(), False)


def _looked_at(path: str, letters: frozenset[str]) -> tuple[frozenset[str], bool]:
    """Which of the letters a font has, and whether it is a regular one."""
    from matplotlib.ft2font import FT2Font

    try:
        font: Any = FT2Font(path)
        has = font.get_charmap()
    except (OSError, RuntimeError, ValueError):  # no font, or one that cannot be read
        return frozenset(), False
    # Letters of one size, which matplotlib cannot draw, or the same sign for every letter.
    if not font.scalable or font.family_name.replace(" ", "").strip(".").startswith(NO_LETTERS):
        return frozenset(), False
    return frozenset(letter for letter in letters if ord(letter) in has), font.style_flags == 0
