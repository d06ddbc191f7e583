"""The installed command: fast where it can be, and clear about what is wrong with a request."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.names import NOT_UTF8
from tests.orchestration.written import Written

COMMAND = Path(sys.executable).with_name("cvae-sweep")
Command = Callable[..., Any]
SPEC = """\
name: tiny
baselines: false
base: {data: {name: digits}, epochs: 1}
grid: {model: [vae, cvae], tau: [0.1, 1]}
"""


def installed(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "CVAE"))}
    return subprocess.run(
        [str(COMMAND), *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sweep.yaml").write_text(SPEC)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["run", "plan", "validate", "status", "doctor"]),
        (["--version"], ["cvae-sweep, version "]),
        (["run", "--help"], ["--set"]),
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str], words: list[str]) -> None:
    script = (
        "import sys\nfrom orchestration.cli.main import main\n"
        f"sys.argv[:] = ['cvae-sweep', *{arguments!r}]\n"
        "try:\n    main()\nfinally:\n"
        "    heavy = {'torch', 'ray', 'mlflow', 'numpy', 'sklearn', 'optuna'} & set(sys.modules)\n"
        "    print('heavy:', sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in words)
    assert done.stdout.rstrip().splitlines()[-1] == "heavy: []"


@pytest.mark.slow
@pytest.mark.program
def test_a_command_that_trains_nothing_itself_does_without_pytorch() -> None:
    """All that runs a sweep in workers: PyTorch would take 200 MB and a second of its start."""
    code = (
        "import sys\n"
        "import orchestration.run.runner, orchestration.run.ray_session\n"
        "import orchestration.engine.ray_cluster, orchestration.engine.ray_tune\n"
        "import orchestration.tracking.tracker, orchestration.report.report_file\n"
        "assert 'ray.tune' in sys.modules and 'mlflow' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.yaml"], "there is no such file"),
        (["bad.yaml"], "bad.yaml:1: name"),
        (["sweep.yaml", "--set", "epoch=1"], 'did you mean "epochs"'),
        (["sweep.yaml", "--set", "data.name=mnist", "--data-root", "a-file"], "mnist"),
        (["sweep.yaml", "--address", "127.0.0.1:9"], "no Ray cluster answers"),
        (["sweep.yaml", "--address", "ray://127.0.0.1:9"], "ray://127.0.0.1:9"),
        (["sweep.yaml", "--address", "nonsense"], "host:port"),
        (["sweep.yaml", "--tracking-uri", "http://127.0.0.1:9"], "does not answer"),
        (["sweep.yaml", "--tracking-uri", "mlruns"], "sqlite"),
        (["sweep.yaml", "--set", "resources.cpu=999"], "999 CPUs"),
    ],
)
def test_a_wrong_request_is_refused_and_creates_nothing(
    folder: Path, command: Command, arguments: list[str], expected: str
) -> None:
    (folder / "bad.yaml").write_text("name: ../up\n")
    (folder / "a-file").write_text("")
    before = sorted(folder.rglob("*"))
    began = time.monotonic()
    done = command(folder, "run", *arguments, "--storage", "runs")
    assert done.returncode == 2, done.stderr
    assert time.monotonic() - began < 30
    assert expected in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("retry tiny --failed --trial ab", "--failed means all failed trials and --trial some"),
        ("status tiny --storage nowhere", "--storage nowhere: there is no such folder"),
        ("data mnist --path images", "--path: for images of your own alone"),
        ("data digits --image-size 8 --colour rgb", "--image-size and --colour: for images of"),
        ("data folder --image-size 2", "--image-size must be at least 4, not 2"),
    ],
)
def test_flags_that_say_nothing_there_are_named(
    folder: Path, command: Command, arguments: str, expected: str
) -> None:
    done = command(folder, *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {expected}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["run"], ["nonsense"], ["plan", "--nonsense"]])
def test_a_wrong_command_line(folder: Path, command: Command, arguments: list[str]) -> None:
    done = command(folder, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_plan(folder: Path, command: Command) -> None:
    done = command(folder, "plan", "sweep.yaml", "--json", "--set", "seeds=[0, 1]")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["name"] == "tiny"
    trials = document["trials"]
    assert [(t["model"], t["tau"], t["seed"]) for t in trials] == [
        ("vae", None, 0),
        ("vae", None, 1),
        ("cvae", 0.1, 0),
        ("cvae", 0.1, 1),
        ("cvae", 1.0, 0),
        ("cvae", 1.0, 1),
    ]
    assert {t["state"] for t in trials} == {"pending"}
    assert all(t["config"]["epochs"] == 1 for t in trials)
    table = command(folder, "plan", "sweep.yaml").stdout
    assert trials[0]["key"] in table
    assert not (folder / "runs").exists()


def test_validate(folder: Path, command: Command, repository: Path) -> None:
    (folder / "bad.yaml").write_text("name: a\nbase: {tau: 0, epoch: 1}\n")
    done = command(folder, "validate", "sweep.yaml", "bad.yaml", "missing.yaml", "--json")
    assert done.returncode == 2
    good, bad, missing = json.loads(done.stdout)["files"]
    assert (good["file"], good["errors"], good["trials"]) == ("sweep.yaml", [], 3)
    assert len(bad["errors"]) == 2
    assert "no such file" in missing["errors"][0]
    packaged = [str(path) for path in (repository / "sweeps").glob("*.yaml")]
    assert command(folder, "validate", *packaged).returncode == 0


def test_a_packaged_file_is_taken_and_named(
    folder: Path, command: Command, repository: Path
) -> None:
    taken = (
        f"sweeps/digits_beta.yaml: is not here; taken is .* {repository}/sweeps/digits_beta.yaml"
    )
    for name in ("plan", "validate"):
        done = command(folder, name, "sweeps/digits_beta.yaml", "--json")
        assert (done.returncode, json.loads(done.stdout) != {}) == (0, True)
        assert re.fullmatch(f"{taken}\n", done.stderr)


def test_status_of_nothing(folder: Path, command: Command) -> None:
    done = command(folder, "status", "nothing", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no sweep 'nothing'" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_output_without_greek_letters(folder: Path, encoding: str) -> None:
    done = installed(folder, "plan", "sweep.yaml", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03c4" in done.stdout
    assert "cvae" in done.stdout


def test_a_broken_pipe_changes_no_exit_code(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [str(COMMAND), "plan", "sweep.yaml"], cwd=folder, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["validate"], ["plan"]])
def test_a_file_cannot_steer_the_terminal(
    folder: Path, command: Command, arguments: list[str]
) -> None:
    (folder / "bad.yaml").write_text('name: a\n"\\e]0;title\\a\\x9b2J": 1\nwrong: 2\n')
    done = command(folder, *arguments, "bad.yaml")
    assert done.returncode == 2
    assert "\\x1b]0;title\\x07\\x9b2J" in done.stderr
    assert all(line.isprintable() for line in done.stderr.splitlines())
    assert [line[:5] for line in done.stderr.splitlines()] == ["error"] * 2


def test_a_file_name_cannot_steer_the_terminal(folder: Path, command: Command) -> None:
    (folder / "s\x1b[1m.yaml").write_text(SPEC)
    done = command(folder, "validate", "s\x1b[1m.yaml")
    assert done.stdout == "s\\x1b[1m.yaml: fine, 3 trials\n"


@pytest.mark.parametrize("arguments", [["status", "x" * 300], ["validate", "x" * 300 + ".yaml"]])
def test_a_place_that_the_system_refuses(
    folder: Path, command: Command, arguments: list[str]
) -> None:
    (folder / "runs").mkdir()
    done = command(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "File name too long" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_whose_name_cannot_be_written_down(folder: Path, command: Command) -> None:
    for flag in ([], ["--data-root", str(folder / NOT_UTF8)]):
        here = folder if flag else folder / NOT_UTF8
        here.mkdir(exist_ok=True)
        file, storage = str(folder / "sweep.yaml"), str(folder / "storage")
        done = command(here, "run", file, "--storage", storage, *flag)
        assert (done.returncode, done.stdout) == (2, "")
        assert "and this name is not UTF-8" in done.stderr
        assert not (folder / "storage").exists()


def test_a_mistyped_command_is_guessed() -> None:
    from click.testing import CliRunner

    from orchestration.cli.main import cli

    result = CliRunner().invoke(cli, ["statsu"])
    assert result.exit_code == 2
    assert "Did you mean 'status'?" in result.output


@pytest.mark.parametrize("arguments", [["status", "small"], ["compare", "small"], ["list"]])
def test_settings_of_another_version_are_no_crash(
    folder: Path, command: Command, arguments: list[str]
) -> None:
    written = Written(folder / "runs" / "small")
    written.trial()
    ledger = written.ledger
    trial = ledger.planned()[0]
    ledger.save(trial.model_copy(update={"config": {**trial.config, "novel": 1}}))
    done = command(folder, *arguments)
    if arguments == ["list"]:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()
    assert said[0].startswith("error: a trial's settings cannot be read by cvae-sweep ")
    assert said[0].endswith("unknown settings of TrialConfig: novel")
    assert said[1:] == ["a sweep that another version has written needs that version"]
