"""Completion as a shell asks for it, with the script that the command prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger

pytestmark = [pytest.mark.slow, pytest.mark.program]

COMMAND = Path(sys.executable).with_name("cvae-sweep")
# What bash does on Tab: fill in COMP_WORDS, call the function, read COMPREPLY.
TAB = """
source <(cvae-sweep completion bash) || exit 1
compopt() { echo compopt "$@"; }
COMP_WORDS=(cvae-sweep "$@"); COMP_CWORD=$#
$(complete -p cvae-sweep | sed 's/.*-F \\([^ ]*\\) .*/\\1/') cvae-sweep
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in (("runs", "first"), ("runs", "second"), ("else where", "third")):
        sweep = Sweep(name=name, sweep_id="1", created=0, spec={}, plan=[])
        Ledger.create(tmp_path / place / name, sweep)
    (tmp_path / "own.yaml").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "my.yml").write_text("")
    (tmp_path / "deep" / "deeper" / "mine.yaml").write_text("")
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    own = {k: v for k, v in os.environ.items() if not k.startswith("CVAE")}
    return own | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"} | more


def tab(folder: Path, *words: str, **more: str) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", *words],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


def test_commands_and_options(folder: Path) -> None:
    shown = subprocess.run([COMMAND, "--help"], capture_output=True, text=True).stdout
    commands = [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()]
    assert {"run", "status", "completion"} <= set(commands)
    assert tab(folder, "") == commands
    assert tab(folder, "st") == ["stop", "status", "study"]
    assert tab(folder, "status", "--js") == ["--json"]
    assert tab(folder, "--v") == ["--version"]


def test_names_of_sweeps(folder: Path) -> None:
    assert tab(folder, "status", "") == ["first", "second"]
    assert tab(folder, "status", "--json", "f") == ["first"]
    assert tab(folder, "sync", "--tracking-uri", "x", "s") == ["second"]
    assert tab(folder, "status", "--storage", "'else where'", "t") == ["third"]
    assert tab(folder, "status", "", CVAE_SWEEP_STORAGE="else where") == ["third"]
    assert tab(folder, "status", "", CVAE_SWEEP_STORAGE="nothing") == [""]


def test_sweep_files(folder: Path, repository: Path) -> None:
    files = (repository / "sweeps").rglob("*.yaml")
    packaged = sorted(str(path.relative_to(repository)) for path in files)
    assert "sweeps/paper/best.yaml" in packaged
    assert tab(folder, "run", "") == sorted(["deep/my.yml", "own.yaml", *packaged])
    assert tab(folder, "plan", "sweeps/digits_b") == ["sweeps/digits_beta.yaml"]
    assert tab(folder, "run", "./o") == ["./own.yaml"]
    assert tab(folder, "doctor", "./o") == ["./own.yaml"]
    assert tab(folder, "run", "deep/deep") == ["deep/deeper/mine.yaml"]
    assert tab(folder, "validate", "own.yaml", "deep/m") == ["deep/my.yml"]
    assert tab(folder, "validate", "sweeps/digits_b") == ["sweeps/digits_beta.yaml"]
    assert tab(folder, "validate", "nothing") == ["compopt -o default", ""]


@pytest.mark.parametrize("words", ["status ", "run ", "ui --", "list --", ""])
def test_nothing_heavy_is_imported_for_a_tab(folder: Path, words: str) -> None:
    """0.07 s instead of 0.35 s. For the name of a command, no command is imported either."""
    script = (
        "import sys\nfrom orchestration.cli.main import main\nsys.argv[:] = ['cvae-sweep']\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'ray', 'mlflow', 'pydantic', 'rich', 'yaml'} & set(sys.modules)\n"
        "    heavy |= {m for m in sys.modules if m == 'orchestration.cli.options'}\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    asked = {
        "_CVAE_SWEEP_COMPLETE": "bash_complete",
        "COMP_WORDS": f"cvae-sweep {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment(**asked),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.rstrip().splitlines()
    expected = ["orchestration.cli.options"] if words else []
    assert lines[-1] == f"heavy: {expected}"
    assert lines[0].startswith("plain,")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_of_that_shell(shell: str) -> None:
    done = subprocess.run([COMMAND, "completion", shell], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"_CVAE_SWEEP_COMPLETE={shell}_complete" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)
