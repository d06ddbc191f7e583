"""Commands that are shown can be typed as they stand."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from pathlib import Path

import pytest

import orchestration
from orchestration.commands import (
    command_line,
    mlflow_command,
    own_command,
    pip_install,
    program,
    sweep_command,
)
from orchestration.sqlite import sqlite_address

PACKAGE = Path(orchestration.__file__).parent


def test_a_sweep_is_named_with_its_storage_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CVAE_SWEEP_STORAGE", raising=False)
    name = program("cvae-sweep")
    assert sweep_command("resume", Path("runs/a")) == f"{name} resume a"
    elsewhere = Path("my runs")
    assert shlex.split(sweep_command("evaluate", elsewhere / "a", "--only", "fid")) == [
        *(name, "evaluate", "a", "--only", "fid", "--storage", "my runs")
    ]
    assert command_line("run", "x.yaml") == f"{name} run x.yaml"


def test_the_own_command_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "--tracking-uri=http://me:secret@host:1/"
    monkeypatch.setattr(sys, "argv", ["/bin/cvae-sweep", "run", "a@b.yaml", uri])
    assert own_command() == f"{program('cvae-sweep')} run a@b.yaml --tracking-uri=http://host:1/"


def test_a_command_of_mlflows_names_its_database(tmp_path: Path) -> None:
    uri = sqlite_address(tmp_path / "a b?" / "mlflow.db")
    command = mlflow_command(uri, "experiments", "restore", "-x", "5")
    assert shlex.split(command) == [
        *(f"MLFLOW_TRACKING_URI={uri}", program("mlflow"), "experiments", "restore", "-x", "5")
    ]
    command = mlflow_command("http://me:secret@host:1", "gc")
    assert shlex.split(command)[0] == "MLFLOW_TRACKING_URI=http://host:1"


def test_pip_is_that_of_this_environment() -> None:
    assert pip_install("numpy<3", "b") == f"{program('pip')} install 'numpy<3' b"


def test_nobody_else_puts_commands_together() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.name == "commands.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant):
                begun = re.search(r"(?<!`)`(mlflow|pip|ray|optuna-dashboard) ", str(node.value))
                assert not begun, f"{path}:{node.lineno}"
            if isinstance(node, ast.JoinedStr):
                text = "".join(v.value for v in node.values if isinstance(v, ast.Constant))
                named = re.search(r"cvae-sweep (resume|status|stop|retry|evaluate|sync) *$", text)
                assert not named, f"{path}:{node.lineno}"
