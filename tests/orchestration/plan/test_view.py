"""A plan beside what its ledger knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.ledger.documents import Ask, Trial
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.view import plan_document, plan_tables

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


def test_a_search_has_asked_for_its_trials_alone(
    local_sweep: Callable[..., Any], tmp_path: Path
) -> None:
    search = SEARCH | {"replicates": 1}
    sweep = local_sweep("small", search=search, baselines=["pca", "pixels"])

    def titles() -> list[str]:
        document = plan_document("small", sweep.plan, tmp_path)
        return [table.title for table in plan_tables(document)]

    assert titles() == ["small: 1 study of 4 trials", "small: 2 baselines"]
    ledger = sweep.open()
    (study,) = ledger.planned_studies()
    study.asks = [Ask(number=n, params={"beta": 1e-3 / (n + 1)}, key=f"asked{n}") for n in (0, 1)]
    study.replicates = ["again"]
    ledger.save_study(study)
    ledger.save(Trial(key="again", config=study.fixed))
    assert titles()[1] == "small: 2 trials asked for so far, 1 replicate, 2 baselines"
