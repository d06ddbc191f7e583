"""A shell stands in a folder that somebody has deleted: every command, with and without paths."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orchestration.cli.main import COMMANDS, carry_out
from orchestration.directory import leave_useless

pytestmark = pytest.mark.slow

ON_A_SWEEP = (
    *("resume", "stop", "retry", "evaluate", "status", "study", "compare", "report", "sync"),
    "export",
)
ON_A_FILE = ("run", "plan", "validate")
ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
from orchestration.cli.main import main
ended = {}
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(said):
        try:
            main()
        except SystemExit as end:
            ended[command[0]] = [end.code, said.getvalue()]
print(json.dumps(ended))
"""


class Done(NamedTuple):
    returncode: Any
    stdout: str
    stderr: str


Gone = Callable[..., Done]


@pytest.fixture
def gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Gone:
    """``gone("list")``: that command in a folder that is no more."""
    (tmp_path / "sweep.yaml").write_text("name: tiny\nbase: {data: {name: digits}, epochs: 1}\n")
    for name in os.environ:
        if name.startswith(("MLFLOW", "CVAE")):
            monkeypatch.delenv(name)
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    folder.rmdir()
    monkeypatch.setattr("orchestration.directory._left", None)  # and again at the end

    def run(*arguments: str, **variables: str) -> Done:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["cvae-sweep", *arguments])
            leave_useless()
            with pytest.raises(SystemExit) as end:
                carry_out()
        return Done(end.value.code, *capfd.readouterr())

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


def test_what_a_shell_calls_it_may_be_anything(gone: Gone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "odd")
    check_told(gone("list"), "runs")


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


@pytest.mark.program
def test_absolute_paths_are_found(gone: Gone, tmp_path: Path) -> None:
    """In a process that began there, and imports there what a command needs; of ``run``
    tests/e2e/test_homes.py shows it."""
    file, storage = f"{tmp_path}/sweep.yaml", ["--storage", f"{tmp_path}/runs"]
    others = {
        "plan": ["plan", file, *storage],
        "validate": ["validate", file],
        "data": ["data", "digits"],
        "completion": ["completion", "zsh"],
    }
    named = {name: ["tiny"] if name in ON_A_SWEEP else [] for name in COMMANDS}
    usual = {name: [name, *given, *storage] for name, given in named.items()} | others
    del usual["run"]
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(list(usual.values()))],
        capture_output=True,
        text=True,
        timeout=300,
    )
    ended: dict[str, tuple[int, str]] = json.loads(done.stdout)
    assert (ended.keys(), done.stderr) == (usual.keys(), "")
    for command, (code, said) in ended.items():
        assert "working directory" not in said
        assert "Traceback" not in said
        assert code == (0 if command in {*others, "list", "doctor"} else 2), said
        if command in ON_A_SWEEP:
            assert f"{tmp_path}/runs: there is no such folder" in said
        elif command == "ui":
            assert "there is no such database" in said


def test_images_below_the_folder_are_said_to_be_missing(gone: Gone, tmp_path: Path) -> None:
    done = gone("data", "folder", "--path", "album")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/gone/album: there is no such folder")
