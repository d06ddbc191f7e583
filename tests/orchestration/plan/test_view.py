"""A plan beside what its ledger knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.view import plan_document

SEARCH: dict[str, Any] = {"trials": 4, "space": {"beta": {"log": [1e-8, 1e-1]}}}


@pytest.mark.parametrize("sections", [{}, {"search": SEARCH}], ids=["grid", "search"])
def test_what_a_dead_driver_left_running_is_pending(
    local_sweep: Callable[..., Any], tmp_path: Path, sections: dict[str, Any]
) -> None:
    sweep = local_sweep("small", **sections)
    queue = sweep.queue(sweep.open())
    queue.begun(queue.next())

    def states() -> list[str]:
        return [trial["state"] for trial in plan_document("small", sweep.plan, tmp_path)["trials"]]

    assert states() == ["pending"]
    record = ProcessRecord(sweep.folder)
    record.update()
    assert states() == ["running"]
    record.clear()
