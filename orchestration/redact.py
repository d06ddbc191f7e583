"""Users and passwords, taken out of what is shown or kept."""

from __future__ import annotations

import re

ADDRESS = re.compile(r"(?<=//)\S*@|(?<![^\s'\"])[^\s'\"/]+:(?!//)\S*@")
"""What stands before the host: up to the last @ of a word, lest a password has one."""
SECRET_QUERY = re.compile(
    r"(?i)([?&](?:user|username|uid|pwd|(?:ssl)?passw(?:or)?d|odbc_connect|token|secret)=)[^&\s'\"]*"
)


def without_secrets(text: str) -> str:
    """Text in which no address has a user or password, however malformed the address is."""
    return SECRET_QUERY.sub(r"\1…", ADDRESS.sub("", text))
