"""Characters that look like YAML's own and are none, as text processors and web pages have them."""

from __future__ import annotations

import re
import unicodedata

SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff\u00ad"
"""Some have no width at all."""
QUOTES = "“”„‟«»‘’‚‛‹›"
DASHES = "\u2010-\u2015\u2212\uff0d"
FULL_WIDTH = "：，［］｛｝＃"
WHERE_IT_MATTERS = re.compile(
    rf"(?P<space>[{SPACES}])|(?P<wide>[{FULL_WIDTH}])"
    # At the begin, where YAML's own would quote, be a list's or a number's; and in an exponent.
    rf"|^(?P<quote>[{QUOTES}])|^(?P<dash>[{DASHES}])(?=[\s.0-9])"
    rf"|(?<=[0-9.][eE])(?P<minus>[{DASHES}])(?=[0-9])"
)
APART = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|(?:^|(?<=\s))#.*")
"""What stands in quotes or in a comment; where a quote is not closed, more or less than that."""


def look_alike(text: str) -> tuple[int, str] | None:
    """The first look-alike in a word without quotes.

    Returns:
        Its place in the word, and what it is and what to write; None where there is none.
    """
    found = WHERE_IT_MATTERS.search(text)
    if found is None:
        return None
    kind, character = found.lastgroup or "", found[found.lastgroup or 0]
    write = {
        "space": "a plain space or nothing",
        "wide": unicodedata.normalize("NFKC", character),
        "quote": "' or \"",
        "dash": "-",
        "minus": "-",
    }[kind]
    shown = f"U+{ord(character):04X}" if kind == "space" else character
    return found.start(kind), (
        f"here stands {shown} ({unicodedata.name(character).lower()}); "
        f"write {write} instead, or put text in quotes"
    )


def look_alike_in(line: str) -> tuple[int, str] | None:
    """The same for a line of a file that could not be read."""
    apart = APART.sub(lambda match: "x" * len(match[0]), line)
    for word in re.finditer(r"[^\s\[\]{},:'\"]+(?: +[^\s\[\]{},:'\"]+)*|[^\x00-\x7f]+", apart):
        found = look_alike(word[0])
        if found is not None:
            return word.start() + found[0], found[1]
    return None
