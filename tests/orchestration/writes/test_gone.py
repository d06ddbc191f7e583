"""A sweep whose folder goes away while it is at work, or can no longer be written."""

from __future__ import annotations

import io
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.errors import StorageError, UserError
from orchestration.held import hold
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import (
    BEFORE_LEDGER,
    CHECKPOINT_NOW,
    HOLDER,
    LOCK,
    LOGS,
    PROCESSES,
    RAY_LOG,
)
from orchestration.run.sync import sync_sweep
from orchestration.store import write_bytes
from orchestration.terminal.console import Console
from tests.orchestration.writes.disk import Disk
from tests.orchestration.writes.driver import Driver

SECTIONS: dict[str, Any] = {
    "name": "small",
    "base": {
        "data": {"name": "digits"},
        "epochs": 3,
        "batch_size": 128,
        "architecture": {"channels": [4, 8], "latent_dim": 4},
    },
    "seeds": [0, 1],
    "checkpoints": {"min_interval_s": 0},
    "baselines": False,
    "evaluation": {**dict.fromkeys(PARTS, False), "probe_every": 0},
}
OTHERS = (*BEFORE_LEDGER, RAY_LOG)
"""Of a command that begins the sweep anew."""
COMMAND = "cvae-sweep run small.yaml"


@pytest.fixture
def driver(small: Dataset) -> Driver:
    return Driver(small, SECTIONS)


@pytest.mark.parametrize("how", ["removed", "renamed"])
def test_a_folder_that_is_removed_or_renamed_is_left_to_the_next_command(
    driver: Driver, tmp_path: Path, how: str
) -> None:
    folder, moved = tmp_path / "small", tmp_path / "moved"

    def go() -> None:
        if how == "removed":
            shutil.rmtree(folder)
        else:
            folder.rename(moved)
        (folder / LOGS).mkdir(parents=True)
        for name in OTHERS:
            (folder / name).write_text("another's")

    assert driver.run(tmp_path, trained=go) == 130
    assert driver.output.getvalue().splitlines()[-1] == COMMAND
    assert len(driver.work.trained) == 1
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.relative_to(folder).as_posix() for path in left} == set(OTHERS)
    assert {path.read_text() for path in left} == {"another's"}
    if how == "renamed":
        assert [trial.epoch for trial in Ledger.open(moved).trials.values()] == [0, 0]


def test_a_copy_or_a_folder_of_another_name_is_not_gone_on_with(
    driver: Driver, small: Dataset, tmp_path: Path
) -> None:
    """It would write into the MLflow runs of the sweep that it is a copy of."""
    assert driver.run(tmp_path) == 0
    shutil.copytree(tmp_path / "small", tmp_path / "copy")
    before = (tmp_path / "copy" / "sweep.json").read_bytes()
    with pytest.raises(UserError, match="holds the sweep 'small', or a copy of it"):
        Driver(small, SECTIONS | {"name": "copy"}).run(tmp_path)
    with pytest.raises(UserError, match="holds the sweep 'small', or a copy of it"):
        sync_sweep("copy", tmp_path, f"sqlite:///{tmp_path}/m.db", Console(io.StringIO()))
    assert (tmp_path / "copy" / "sweep.json").read_bytes() == before


def test_a_worker_makes_nothing_in_a_folder_that_has_gone(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / LOCK).touch()
    hold(tmp_path / "small" / LOCK)
    write_bytes(tmp_path / "small" / "checkpoints" / "a.pt", b"weights")
    (tmp_path / "small").rename(tmp_path / "renamed")
    with pytest.raises(StorageError, match="was removed or renamed"):
        write_bytes(tmp_path / "small" / "checkpoints" / "b.pt", b"weights")
    assert not (tmp_path / "small").exists()


def test_nor_is_it_made_anew_where_nobody_has_come_yet(driver: Driver, tmp_path: Path) -> None:
    assert driver.run(tmp_path, trained=lambda: shutil.rmtree(tmp_path / "small")) == 130
    assert not (tmp_path / "small").exists()
    assert driver.run(tmp_path) == 0
    assert not (tmp_path / "small" / HOLDER).exists()
    assert not (tmp_path / "small" / PROCESSES).exists()
    assert (tmp_path / "small" / LOCK).exists()


def test_a_folder_that_can_no_longer_be_written_ends_the_command_in_good_order(
    driver: Driver, tmp_path: Path, disk: Disk
) -> None:
    folder = tmp_path / "small"
    with ExitStack() as until_then:
        code = driver.run(
            tmp_path, trained=lambda: until_then.enter_context(disk.read_only(folder))
        )
        assert code == 130
        said = driver.output.getvalue().splitlines()
        assert "Read-only file system" in said[-3]
        assert CHECKPOINT_NOW not in said[-3], "what failed first is named"
        assert said[-2:] == [
            "ended early; what was written down is kept. To continue:",
            COMMAND,
        ]
    assert driver.run(tmp_path) == 0
    assert {trial.state for trial in Ledger.open(folder).trials.values()} == {"finished"}
