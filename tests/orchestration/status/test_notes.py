"""What a worker notes of a training, as it does, and what people are told of that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.status.notes import told_notes
from orchestration.status.status import status_document
from orchestration.status.view import warning_lines
from tests.orchestration.written import Written

NO_DECODER = "no val/fd: the decoder is not trained (weights.reconstruction: 0)"
NO_SCHEDULER = "no early stopping: val/fd_digits-cnn is not measured"
BASELINE = "no val/fd: the baseline pixels has latents alone, and no decoder"


@pytest.mark.slow
def test_a_scheduler_that_does_nothing_is_seen(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(
        base={"model": "cvae", "weights": {"reconstruction": 0}, "epochs": 2},
        grid={"beta": [0.1, 1.0]},
        baselines=["pixels"],
        evaluation={"fd_every": 1},
        scheduler={"name": "asha", "metric": "val/probe_accuracy", "grace_epochs": 1},
    )
    # As where no classifier can be trained: a sweep file that names such a metric is refused.
    absent = sweep.spec.scheduler.model_copy(update={"metric": "val/fd_digits-cnn"})
    sweep.spec = sweep.spec.model_copy(update={"scheduler": absent})
    trials = sweep.run()
    first, second, pixels = (trials[key] for key in sweep.keys)
    assert [set(trial.notes) for trial in (first, second, pixels)] == [
        {NO_DECODER, NO_SCHEDULER},
        {NO_DECODER, NO_SCHEDULER},
        {BASELINE},
    ]
    assert told_notes(pixels.notes, "pixels") == []
    lines = warning_lines(status_document(sweep.open()))
    others = f"    the same in 1 other trial: {second.key}"
    head = f"{first.key}  cvae β=0.1  "
    assert lines == [f"{head}{NO_DECODER}", others, f"{head}{NO_SCHEDULER}", others]


def test_where_a_trial_came_from_is_no_warning(
    tmp_path: Path, written: Callable[..., Written], command: Callable[..., Any]
) -> None:
    made = written("small")
    trial = made.trial()
    asked = ["small", "--storage", str(tmp_path)]
    before = command(tmp_path, "status", *asked).stdout.splitlines()
    trial.notes = ["taken over from other", "begun at epoch 1, where other ended"]
    made.ledger.save(trial)
    assert command(tmp_path, "status", *asked).stdout.splitlines() == before
    trial.notes.append(NO_SCHEDULER)
    made.ledger.save(trial)
    lines = command(tmp_path, "status", *asked).stdout.splitlines()
    (line,) = (line for line in lines if line not in before)
    assert line == f"{trial.key}  vae  {NO_SCHEDULER}"
    found = json.loads(command(tmp_path, "compare", *asked, "--json").stdout)
    assert found["warnings"] == [line]
