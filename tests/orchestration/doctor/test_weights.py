"""Whether what trained trials ended with is still there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.doctor.checkpoints import check_weights
from orchestration.doctor.subject import Subject

pytestmark = pytest.mark.slow


def test_trials_whose_last_checkpoint_is_gone_are_named(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep("small", grid={"beta": [1e-3, 1e-4]}, base={"epochs": 1})
    asked = Subject(storage=sweep.folder.parent, spec=sweep.spec)
    assert check_weights(Subject(storage=sweep.folder.parent)) == []
    assert check_weights(asked) == [], "nothing is trained yet"
    trials = sweep.run()
    [finding] = check_weights(asked)
    assert (finding.status, finding.found) == ("ok", "of 2 trained trials whole")
    key = next(iter(trials))
    (sweep.folder / trials[key].checkpoints[-1].path).write_bytes(b"torn")
    [finding] = check_weights(asked)
    assert finding.status == "warning"
    assert "the last checkpoint of 1 trained trial is damaged or missing" in finding.found
    assert f"cvae-sweep retry small --trial {key} " in str(finding.advice)
