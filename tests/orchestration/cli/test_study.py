"""``cvae-sweep study`` on a ledger that a search left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from orchestration.commands import pip_install, program
from orchestration.ledger.documents import Sweep
from orchestration.ledger.ledger import Ledger
from tests.orchestration.study.test_export import ACCURACY, ERROR, ledger_of, study

Call = Callable[..., Any]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    one = study("s1", "vae", "abcdaef", [ACCURACY])
    two = study("s2", "cvae", "ab", [ACCURACY])
    ledger_of(tmp_path / "runs" / "found", one, two)
    ledger_of(tmp_path / "runs" / "several", study("s3", "vae", "ad", [ERROR, ACCURACY]))
    sweep = Sweep(name="grid", sweep_id="1", created=0, spec={}, plan=[])
    Ledger.create(tmp_path / "runs" / "grid", sweep)
    return tmp_path / "runs"


@pytest.fixture
def call(command: Call, storage: Path) -> Call:
    """``call("found", …)``: ``cvae-sweep study``."""
    return lambda *arguments: command(
        storage.parent, "study", *arguments, "--storage", str(storage)
    )


@pytest.fixture
def document(call: Call) -> Call:
    def read(*arguments: str) -> Any:
        done = call(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return read


def test_a_row_per_study(call: Call) -> None:
    done = call("found")
    assert (done.returncode, done.stderr) == (0, "")
    title, head, _, *rows = done.stdout.splitlines()
    assert title == "studies of found: maximize val/probe_accuracy"
    columns = ["study", "state", "trained", "asked", "stopped", "failed", "duplicates", "best"]
    assert head.split() == columns
    # a and d have finished, c was stopped, b failed, a came twice; e and f are still open
    assert rows[0].split() == ["vae", "searching", "3/6", "6", "1", "1", "1", "0.7"]
    assert rows[1].split() == ["cvae", "searching", "1/6", "2", "0", "1", "0", "0.5"]


def test_several_objectives_have_no_single_best(call: Call) -> None:
    lines = call("several").stdout.splitlines()
    assert lines[0].endswith("minimize val/reconstruction, maximize val/probe_accuracy")
    assert lines[3].split()[-1] == "-"


def test_the_same_as_json(document: Call) -> None:
    found = document("found")
    assert (found["name"], found["state"]) == ("found", "interrupted")
    (vae, cvae) = found["studies"]
    assert (vae["asked"], vae["finished"], vae["stopped"]) == (6, 2, 1)
    assert vae["best"] == {"key": "d", "values": [0.7]}
    assert (cvae["name"], cvae["duplicates"]) == ("cvae", 0)
    assert "export" not in found


def test_an_export_says_what_it_wrote_and_how_to_open_it(
    storage: Path, call: Call, document: Call
) -> None:
    url = f"sqlite:///{storage.parent}/a b.db"
    done = call("found", "--export", url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"found/vae: 7 trials written to {url}",
        f"found/cvae: 2 trials written to {url}",
        f"open with ({pip_install('optuna-dashboard')}): {program('optuna-dashboard')} '{url}'",
    ]
    assert optuna.load_study(study_name="found/vae", storage=url).best_value == 0.7
    found = document("found", "--export", url)
    assert found["export"]["studies"] == {"found/vae": 7, "found/cvae": 2}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grid"], "grid: has no studies, because its sweep file has no section `search`"),
        (["grid", "--export", "sqlite:///s.db"], "grid: has no studies"),
        (["nothing"], "there is no sweep 'nothing'"),
        (["found", "--export", "nosql://me:secret@host/s"], "nosql://host/s: the studies cannot"),
    ],
)
def test_what_cannot_be_had_is_one_error(
    storage: Path, call: Call, arguments: list[str], said: str
) -> None:
    done = call(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
    assert not (storage.parent / "s.db").exists()
