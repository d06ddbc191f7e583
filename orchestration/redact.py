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
    return SECRET_QUERY.sub(r"\1…", ADDRESS.sub(_unless_a_path, text))


def _unless_a_path(match: re.Match[str]) -> str:
    before = match.string[: match.start()]
    return match[0] if OF_A_FILE.search(before) or match[0].startswith("file:") else ""


OF_A_FILE = re.compile(r"(?:sqlite(?:\+\w+)?|file)://$")
FILES = ("sqlite", "file")
"""How addresses begin in which an @ is part of a path."""
DATABASES = ("postgres", "mysql", "mariadb", "mssql", "oracle", "cockroach")


def without_credentials(uri: str) -> str:
    """A URI that may be stored and shown: without user and password, also where it is malformed.

    An option of a command line may stand before it (``--tracking-uri=…``).
    """
    before, separator, rest = uri.partition("://")
    option, equals, scheme = before.rpartition("=")
    if scheme.startswith(FILES):
        return uri
    if separator:
        return option + equals + _without_credentials(scheme, rest)
    uri = SECRET_QUERY.sub(r"\1…", uri)
    return uri.rpartition("@")[2] if "@" in uri else uri


def _without_credentials(scheme: str, rest: str) -> str:
    rest = SECRET_QUERY.sub(r"\1…", rest)
    if "@" not in rest:
        return f"{scheme}://{rest}"
    if scheme.startswith(DATABASES):
        # As its name has none, all before the last @ is somebody's password.
        address, mark, query = rest.partition("?")
        if "@" in address or "=" in query.partition("@")[0]:
            return f"{scheme}://{address.rpartition('@')[2]}{mark}{query}"
        return f"{scheme}://{rest.rpartition('@')[2]}"
    host, slash, path = rest.partition("/")
    if "@" in host:
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    # A slash in a password ends the host too early, after what cannot be a port.
    _, colon, port = host.rpartition(":")
    malformed = bool(colon) and not port.isdigit()
    return f"{scheme}://{rest.rpartition('@')[2] if malformed else rest}"
