"""A shell stands in a folder that somebody has deleted: every command, with and without paths."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.cli.main import COMMANDS

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("cvae-sweep")
Done = subprocess.CompletedProcess[str]
Gone = Callable[..., Done]
ON_A_SWEEP = (
    *("resume", "stop", "retry", "evaluate", "status", "study", "compare", "report", "sync"),
    "export",
)
ON_A_FILE = ("run", "plan", "validate")


@pytest.fixture
def gone(tmp_path: Path) -> Gone:
    """``gone("list")``: that command in a folder that is no more."""
    (tmp_path / "sweep.yaml").write_text("name: tiny\nbase: {data: {name: digits}, epochs: 1}\n")
    gone = tmp_path / "gone"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "CVAE"))}
    script = 'mkdir "$0"; cd "$0"; rmdir "$0"; exec "$@"'

    def run(*arguments: str, **variables: str) -> Done:
        return subprocess.run(
            ["sh", "-c", script, str(gone), str(COMMAND), *arguments],
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def check_told(done: Done, path: str) -> None:
    """One sentence that names the path and what has become of the folder."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {path}: the working directory ")
    assert line.endswith("was deleted; go to another one, or give an absolute path")


@pytest.mark.parametrize("command", [*ON_A_SWEEP, "list", "ui", "doctor"])
def test_the_storage_folder_is_asked_for(gone: Gone, command: str) -> None:
    check_told(gone(command, *(["tiny"] if command in ON_A_SWEEP else [])), "runs")


def test_what_a_shell_calls_it_may_be_anything(tmp_path: Path) -> None:
    script = 'mkdir "$0"; cd "$0"; rmdir "$0"; exec env PWD=odd "$@"'
    command = ["sh", "-c", script, str(tmp_path / "gone"), str(COMMAND), "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    check_told(done, "runs")


@pytest.mark.parametrize("command", ON_A_FILE)
def test_a_relative_file_is_refused(gone: Gone, command: str) -> None:
    check_told(gone(command, "sweep.yaml"), "sweep.yaml")


@pytest.mark.parametrize("option", ["--storage", "--data-root", "--tracking-uri"])
def test_other_relative_paths_are_refused(gone: Gone, tmp_path: Path, option: str) -> None:
    given = {"--storage": f"{tmp_path}/runs"}
    given[option] = "sqlite:///here" if option == "--tracking-uri" else "here"
    options = [text for pair in given.items() for text in pair]
    check_told(gone("run", f"{tmp_path}/sweep.yaml", *options), "here")
    assert not (tmp_path / "runs").exists()


def test_a_relative_cache_is_refused(gone: Gone) -> None:
    check_told(gone("data", "digits", CVAE_SWEEP_CACHE="here"), "here")


@pytest.mark.parametrize("command", COMMANDS)
def test_absolute_paths_are_found(gone: Gone, tmp_path: Path, command: str) -> None:
    if command == "run":
        pytest.skip("tests/e2e/test_homes.py does")
    file, storage = f"{tmp_path}/sweep.yaml", ["--storage", f"{tmp_path}/runs"]
    others = {
        "plan": ["plan", file, *storage],
        "validate": ["validate", file],
        "data": ["data", "digits"],
        "completion": ["completion", "zsh"],
    }
    usual = [command, *(["tiny"] if command in ON_A_SWEEP else []), *storage]
    done = gone(*others.get(command, usual))
    assert "working directory" not in done.stderr
    assert "Traceback" not in done.stderr
    if command in ON_A_SWEEP:
        assert f"there is no sweep 'tiny' in {tmp_path}/runs" in done.stderr
    elif command == "ui":
        assert "there is no such database" in done.stderr
    else:
        assert done.stderr == ""


def test_images_below_the_folder_are_said_to_be_missing(gone: Gone, tmp_path: Path) -> None:
    done = gone("data", "folder", "--path", "album")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/gone/album: there is no such folder")
