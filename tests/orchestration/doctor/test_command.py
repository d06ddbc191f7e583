"""The command as it is installed: exit codes, JSON, narrow terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.doctor.finding import Finding, ok
from orchestration.doctor.report import document, examine
from orchestration.doctor.subject import Subject

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("cvae-sweep"))
SWEEP = "name: tiny\nbase: {data: {name: digits}, epochs: 1}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return tmp_path


def test_json(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    arguments = [COMMAND, "doctor", "sweep.yaml", "--json"]
    # 5 s where nothing else runs
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=180)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert set(report) == {"checks", "problems", "warnings"}
    assert all(set(check) == {"name", "status", "found", "advice"} for check in report["checks"])
    statuses = [check["status"] for check in report["checks"]]
    assert (report["problems"], report["warnings"]) == (
        statuses.count("problem"),
        statuses.count("warning"),
    )
    assert all((check["advice"] is None) == (check["status"] == "ok") for check in report["checks"])
    assert done.returncode == (1 if report["problems"] else 0)
    names = [check["name"] for check in report["checks"]]
    assert {"data digits", "storage", "disk", "memory", "CPUs", "threads", "tracking"} < set(names)
    assert "could not be checked" not in done.stdout
    assert sorted(folder.rglob("*")) == before


def test_problems_in_a_narrow_terminal(folder: Path) -> None:
    tracking = ("--tracking-uri", "http://bob:secret@127.0.0.1:9")
    text, code = in_terminal(
        folder,
        40,
        [COMMAND, "doctor", "sweep.yaml", "--set", "resources.cpu=10000", *tracking],
    )
    assert code == 1
    assert "secret" not in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 40
    joined = " ".join(text.split())
    assert "problem CPUs:" in joined
    assert "problem tracking: tracking server http://127.0.0.1:9" in joined
    assert "→ Lower resources.cpu: `--set resources.cpu=" in joined
    assert "2 problems" in lines[-1]


def in_terminal(folder: Path, width: int, command: list[str]) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": str(width), "TERM": "xterm"}
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    text = b""
    while True:
        try:
            read = os.read(ours, 10_000)
        except OSError:  # Linux: the other end is closed
            break
        if not read:
            break
        text += read
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", text.decode()), process.wait()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "there is no such file"),
        (["sweep.yaml", "--set", "epoch=1"], 'did you mean "epochs"'),
        (["--set", "epochs=1"], "name the file as well"),
        (["--max-concurrent", "0"], "--max-concurrent"),
    ],
)
def test_a_wrong_request(
    folder: Path, command: Callable[..., Any], arguments: list[str], expected: str
) -> None:
    done = command(folder, "doctor", *arguments, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_check_that_fails_itself_is_a_problem() -> None:
    def check_the_moon(subject: Subject) -> list[Finding]:
        raise KeyError("no moon at http://bob:secret@moon")

    def check_the_sun(subject: Subject) -> list[Finding]:
        return [ok("the sun", "shines")]

    findings = examine(Subject(storage=Path("runs")), [check_the_moon, check_the_sun])
    assert [f.status for f in findings] == ["problem", "ok"]
    assert findings[0].name == "the moon"
    assert "KeyError" in findings[0].found
    assert "secret" not in findings[0].found
    assert document(findings)["problems"] == 1
