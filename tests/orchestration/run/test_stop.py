"""A command that is asked to end from outside: real signals, locks and folders."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from orchestration.ledger.lock import locked
from orchestration.run.stop import stoppable
from orchestration.signals import ended_by_signals


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "small"
    path.mkdir()
    return path


def test_a_command_ends_whose_folder_is_removed(folder: Path) -> None:
    """Also while it has nothing to write."""
    warnings: list[str] = []
    with (
        pytest.raises(KeyboardInterrupt),
        ended_by_signals(),
        locked(folder),
        stoppable(folder, warnings.append),
    ):
        shutil.rmtree(folder)
        time.sleep(20)
    assert len(warnings) == 1
    assert f"{folder} was removed or renamed" in warnings[0]
    assert not folder.exists()
