"""A small ledger with everything that MLflow's pages are told of, and a database for it."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cvae_core.config import TrialConfig
from orchestration import store
from orchestration.ledger.documents import ArtifactRef, Attempt, Epoch, Evaluated, Sweep, Trial
from orchestration.ledger.ledger import Ledger

PICTURES = ("reconstructions.png", "samples.png")


@cache
def png(shade: int, width: int = 900) -> bytes:
    """A picture of one grey."""
    file = io.BytesIO()
    Image.new("RGB", (width, 100), (shade,) * 3).save(file, "PNG")
    return file.getvalue()


def pictures(folder: Path, key: str, entry: str, shade: int) -> Evaluated:
    """What the part ``pictures`` makes, as an entry of a trial."""
    artifacts = []
    for name in (*PICTURES, "curves.png"):
        path, content = f"artifacts/{key}/{entry}/{name}", png(shade)
        store.write_bytes(folder / path, content)
        sha256 = hashlib.sha256(content).hexdigest()
        artifacts.append(ArtifactRef(path=path, sha256=sha256, bytes=len(content)))
    return Evaluated(state="finished", artifacts=artifacts, ended=2e9)


def grid_sweep(storage: Path, name: str, cells: list[dict[str, Any]], seeds: int) -> Ledger:
    """A finished grid: four epochs of each cell and seed, with a probe and pictures."""
    sweep = Sweep(name=name, sweep_id=f"id of {name}", created=1e9, spec={"name": name}, plan=[])
    sweep.data, sweep.images = {"digits": "0123456789abcdef" * 4}, {"digits": {}}
    sweep.images["digits"] = {"train": 1437, "test": 360}
    sweep.outcome = "finished"
    ledger = Ledger.create(storage / name, sweep)
    for number, cell in enumerate(cells):
        for seed in range(seeds):
            key = f"c{number}s{seed}"
            config = TrialConfig.from_settings({"epochs": 4, "seed": seed, **cell})
            trial = Trial(key=key, config=config.to_settings(), state="finished")
            trial.attempts = [Attempt(number=1, from_epoch=0, began=1e9, ended=1e9 + 10)]
            metrics = {"val/loss": 0.5 + number, "train/loss": 0.4}
            trial.epochs = [
                Epoch(epoch=n, metrics=metrics, images_per_s=9, epoch_s=1, at=1e9 + n)
                for n in range(1, 5)
            ]
            found = {"probe/accuracy": 0.9 - number / 10 - seed / 100}
            trial.evaluations["probe"] = Evaluated(state="finished", metrics=found, ended=2e9)
            trial.evaluations["pictures"] = pictures(ledger.folder, key, "pictures", 99)
            ledger.save(trial)
            sweep.plan.append(key)
    ledger.save_sweep()
    return ledger


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all tests of a module, as making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/mlflow.db"
