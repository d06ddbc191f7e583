"""Standard streams that are closed, full, or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.program]

COMMAND = Path(sys.executable).with_name("cvae-sweep")
SUBSETS = [(), (0,), (1,), (2,), (0, 1, 2)]
LEDGER = """
import os, subprocess, sys
from orchestration.terminal import streams
streams.take_over()
with open("ledger", "wb") as file:
    assert file.fileno() > 2
    for number in (1, 2):
        os.write(number, b"noise")
    print("noise", flush=True)
    print("noise", file=sys.stderr, flush=True)
    assert sys.stdin.read() == ""
    child = "import os; [os.fstat(n) for n in (0, 1, 2)]; os.write(1, b'noise')"
    subprocess.run([sys.executable, "-c", child], check=True)
"""


def closing(*command: str, closed: Sequence[int], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command, some of the standard streams of which are closed."""

    def close() -> None:
        for number in closed:
            os.close(number)

    return subprocess.run(
        command,
        preexec_fn=close,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text("name: good\nbase: {data: {name: digits}}\n")
    (tmp_path / "bad.yaml").write_text("name: bad\nbase: {epoch: 1}\n")
    return tmp_path


@pytest.mark.parametrize("closed", SUBSETS, ids=str)
def test_a_command_ends_as_it_does_with_open_streams(folder: Path, closed: Sequence[int]) -> None:
    command = (str(COMMAND), "validate", "good.yaml", "bad.yaml")
    done = closing(*command, closed=closed, folder=folder)
    assert done.returncode == 2
    assert bool(done.stdout) == (1 not in closed)
    assert bool(done.stderr) == (2 not in closed)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", SUBSETS, ids=str)
def test_no_file_takes_the_place_of_a_closed_stream(folder: Path, closed: Sequence[int]) -> None:
    done = closing(sys.executable, "-c", LEDGER, closed=closed, folder=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "ledger").read_bytes() == b""


@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        *((("list",), ""), (("list",), "1")),
        *((("validate", "good.yaml", "--json"), "1"), (("plan", "good.yaml", "--json"), "")),
    ],
)
def test_what_a_full_disk_did_not_take_is_no_success(
    folder: Path, arguments: Sequence[str], unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    said = "error: standard output could not be written to (No space left on device)\n"
    assert done.stderr == said


def test_a_full_disk_behind_standard_error_changes_no_exit_code(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([str(COMMAND), "validate", "bad.yaml"], cwd=folder, stderr=full)
    assert done.returncode == 2


def test_nobody_reads_a_document(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [str(COMMAND), "plan", "good.yaml", "--json"]
    done = subprocess.run(command, cwd=folder, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
