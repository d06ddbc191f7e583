"""Which plain words are numbers, as YAML 1.2 has it, and which only look like one.

PyYAML reads YAML 1.1, where ``1:4`` is 64, ``010`` is 8, ``1e-3`` is text and ``no`` is false;
with these few patterns it reads 1.2's core schema. ruamel.yaml does so by itself, but it takes
``010`` for 10, ``1_000`` for 1000 and ``2024-01-01`` for a date: most of what follows would be
needed beside it. It imports as fast (24 ms) and takes 1.6 times as long for a megabyte.
"""

from __future__ import annotations

import re

LOOKS_LIKE_A_NUMBER = "!looks-like-a-number"
"""Tag of what is a number to some readers, and another one or none to others."""

PATTERNS = (
    (
        LOOKS_LIKE_A_NUMBER,
        # A leading zero, or digits with something between them that YAML has no place for.
        r"[-+]?(?=0[0-9]|[0-9]+[_:,])[0-9]+(?:[_:,][0-9]+)*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?",
        "-+0123456789",
    ),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
)
"""Tags, what has them, and the characters with which that begins."""

RESOLVERS = tuple(
    (tag, re.compile(f"(?:{pattern})$"), list(first)) for tag, pattern, first in PATTERNS
)


def what_is_meant(text: str, before: str | None = None) -> str:
    """Why a word that looks like a number is refused, and what to write.

    Args:
        text: the word.
        before: the number that a comma parts it from, as in ``[0,001]``.
    """
    meant = []
    if ":" in text:
        numbers = [_plain(part) for part in text.split(":")]
        meant.append(f"[{', '.join(numbers)}] for a list")
        if "-" not in text:
            seconds = sum(float(n) * 60**i for i, n in enumerate(reversed(numbers)))
            meant.append(f"{seconds:.15g} for a time in seconds")
    elif "," in text:
        if re.fullmatch(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?", text):
            meant.append(_plain(text))
        meant.append(f"{_plain(text.replace(',', '.', 1))} with a point")
    else:
        meant.append(_plain(text))
        if before is not None and text[0] == "0" and re.fullmatch("[0-9]+", text):
            if len(text) == 3 and before.strip("-+0"):
                meant.append(_plain(before + text))
            meant.append(f"{_plain(before)}.{text} with a point")
    return f"{text} is not a number here; write {', '.join(meant)}, or put text in quotes"


def is_number(text: str) -> bool:
    """Whether a word is a number to YAML 1.2, and a finite one."""
    return any(
        tag.endswith((":int", ":float")) and pattern.match(text) for tag, pattern, _ in RESOLVERS
    ) and not text.lower().endswith(("inf", "nan"))


def _plain(number: str) -> str:
    """A number without leading zeros and without what separates its digits."""
    return re.sub(r"^([-+]?)0+(?=[0-9])", r"\1", re.sub("[_,]", "", number))
