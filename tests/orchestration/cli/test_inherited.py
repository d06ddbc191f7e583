"""Nothing is imported from the working directory, whatever the environment says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.cli.inherited import for_children, leave_working_directory

COMMAND = Path(sys.executable).with_name("cvae-sweep")
NAMES = ("click", "rich", "yaml")


@pytest.mark.slow
@pytest.mark.parametrize("path", [".", "/nowhere:"])
def test_a_file_named_like_a_library_is_not_imported(path: str, tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from here')")
    done = subprocess.run(
        [COMMAND, "validate", "none.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path.format(here=tmp_path), "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.yaml")


@pytest.mark.parametrize("path", [".", ":/nowhere", "/nowhere:", "{here}", "./", "x/..", ""])
def test_the_working_directory_is_known_by_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Python has made all of the names absolute by then; an empty variable names none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", path.format(here=tmp_path))
    named = os.environ["PYTHONPATH"].split(os.pathsep)
    monkeypatch.setattr(sys, "path", ["", *map(os.path.abspath, named), "/libraries"])
    leave_working_directory()
    assert {*sys.path} - {"/nowhere"} == ({"/libraries"} if path else {"/libraries", str(tmp_path)})


@pytest.mark.slow
def test_docstrings_that_python_was_told_to_drop_are_there() -> None:
    environment = os.environ | {"PYTHONOPTIMIZE": "2"}
    done = subprocess.run([COMMAND, "--help"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Sweeps that compare VAEs" in done.stdout


def test_children_get_a_path_without_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join(("", ".", "/libraries", str(tmp_path), "mine"))
    given = for_children({"PYTHONPATH": path, "PYTHONOPTIMIZE": "1", "HOME": "/me"})
    assert given == {
        "PYTHONPATH": f"/libraries{os.pathsep}{tmp_path}/mine",
        "PYTHONSAFEPATH": "1",
        "HOME": "/me",
    }


def test_where_this_program_lies_is_a_place_to_import_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    assert for_children({"PYTHONPATH": "."})["PYTHONPATH"] == "."
