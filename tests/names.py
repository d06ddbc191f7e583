"""Names of folders that a file system allows, and that somebody reads as something else."""

from __future__ import annotations

import os

NAMES = [
    "plain",
    *("only%41pct", "why?x=1", "ha#sh", "a&b;c", "100%", "%3F", "a=b?mode=memory"),
    *("sp ace", " around ", "tab\t", "new\nline", "it's", 'say "so"', "\u00a0"),
    *("-dash", "--storage", "~", "~root", "$HOME", "$(id)", "`id`", "*", "!", "|", "<x>"),
    *("back\\slash", "[br]", "{x}", "{SCHEMA_VERSION}", "me@corp", "a:b@c", "http:", "file:x"),
    *("Größe", "e\u0301", "→😀", "\u202eleft", "\x1b[31m", "\x7f", ".hidden", "..."),
    "l" * 200,
]
SOME = [
    *("plain", "only%41pct", "why?x=1", "ha#sh", "new\nline", 'say "so"', "-dash", "~"),
    *("back\\slash", "{x}", "{SCHEMA_VERSION}", "http:", "\u202eleft", "..."),
]
"""One of each kind, where a name costs a database: that an address leads to its file is tested
with all of them."""
NOT_UTF8 = os.fsdecode(b"\xff\xfe")
NAMES_AND_BYTES = [*NAMES, NOT_UTF8]
WORST = "-w%41?x=1#'\"$HOME;&[{ü→\\ \nz "
"""All of them at once."""
