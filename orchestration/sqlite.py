"""Addresses of SQLite databases, whatever the names of the folders above them hold.

SQLAlchemy reads ``sqlite:////home/me/mlflow.db``. There a ``?`` begins options, and from version
2.1 on ``%41`` is an A, while MLflow makes the folder of an address as if it were not. A path with
such characters is written as SQLite's own ``file:`` URI, and the driver is named
(``sqlite+pysqlite://``): of such an address MLflow makes no folders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlencode

from orchestration.directory import checked
from orchestration.errors import UserError
from orchestration.storage import check_name

SQLITE = re.compile(r"sqlite(\+pysqlite)?:")
PLAIN = re.compile(r"[^%?#{}\x00-\x1f\x7f\ud800-\udfff]*[^%?#{}\x00-\x20\x7f\ud800-\udfff]")
"""Paths that all read as they stand: some cut off a space at the end, Optuna fills braces."""
DRIVER = {
    *("uri", "timeout", "isolation_level", "detect_types", "check_same_thread"),
    "cached_statements",
}
"""Options that SQLAlchemy hands to Python's driver; it ignores others but with ``uri``."""
LONGEST = 504
"""Bytes of a path that SQLite opens on Unix: 512, less what it adds for its journal."""


def is_sqlite(address: str) -> bool:
    """Whether an address is of an SQLite database."""
    return SQLITE.match(address) is not None


def sqlite_address(path: Path, options: Mapping[str, Any] | None = None) -> str:
    """The address of a database.

    Args:
        path: of its file, absolute.
        options: of the address.
    """
    options = options or {}
    if "uri" not in options and PLAIN.fullmatch(str(path)):
        return f"sqlite:///{path}" + ("?" + urlencode(options, doseq=True) if options else "")
    from sqlalchemy.engine import URL  # takes a third of a second, and few need it

    database = f"file:{quote_from_bytes(os.fsencode(path))}"
    query = {**options, "uri": "true"}
    return URL.create("sqlite+pysqlite", database=database, query=query).render_as_string()


def sqlite_path(address: str) -> Path | None:
    """The file of an SQLite database; None where the address is of something else, or of none."""
    database, options = _parts(address)
    if "uri" in options and database.startswith("file:"):
        location = re.sub("^file:(//[^/]*)?", "", database)
        database = os.fsdecode(unquote_to_bytes(location))
    in_memory = database in ("", ":memory:") or options.get("mode") == "memory"
    return None if in_memory else Path(database)


def absolute_address(address: str) -> str:
    """The address of an SQLite database with an absolute path, so that the folder does not matter.

    Raises:
        UserError: it is not one of a file that SQLite can open, or is relative to a folder that was
            deleted.
    """
    if not re.match(SQLITE.pattern + "///", address):
        raise UserError(
            f"{address}: the path of a database comes after three slashes; use "
            "sqlite:///PATH/mlflow.db"
        )
    check_options(address)
    path = sqlite_path(address)
    if path is None:
        raise UserError(
            f"{address}: a database in memory alone is gone with this command; "
            "use sqlite:///PATH/mlflow.db"
        )
    path = path if path.is_absolute() else checked(path).resolve()
    size = len(os.fsencode(path))
    if size > LONGEST:
        raise UserError(
            f"{path}: is a path of {size} bytes, and SQLite opens none of more than {LONGEST}; "
            "choose a shorter one"
        )
    check_name(path)
    return sqlite_address(path, _parts(address)[1])


def check_options(address: str) -> None:
    """Refuse an address whose path would end at a ``?`` that was meant as part of it.

    Raises:
        UserError: it has options that there are not.
    """
    _, options = _parts(address)
    unknown = [] if "uri" in options else sorted(options.keys() - DRIVER)
    if unknown:
        meant = sqlite_address(Path(address.partition(":///")[2]).resolve())
        raise UserError(
            f"{address}: SQLite has no option {unknown[0]!r}; if the ? belongs to the path, "
            f"write {meant}"
        )


def _parts(address: str) -> tuple[str, dict[str, Any]]:
    """What an address says of the database, and its options; nothing where it is no SQLite's."""
    if not is_sqlite(address):
        return "", {}
    if "%" not in address and "?" not in address:
        return address.partition(":///")[2], {}
    from sqlalchemy.engine import make_url  # see above

    url = make_url(address)
    return url.database or "", dict(url.query)
