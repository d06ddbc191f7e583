"""Schedules and stages in training: the right value at every step, whatever comes afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint
from cvae_core.training.course import Course
from cvae_core.training.training import Training

Configure = Callable[..., TrialConfig]
Bits = Callable[[Checkpoint], dict[str, Any]]
STEPS = 5
"""Of an epoch: 270 images in batches of 64."""
PRETRAINED = [{"epochs": 2, "weights": {"reconstruction": 0}, "name": "contrastive"}]
SCHEDULES: dict[str, dict[str, Any]] = {
    "linear β": {"schedule": {"beta": {"shape": "linear", "epochs": 2}}},
    "cosine β": {"schedule": {"beta": {"shape": "cosine", "epochs": 2}}},
    "step β": {"schedule": {"beta": {"shape": "step", "epochs": 1}}},
    "cyclical λ": {"schedule": {"lambda": {"shape": "cyclical", "epochs": 3, "cycles": 2}}},
    "cosine rate": {"schedule": {"learning_rate": {"shape": "cosine", "epochs": 3, "end": 0.01}}},
    "warm-up": {
        "schedule": {"learning_rate": {"shape": "linear", "epochs": 2, "start": 0, "end": 1}}
    },
}
STAGES: dict[str, dict[str, Any]] = {
    "pre-training": {"stages": [*PRETRAINED, {"lambda": 0}]},
    "new optimiser": {"stages": [*PRETRAINED, {"lambda": 0, "reset_optimizer": True}]},
    "τ, β and rate": {
        "stages": [{"epochs": 1, "tau": 1.0}, {"epochs": 1, "beta": 1}, {"learning_rate": 1e-4}]
    },
}
ALL = SCHEDULES | STAGES


SMALL = {"architecture": {"channels": [4, 8], "latent_dim": 4}, "batch_size": 128}


def whole(configure: Configure, data: Dataset, settings: dict[str, Any], epochs: int) -> Any:
    """The records of a training, and its checkpoints by epoch."""
    training = Training(configure(model="cvae", beta=0.1, epochs=epochs, **settings), data)
    records, checkpoints = [], {}
    while not training.finished:
        records.append(training.run_epoch()["metrics"])
        checkpoints[training.epoch] = training.checkpoint()
    return records, checkpoints


@pytest.fixture(scope="module")
def four(configure: Configure, small: Dataset) -> Callable[[str], Any]:
    """``four("linear β")``: the same of four epochs of a case, trained once."""
    return cache(lambda case: whole(configure, small, ALL[case] | SMALL, 4))


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL)
def test_the_first_epochs_are_those_of_a_shorter_trial(
    configure: Configure, small: Dataset, bits: Bits, four: Callable[[str], Any], case: str
) -> None:
    long, checkpoints = four(case)
    short, ends = whole(configure, small, ALL[case] | SMALL, 3)
    assert long[:3] == short
    one, other = bits(checkpoints[3]), bits(ends[3])
    assert one.pop("config") != other.pop("config")  # the number of epochs
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL)
def test_resumed_anywhere_it_ends_the_same(
    configure: Configure, small: Dataset, bits: Bits, four: Callable[[str], Any], case: str
) -> None:
    records, checkpoints = four(case)
    config = configure(model="cvae", beta=0.1, epochs=4, **ALL[case], **SMALL)
    # From the first one to the end, through all that is to come; from others an epoch on, where the
    # whole training was.
    for epoch, until in ((1, 4), (2, 3), (3, 4)):
        start = read_checkpoint(checkpoints[epoch].to_bytes(), config=config)
        resumed = Training(config, small, start=start)
        for number in range(epoch, until):
            assert resumed.run_epoch()["metrics"] == records[number]
        assert bits(resumed.checkpoint()) == bits(checkpoints[until])


def test_the_values_that_are_recorded_are_those_of_each_last_step(
    configure: Configure, small: Dataset
) -> None:
    schedule = {
        "beta": {"shape": "linear", "epochs": 2, "start": 0.5},
        "lambda": {"shape": "cyclical", "epochs": 3, "cycles": 3, "rise": 1},
        "learning_rate": {"shape": "cosine", "epochs": 2, "end": 0.1},
    }
    records, _ = whole(configure, small, {"schedule": schedule}, 3)
    last = np.arange(3) + (STEPS - 1) / STEPS
    u = np.minimum(last / 2, 1)
    expected = {
        "train/beta": 0.1 * (0.5 + 0.5 * u),
        "train/lambda": 0.1 * np.mod(last, 1),
        "train/learning_rate": 1e-3 * (0.1 + 0.9 * (1 + np.cos(np.pi * u)) / 2),
    }
    for name, values in expected.items():
        np.testing.assert_allclose([record[name] for record in records], values, rtol=1e-12)
    assert "train/tau" not in records[0]


def test_what_does_not_change_is_not_recorded(configure: Configure, small: Dataset) -> None:
    names = fit(configure(model="cvae", epochs=1), small).history[0]["metrics"]
    assert not {"train/beta", "train/lambda", "train/learning_rate"} & names.keys()
    course = Course(configure(model="vae", epochs=3, stages=[{"epochs": 1, "lambda": 1}, {}]))
    assert course.metrics(course.end) == {}


@pytest.mark.parametrize("name", ["beta", "lambda", "learning_rate"])
def test_a_factor_acts_as_another_value_would(
    configure: Configure, small: Dataset, name: str
) -> None:
    half = {"shape": "linear", "epochs": 1, "start": 0.5, "end": 0.5}
    settings = {"model": "cvae", "beta": 0.2, "lambda": 0.4, "learning_rate": 1e-3, "epochs": 1}
    scheduled = fit(configure(**settings, schedule={name: half}), small)
    halved = fit(configure(**{**settings, name: settings[name] / 2}), small)  # type: ignore[operator]
    assert_equal(scheduled.model, halved.model)
    metrics = scheduled.history[0]["metrics"]
    assert metrics.pop(f"train/{name}") == settings[name] / 2  # type: ignore[operator]
    assert metrics == halved.history[0]["metrics"]


def test_a_stage_is_what_a_trial_of_its_settings_is(configure: Configure, small: Dataset) -> None:
    own = {"beta": 0.3, "lambda": 0.7, "tau": 0.9, "learning_rate": 2e-3}
    own |= {"weights": {"reconstruction": 2.0}}  # type: ignore[dict-item]
    training = Training(configure(model="cvae", epochs=2, stages=[{"epochs": 1, **own}, {}]), small)
    staged = training.run_epoch()["metrics"]
    plain = fit(configure(model="cvae", epochs=1, **own), small)
    assert_equal(training.model, plain.model)
    for name in ("loss", "reconstruction", "kl", "contrastive"):
        assert staged[f"train/{name}"] == plain.history[0]["metrics"][f"train/{name}"]


def test_without_a_weight_of_the_reconstruction_no_decoder_is_trained(
    configure: Configure, small: Dataset
) -> None:
    config = configure(model="cvae", epochs=3, stages=[*PRETRAINED, {"lambda": 0}])
    training = Training(config, small)
    before = {name: t.clone() for name, t in training.model.state_dict().items()}
    training.run_epoch()
    training.run_epoch()
    after = training.model.state_dict()
    moved = {n.split(".")[0] for n, t in after.items() if not torch.equal(t, before[n])}
    assert moved
    assert "decoder" not in moved
    decoder = {name: t.clone() for name, t in after.items() if name.startswith("decoder")}
    assert decoder
    training.run_epoch()
    assert all(not torch.equal(t, training.model.state_dict()[n]) for n, t in decoder.items())


def test_a_stage_can_begin_with_a_new_optimiser(configure: Configure, small: Dataset) -> None:
    def steps(reset: bool) -> list[float]:
        stages = [{"epochs": 1, "beta": 1}, {"reset_optimizer": reset}]
        training = Training(configure(epochs=2, stages=stages), small)
        training.run_epoch()
        training.run_epoch()
        states = training.checkpoint().optimizer["state"].values()
        return [float(state["step"]) for state in states]

    assert set(steps(reset=False)) == {2.0 * STEPS}
    assert set(steps(reset=True)) == {1.0 * STEPS}


def test_validation_has_the_weights_of_the_end_in_every_epoch(
    configure: Configure, small: Dataset
) -> None:
    settings = {
        "stages": [*PRETRAINED, {"lambda": 0.5}],
        "schedule": {"beta": {"shape": "linear", "epochs": 3, "end": 2}},
    }
    records, _ = whole(configure, small, settings, 3)
    for record in records:
        terms = (record[f"val/{name}"] for name in ("reconstruction", "kl", "contrastive"))
        reconstruction, kl, contrastive = terms
        expected = reconstruction + 0.1 * 2 * kl + 0.5 * contrastive
        assert record["val/loss"] == pytest.approx(expected, rel=1e-6)
    # The objective itself is another one at first.
    first = records[0]
    assert first["train/loss"] < first["val/loss"]
    assert first["train/weights_reconstruction"] == 0.0


def test_early_stopping_and_the_best_epoch_look_at_the_last_stage_alone(
    configure: Configure, getting_worse: Dataset
) -> None:
    # On these images the loss only rises: without stages it would stop after the third epoch.
    selection = {"epoch": "best", "patience": 2}
    stages = [{"epochs": 4, "beta": 1e-4}, {"beta": 1e-3}]
    result = fit(configure(epochs=9, selection=selection, stages=stages), getting_worse)
    assert result.checkpoint.stopped_early
    assert result.checkpoint.epoch == 7
    assert result.checkpoint.selected_epoch == 5
    assert len(fit(configure(epochs=9, selection=selection), getting_worse).history) == 3


def test_a_checkpoint_belongs_to_stages_by_what_they_do(
    configure: Configure, small: Dataset
) -> None:
    def staged(**first: Any) -> TrialConfig:
        return configure(epochs=2, stages=[{"epochs": 1, "beta": 1, **first}, {}])

    content = fit(staged(name="one"), small).checkpoint.to_bytes()
    assert read_checkpoint(content, config=staged(name="renamed")).epoch == 2
    with pytest.raises(Exception, match="differs in stages"):
        read_checkpoint(content, config=staged(beta=2))


def assert_equal(one: torch.nn.Module, other: torch.nn.Module) -> None:
    theirs = other.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())
