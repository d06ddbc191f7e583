"""What a ledger takes for the best epoch is what training kept."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.training.selection import Selection
from orchestration.ledger.documents import Epoch, Trial
from orchestration.study.values import value_of

METRICS = ("val/reconstruction", "val/probe_accuracy")


def trial(selection: dict[str, Any], *, every: int = 1, state: Any = "finished") -> Trial:
    config = TrialConfig.from_settings({"selection": selection})
    chance = random.Random(3)
    epochs = [
        Epoch(
            epoch=number,
            at=0.0,
            epoch_s=1.0,
            images_per_s=1.0,
            metrics={"val/loss": chance.random(), "val/reconstruction": chance.random()}
            | ({} if number % every else {"val/probe_accuracy": chance.random()}),
        )
        for number in range(1, 13)
    ]
    return Trial(key="a", config=config.to_settings(), state=state, epochs=epochs)


def kept(trial: Trial) -> Epoch:
    """The epoch whose weights training keeps."""
    selection = Selection(TrialConfig.from_settings(trial.config).selection)
    for epoch in trial.epochs:
        selection.update(epoch.epoch, epoch.metrics, {"w": torch.zeros(1)})
    return trial.epochs[selection.best_epoch - 1]


@pytest.mark.parametrize("every", [1, 5], ids="probe every {}".format)
@pytest.mark.parametrize("min_delta", [0.0, 0.2])
@pytest.mark.parametrize("metric", METRICS)
def test_a_trial_is_worth_what_its_weights_are(metric: str, min_delta: float, every: int) -> None:
    best = trial({"epoch": "best", "metric": metric, "min_delta": min_delta}, every=every)
    expected = kept(best).metrics
    assert {name: value_of(best, name) for name in expected} == expected
    assert best.metrics == expected


def test_training_has_the_last_word() -> None:
    """A scheduler has had the second epoch measured, which training did not choose among."""
    best = trial({"epoch": "best", "metric": "val/probe_accuracy"}, every=5)
    best.epochs[1].metrics["val/probe_accuracy"] = 1.0
    assert best.metrics["val/probe_accuracy"] == 1.0, "of a version that knows no better"
    for chosen, expected in ((10, best.epochs[9]), (0, best.epochs[-1])):
        best.epochs[-1].best_epoch = chosen
        assert value_of(best, "val/loss") == expected.metrics["val/loss"]
        assert best.metrics["val/loss"] == expected.metrics["val/loss"]


def test_of_the_last_weights_and_while_it_is_trained_the_latest_counts() -> None:
    latest = trial({"epoch": "last"}).epochs[-1].metrics["val/loss"]
    assert trial({"epoch": "last"}).metrics["val/loss"] == latest
    running = trial({"epoch": "best", "metric": "val/loss"}, state="running")
    assert running.metrics["val/loss"] == latest
