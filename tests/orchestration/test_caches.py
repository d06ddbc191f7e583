"""Where things are kept: homes that are none, that are read-only, or that are not this user's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import getpass, json, os, sys
from orchestration.caches import cache_folder, default_data_root, find_places
from platformdirs import user_cache_path
user_cache_path("imported")
if len(sys.argv) > 1:  # a user whom the system does not know
    os.setgroups([])
    os.setgid(12345)
    os.setuid(12345)
said = find_places()
assert find_places() == said
print(json.dumps({
    "said": said,
    "data": str(default_data_root()),
    "cache": str(cache_folder()),
    "user": getpass.getuser(),
    "environment": dict(os.environ),
}))
"""
OURS = ("HOME", "XDG", "MPL", "TORCH", "CVAE", "USER", "LOGNAME")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="root alone can become another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody can look into; pytest's own cannot be."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class Found(NamedTuple):
    said: str | None
    data: str
    cache: str
    user: str
    environment: dict[str, str]


def find(temporary: Path, *, unknown: bool = False, **variables: str) -> Found:
    """What is found in a process of its own, with these variables alone."""
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o777)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *(["unknown"] if unknown else [])],
        env=kept | {"TMPDIR": str(temporary)} | variables,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return Found(**found)


def test_a_home_is_left_as_it_is(place: Path) -> None:
    (place / "home").mkdir()
    found = find(place / "t", HOME=f"{place}/home", LOGNAME="somebody")
    assert found.said is None
    assert found.user == "somebody"
    assert found.data == f"{place}/home/.cache/cvae-sweep/data"
    assert found.cache == f"{place}/home/.cache/cvae-sweep/decoded"
    added = set(found.environment) - set(os.environ)
    assert not [name for name in added if name.startswith(("XDG", "MPL", "TORCH", "CVAE"))]
    assert list((place / "t").iterdir()) == []


@pytest.mark.parametrize("home", ["relative", "file", "missing"])
def test_a_home_that_is_none(place: Path, home: str) -> None:
    (place / "file").write_text("")
    named = home if home == "relative" else f"{place}/{home}"
    found = find(place / "t", HOME=named)
    own = f"{place}/t/cvae-sweep-{os.getuid()}"
    assert found.said is not None
    assert named in found.said
    assert found.said.endswith(f": what is downloaded or cached is kept in {own}")
    assert found.environment["HOME"] == f"{own}/home"
    assert found.data == f"{own}/home/.cache/cvae-sweep/data"


@pytest.mark.parametrize("variables", [{}, {"HOME": ""}])
def test_the_system_knows_the_home_where_no_variable_does(
    place: Path, variables: dict[str, str]
) -> None:
    found = find(place / "t", **variables)
    assert found.environment["HOME"] == str(Path("~").expanduser())


def test_what_can_be_read_alone_is_still_read(place: Path) -> None:
    """Data sets and weights that are part of a container's image."""
    caches = place / "home" / ".cache"
    for folder in ("torch", "cvae-sweep/data"):
        (caches / folder).mkdir(parents=True)
    (place / "t").mkdir()
    # As on a read-only file system, also for root: a folder that is a file below.
    (place / "file").write_text("")
    whole = find(place / "t", HOME=f"{place}/home", XDG_CACHE_HOME=f"{place}/file/caches")
    own = f"{place}/t/cvae-sweep-{os.getuid()}"
    assert whole.said is not None
    assert f"{place}/file/caches cannot be written to" in whole.said
    assert whole.environment["HOME"] == f"{place}/home"
    assert whole.environment["XDG_CACHE_HOME"] == f"{own}/caches"
    assert whole.cache == f"{own}/caches/cvae-sweep/decoded"
    if os.getuid() != 0:
        return
    found = find(place / "t", unknown=True, HOME=f"{place}/home")
    own = f"{place}/t/cvae-sweep-12345"
    assert found.said is not None
    assert f"{caches} cannot be written to" in found.said
    assert found.data == f"{caches}/cvae-sweep/data"
    assert found.cache == f"{own}/caches/cvae-sweep/decoded"
    assert found.environment["HOME"] == f"{place}/home"
    assert found.environment["TORCH_HOME"] == f"{caches}/torch"
    assert found.environment["MPLCONFIGDIR"] == f"{own}/matplotlib"


@as_root
def test_a_user_without_a_name_and_without_a_home(place: Path) -> None:
    found = find(place / "t", unknown=True)
    assert found.said is not None
    assert found.said.startswith("HOME is not set")
    assert found.user == "12345"
    assert found.data == f"{place}/t/cvae-sweep-12345/home/.cache/cvae-sweep/data"
    assert (place / "t" / "cvae-sweep-12345").stat().st_mode & 0o777 == 0o700


@as_root
def test_a_folder_that_somebody_else_has_put_there_is_not_used(place: Path) -> None:
    (place / "t" / "cvae-sweep-12345").mkdir(parents=True)
    found = find(place / "t", unknown=True)
    assert found.data.startswith(f"{place}/t/cvae-sweep-")
    assert not found.data.startswith(f"{place}/t/cvae-sweep-12345/")


def test_a_relative_cache_folder_counts_for_nothing(place: Path) -> None:
    (place / "home").mkdir()
    found = find(place / "t", HOME=f"{place}/home", XDG_CACHE_HOME="here")
    assert found.said is None
    assert found.data == f"{place}/home/.cache/cvae-sweep/data"
