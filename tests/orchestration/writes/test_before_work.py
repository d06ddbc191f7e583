"""What ``run`` does before the first job is handed out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.ledger.documents import Failure
from orchestration.ledger.ledger import Ledger
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.signals import ended_by_signals
from orchestration.terminal.console import Console

from .driver import Driver

SECTIONS: dict[str, Any] = {
    "name": "small",
    "base": {
        "data": {"name": "digits"},
        "epochs": 3,
        "batch_size": 50,
        "architecture": {"latent_dim": 4},
    },
    "checkpoints": {"min_interval_s": 0, "every_epochs": 1},
    "baselines": False,
    "evaluation": dict.fromkeys(PARTS, False),
}
PROBE = SECTIONS["evaluation"] | {"probe": True}


def test_a_budget_that_is_set_when_the_disk_is_full_makes_room_at_once(
    small: Dataset, tmp_path: Path
) -> None:
    """Else nothing could be written any more, and so nothing would ever go."""
    assert Driver(small, SECTIONS).run(tmp_path) == 0
    (trial,) = Ledger.open(tmp_path / "small").trials.values()
    assert len(trial.checkpoints) == 3
    tight = {**SECTIONS["checkpoints"], "max_gb": 2.5e-9 * trial.checkpoints[0].bytes}
    driver = Driver(small, SECTIONS | {"checkpoints": tight, "evaluation": PROBE})
    assert driver.run(tmp_path) == 0
    assert driver.work.trained == []
    (trial,) = Ledger.open(tmp_path / "small").trials.values()
    assert len(trial.checkpoints) == 2
    files = [path for path in (tmp_path / "small" / "checkpoints").rglob("*") if path.is_file()]
    assert len(files) == 2


def test_a_retry_is_not_forgotten_where_ray_dies_at_once(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The program that takes this one's place retries nothing more by itself."""
    driver = Driver(small, SECTIONS)
    assert driver.run(tmp_path) == 0
    ledger = Ledger.open(tmp_path / "small")
    (key,) = ledger.trials
    ledger.trials[key].error = Failure(kind="error", message="ValueError: a mistake")
    ledger.change(key, lambda trial: setattr(trial, "state", "failed"))

    path = tmp_path / "small" / "sweep.json"
    path.write_bytes(path.read_bytes()[:-2])

    class DiedError(Exception):
        pass

    def dies(*_: Any) -> Any:
        raise DiedError

    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    request = Request(driver.spec, tmp_path, "cvae-sweep retry small", Flags(), retry=())
    with pytest.raises(DiedError), ended_by_signals() as received:
        run_sweep(request, Console(quiet=True), received, dies)
    assert Ledger.open(tmp_path / "small").trials[key].state == "pending"
    assert f"{path} was damaged; the version before it is used" in capsys.readouterr().err
