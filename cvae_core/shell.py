"""Commands for people to copy: any words, quoted for a POSIX shell, on one line."""

from __future__ import annotations

import os
import re
import shlex


def shell_line(*words: str) -> str:
    """A command line of these words."""
    return " ".join(map(shell_word, words))


def shell_word(word: str) -> str:
    """One word of a command line; what cannot be printed, as a line's end, is left to printf."""
    if word.isprintable():
        return shlex.quote(word)
    text = re.sub("^-", r"\\055", "".join(map(_for_printf, word)))  # it is no option of printf's
    return f'"$(printf {shlex.quote(text)})"'


def _for_printf(character: str) -> str:
    if character in "\\%":
        return character * 2
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
