"""A sweep of schedules and stages from its plan to what people see of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.compare.grid import comparison_rows, comparison_table
from orchestration.compare.loaded import LoadedSweep
from orchestration.ledger.ledger import Ledger
from orchestration.status.status import status_document
from tests.orchestration.numbers import numbers

GRID = {
    "stages": [
        [{"epochs": 1, "name": "first", "weights": {"reconstruction": 0}}, {"name": "then"}],
        [],
    ]
}
BASE = {"model": "cvae", "schedule": {"lambda": {"shape": "cyclical", "epochs": 3}}}


@pytest.mark.slow
def test_a_sweep_of_stages_interrupted_in_their_midst(local_sweep: Callable[..., Any]) -> None:
    whole = local_sweep("whole", grid=GRID, base=BASE).run()
    cut = local_sweep("cut", grid=GRID, base=BASE)
    for epochs in (1, 1, 2):
        cut.run(stop_after=epochs)
    ended = cut.run()
    assert {trial.state for trial in ended.values()} == {"finished"}
    assert numbers(ended) == numbers(whole)

    staged, plain = ended[cut.keys[0]], ended[cut.keys[1]]
    assert [e.metrics["train/weights_reconstruction"] for e in staged.epochs] == [0, 1, 1]
    assert "train/weights_reconstruction" not in plain.metrics
    assert 0 < plain.epochs[0].metrics["train/lambda"] <= 0.1

    ledger = Ledger.open(cut.folder)
    document = json.loads(json.dumps(status_document(ledger)))
    assert document["trials"][0]["config"]["stages"] == GRID["stages"][0]
    rows = comparison_rows(document["trials"])
    assert [row["name"] for row in rows] == ["cvae stages=first→then", "cvae"]
    table = comparison_table(document["trials"])
    (column,) = (c for c in table.columns if c.title == "stages")
    assert list(column.cells) == ["first→then", "none"]
    frame = LoadedSweep(cut.folder, ledger).trials_frame()
    assert list(frame["stages"]) == GRID["stages"]
    assert frame.to_csv().count("first") == 1
