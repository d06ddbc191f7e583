"""A ledger of trials that nobody has trained."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from orchestration import store
from orchestration.ledger.documents import (
    ArtifactRef,
    Attempt,
    Epoch,
    Evaluated,
    Failure,
    State,
    Sweep,
    Trial,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import artifacts_of
from orchestration.spec.trial_key import trial_key

START = 1e9


class Written:
    """The ledger of a grid, written by hand as a driver writes it."""

    def __init__(self, folder: Path) -> None:
        sweep = Sweep(
            name=folder.name,
            sweep_id="1",
            created=START,
            spec={"name": folder.name},
            plan=[],
            flags={"command": "cvae-sweep run mine.yaml"},
        )
        self.ledger = Ledger.create(folder, sweep)
        self._random = random.Random(0)

    def trial(
        self,
        state: State = "finished",
        *,
        epochs: int = 3,
        done: int | None = None,
        metrics: Mapping[str, float] | None = None,
        pictures: Mapping[str, int] | None = None,
        **settings: Any,
    ) -> Trial:
        """One more trial.

        Args:
            state: of the trial.
            epochs: that it has.
            done: those that are over; None: what its state says.
            metrics: that its evaluation found.
            pictures: that this drew: bytes by file name.
            settings: of the trial.
        """
        config = TrialConfig.from_settings({"epochs": epochs, **settings})
        trial = Trial(key=trial_key(config), config=config.to_settings(), state=state)
        over = {"finished": epochs, "stopped": 1, "running": 1, "failed": 1, "pending": 0}[state]
        trial.epochs = [self._epoch(n + 1) for n in range(over if done is None else done)]
        if state != "pending":
            trial.attempts = [
                Attempt(
                    number=1,
                    from_epoch=0,
                    began=START,
                    reached=len(trial.epochs) or None,
                    worker={"host": "here"},
                )
            ]
        if state == "failed":
            trial.error = Failure(kind="loss not finite", message="the loss is nan in epoch 2")
        if metrics is not None:
            drawn = [self._picture(trial.key, *each) for each in (pictures or {}).items()]
            trial.evaluations["pictures"] = Evaluated(
                state="finished", metrics=dict(metrics), artifacts=drawn, seconds=1.0
            )
        self.ledger.save(trial)
        self.ledger.sweep.plan.append(trial.key)
        self.ledger.save_sweep()
        return trial

    def _epoch(self, number: int) -> Epoch:
        figures = {
            "train/loss": 1.0 / number,
            "val/loss": 1.1 / number,
            "val/probe_accuracy": 0.9 - self._random.random() / number,
            "val/reconstruction": 0.1 / number + self._random.random() / 100,
            "val/kl": 0.01 * number * (1 + self._random.random()),
        }
        return Epoch(
            epoch=number, metrics=figures, images_per_s=1.0, epoch_s=20.0, at=START + number
        )

    def _picture(self, key: str, name: str, size: int) -> ArtifactRef:
        content = b"\x89PNG\r\n\x1a\n" + self._random.randbytes(size)
        path = f"{artifacts_of(key, 'pictures')}/{name}"
        store.write_bytes(self.ledger.folder / path, content)
        digest = hashlib.sha256(content).hexdigest()
        return ArtifactRef(path=path, sha256=digest, bytes=len(content))

    def read(self) -> Ledger:
        """As another process reads it."""
        return Ledger.open(self.ledger.folder)
