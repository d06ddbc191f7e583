"""Stopping after any epoch and going on from the checkpoint leaves no trace in the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint
from cvae_core.training.training import Training, When

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
PATIENT = {"selection": {"epoch": "best", "patience": 2}, "epochs": 9}
Bits = Callable[[Checkpoint], dict[str, Any]]
CASES: dict[str, dict[str, Any]] = {
    "vae": {"model": "vae"},
    "cvae": {"model": "cvae"},
    "two augmented": {"model": "cvae", "views": {"pairs": "two augmented"}},
    "batch norm": {"model": "cvae", "architecture": {"norm": "batch"}},
    "bfloat16": {"model": "cvae", "precision": "bfloat16", "architecture": {"norm": "batch"}},
    "best epoch": {"model": "cvae", **PATIENT},
}


def whole(config: TrialConfig, data: Dataset) -> tuple[list[Any], list[bytes], Checkpoint]:
    """The metrics of a training's epochs, their checkpoints as in files, and the last of these."""
    training = Training(config, data, judges=[(When(2), validation_judge(config, data))])
    metrics, files = [], []
    while not training.finished:
        metrics.append(training.run_epoch()["metrics"])
        files.append(training.checkpoint().to_bytes())
    return metrics, files, training.checkpoint()


@pytest.mark.parametrize("case", CASES)
def test_going_on_equals_never_having_stopped(
    configure: Configure, small: Dataset, getting_worse: Dataset, bits: Bits, case: str
) -> None:
    config = configure(**CASES[case])
    data = getting_worse if "best" in case else small
    metrics, files, last = whole(config, data)
    assert len(metrics) == 3
    assert last.stopped_early == ("best" in case)
    for epoch in (1, 2):
        start = read_checkpoint(files[epoch - 1], config=config)
        rest = fit(config, data, start=start, probe_every=2)
        assert [record["metrics"] for record in rest.history] == metrics[epoch:]
        # Weights, optimiser, random streams and selection, bit for bit.
        assert bits(rest.checkpoint) == bits(last)


def test_one_checkpoint_starts_any_number_of_trainings(
    configure: Configure, small: Dataset, bits: Bits
) -> None:
    config = configure(model="cvae", epochs=2)
    start = read_checkpoint(whole(config, small)[1][0], config=config)
    before = bits(start)
    first = bits(fit(config, small, start=start).checkpoint)
    assert bits(start) == before
    assert bits(fit(config, small, start=start).checkpoint) == first


def test_a_checkpoint_is_not_changed_by_training_on(
    configure: Configure, small: Dataset, bits: Bits
) -> None:
    training = Training(configure(selection={"epoch": "best"}), small)
    training.run_epoch()
    checkpoint = training.checkpoint()
    before = bits(checkpoint)
    training.run_epoch()
    assert bits(checkpoint) == before


def test_a_finished_training_has_nothing_left_to_do(
    configure: Configure, small: Dataset, bits: Bits
) -> None:
    config = configure(epochs=1)
    done = fit(config, small)
    again = fit(config, small, start=done.checkpoint)
    assert again.history == []
    assert bits(again.checkpoint) == bits(done.checkpoint)
