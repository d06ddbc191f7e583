"""The command: exit codes, JSON, narrow terminals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.doctor.finding import Finding, ok
from orchestration.doctor.processors import check_cpus
from orchestration.doctor.report import document, examine
from orchestration.doctor.subject import Subject
from orchestration.doctor.tracking import check_tracking

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("cvae-sweep"))
SWEEP = "name: tiny\nbase: {data: {name: digits}, epochs: 1}\n"
NOBODY = "http://bob:secret@127.0.0.1:9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return tmp_path


@pytest.mark.program
def test_json(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    wrong = ("--set", "resources.cpu=10000", "--tracking-uri", NOBODY)
    arguments = [COMMAND, "doctor", "sweep.yaml", "--json", *wrong]
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
    assert done.returncode == 1
    found = {check["name"]: check["status"] for check in report["checks"]}
    assert (found["CPUs"], found["tracking"]) == ("problem", "problem")
    assert "secret" not in done.stdout
    names = [check["name"] for check in report["checks"]]
    assert {"data digits", "storage", "disk", "memory", "CPUs", "threads", "tracking"} < set(names)
    assert "could not be checked" not in done.stdout
    assert sorted(folder.rglob("*")) == before


def test_problems_in_a_narrow_terminal(
    folder: Path,
    command: Callable[..., Any],
    make_screen: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = make_screen(40, 60)
    monkeypatch.setattr(sys, "stdout", screen.stream())
    two = [check_cpus, check_tracking]  # the others take seconds, and are in `test_json`
    monkeypatch.setattr("orchestration.cli.doctor.examine", lambda asked: examine(asked, two))
    wrong = ("--set", "resources.cpu=10000", "--tracking-uri", NOBODY)
    assert command(folder, "doctor", "sweep.yaml", *wrong).returncode == 1
    screen.close()
    assert "secret" not in screen.raw.decode()
    lines = screen.everything
    assert lines[-1] == "2 problems"
    raw = re.sub(r"\x1b\[[0-9;]*m", "", screen.raw.decode()).splitlines()
    assert 30 < max(map(len, raw)) <= 40, "no line is the terminal's to break"
    joined = " ".join(" ".join(lines).split())
    assert "problem CPUs:" in joined
    assert "problem tracking: tracking server http://127.0.0.1:9" in joined
    assert "→ Lower resources.cpu: `--set resources.cpu=" in joined


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
