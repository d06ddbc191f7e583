"""A trial in a pack beside the same trial alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import ConfigError, NonFiniteLossError
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint
from cvae_core.training.packs.pack import Pack
from cvae_core.training.training import Training, When

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
Bits = Callable[[Checkpoint], dict[str, Any]]
History = list[dict[str, Any]]
TOLERANCE = (1e-4, 1e-3)
"""Largest relative difference of any metric, by epoch. Sums are in another order; sooner or later a
rounding error falls on the other side of a ReLU, and then two trainings of one trial part slowly.
Alone with another library for convolutions a trial differs by as much."""
OF_WEIGHTS = 1e-3
"""Of the norm of any parameter, after two epochs."""
TINY = {"channels": [4, 8], "latent_dim": 4, "projection": [4, 3]}
DIFFERENT: list[dict[str, Any]] = [
    {"beta": 1e-3, "lambda": 0.1, "tau": 0.5, "seed": 0, "learning_rate": 2e-4},
    {"beta": 0.5, "lambda": 2.0, "tau": 0.1, "seed": 1, "clip_norm": 0.05},
    {"beta": 0.0, "lambda": 0.0, "tau": 1.0, "seed": 2, "clip_norm": None},
]
CASES: dict[str, dict[str, Any]] = {
    "vae": {"model": "vae"},
    "cvae": {"model": "cvae"},
    "views": {
        "model": "cvae",
        "augment": True,
        "reconstruct": "view",
        "views": {"pairs": "two augmented", "brightness": 0.4, "jitter_probability": 0.5},
    },
    "contrast of means alone": {
        "model": "cvae",
        "contrast": "mean",
        "weights": {"reconstruction": 0.0},
        "beta": 0.01,
    },
    "course": {
        "model": "cvae",
        "schedule": {"beta": {"shape": "linear", "epochs": 2}},
        "stages": [{"epochs": 1, "lambda": 1.0}, {"learning_rate": 5e-4, "reset_optimizer": True}],
    },
}


def some(configure: Configure, **settings: Any) -> list[TrialConfig]:
    """Three trials of one shape; the rate is low, so that rounding errors grow slowly."""
    usual = {"learning_rate": 1e-4, "architecture": TINY, "epochs": 2}
    return [configure(**(usual | own | settings)) for own in DIFFERENT]


def train(pack: Pack) -> dict[int, History]:
    """Train all to their end; records by seed."""
    histories: dict[int, History] = {}
    while pack.members:
        for training, result in pack.run_epoch():
            assert isinstance(result, dict), result
            histories.setdefault(training.config.seed, []).append(result)
    return histories


def assert_alike(ours: History, alone: History) -> None:
    assert [record["epoch"] for record in ours] == [record["epoch"] for record in alone]
    for mine, theirs in zip(ours, alone, strict=True):
        tolerance = TOLERANCE[mine["epoch"] - 1]
        assert mine["metrics"] == pytest.approx(theirs["metrics"], rel=tolerance, abs=1e-8)
        assert list(mine["metrics"]) == list(theirs["metrics"])


def assert_same_state(ours: Checkpoint, alone: Checkpoint) -> None:
    """Weights and moments but for rounding, all else to the bit."""
    assert ours.streams.keys() == alone.streams.keys()
    for name, state in alone.streams.items():
        assert torch.equal(ours.streams[name], state)
    for name, weights in alone.model.items():
        assert (ours.model[name] - weights).norm() <= OF_WEIGHTS * weights.norm(), name
    assert ours.optimizer["param_groups"] == alone.optimizer["param_groups"]
    states = alone.optimizer["state"]
    assert ours.optimizer["state"].keys() == states.keys()
    for number, state in states.items():
        own = ours.optimizer["state"][number]
        assert own.keys() == state.keys()
        assert torch.equal(own["step"], state["step"])
        for moment in ("exp_avg", "exp_avg_sq"):
            apart = (own[moment] - state[moment]).norm()
            assert apart <= 10 * OF_WEIGHTS * state[moment].norm() + 1e-7
    assert (ours.config, ours.epoch) == (alone.config, alone.epoch)


@pytest.mark.parametrize("case", CASES)
def test_a_trial_is_what_it_is_alone(configure: Configure, small: Dataset, case: str) -> None:
    configs = some(configure, **CASES[case])
    pack = Pack(small)
    trainings = [pack.add(config) for config in configs]
    histories = train(pack)
    for config, training in zip(configs, trainings, strict=True):
        alone = fit(config, small)
        assert_alike(histories[config.seed], alone.history)
        assert_same_state(training.checkpoint(), alone.checkpoint)
    # So small a tolerance tells them apart.
    first, second = (histories[seed][0]["metrics"]["train/kl"] for seed in (0, 1))
    assert first != pytest.approx(second, rel=TOLERANCE[0])


def test_it_does_not_matter_who_else_is_there(configure: Configure, small: Dataset) -> None:
    configs = some(configure, model="cvae")
    whole, part = Pack(small), Pack(small)
    for config in configs:
        whole.add(config)
    own = [part.add(config) for config in (configs[2], configs[0])]
    expected, histories = train(whole), train(part)
    assert histories.keys() == {0, 2}
    for seed, history in histories.items():
        assert_alike(history, expected[seed])
    assert [training.epoch for training in own] == [2, 2]


def test_its_checkpoint_goes_on_in_a_pack_and_alone(
    configure: Configure, small: Dataset, bits: Bits
) -> None:
    configs = some(configure, model="cvae", selection={"epoch": "best"})
    whole, first, again = Pack(small), Pack(small), Pack(small)
    ends = [whole.add(config) for config in configs]
    stopped = [first.add(config) for config in configs]
    expected = train(whole)
    first.run_epoch()
    files = [training.checkpoint().to_bytes() for training in stopped]
    starts = [read_checkpoint(f, config=c) for f, c in zip(files, configs, strict=True)]
    goes_on = [again.add(c, start=s) for c, s in zip(configs, starts, strict=True)]
    histories = train(again)
    for training, end in zip(goes_on, ends, strict=True):
        seed = training.config.seed
        for record, other in zip(histories[seed], expected[seed][1:], strict=True):
            assert (record["epoch"], record["metrics"]) == (other["epoch"], other["metrics"])
        # In a pack of the same trials to the last bit.
        assert bits(training.checkpoint()) == bits(end.checkpoint())
    alone = fit(configs[1], small, start=starts[1])
    assert_alike(alone.history, expected[1][1:])
    # And a trial that was alone until now.
    started = Training(configs[1], small)
    started.run_epoch()
    joined = Pack(small)
    joined.add(configs[0])
    joined.add(configs[1], start=started.checkpoint())
    assert_alike(train(joined)[1], expected[1][1:])


def test_one_that_is_not_finite_is_dropped_and_leaves_no_trace(
    configure: Configure, small: Dataset
) -> None:
    configs = some(configure, model="cvae")
    diverging = configure(model="cvae", learning_rate=1e4, seed=1, architecture=TINY, epochs=2)
    healthy, pack = Pack(small), Pack(small)
    for config in configs:
        healthy.add(config)
    kept = [pack.add(config) for config in (configs[0], diverging, configs[2])]
    expected = healthy.run_epoch()
    results = pack.run_epoch()
    error = results[1].result
    assert isinstance(error, NonFiniteLossError)
    with pytest.raises(NonFiniteLossError) as alone:
        fit(diverging, small)
    place = "the loss is not finite in epoch 1, step 2 of 5: "
    assert str(error).startswith(place)
    assert str(alone.value).startswith(place)
    assert list(pack.members) == [kept[0], kept[2]]
    for number in (0, 2):
        record, other = results[number].result, expected[number].result
        assert isinstance(record, dict)
        assert isinstance(other, dict)
        # With another beside it on the same place, to the last bit.
        assert record["metrics"] == other["metrics"]
    for seed, history in train(pack).items():
        assert_alike(history, fit(configs[seed], small).history[1:])


def test_each_leaves_when_it_is_done(
    configure: Configure, small: Dataset, getting_worse: Dataset
) -> None:
    pack = Pack(getting_worse)
    patient = {"selection": {"epoch": "best", "patience": 2}}
    configs = [
        configure(seed=0, epochs=2),
        configure(seed=1, epochs=9, **patient),
        configure(seed=2, epochs=4),
        configure(seed=3, epochs=9),
    ]
    trainings = [pack.add(config) for config in configs]
    pack.run_epoch()
    pack.remove(trainings[3])
    histories = train(pack)
    assert [training.epoch for training in trainings] == [2, 3, 4, 1]
    assert trainings[1].checkpoint().stopped_early
    assert trainings[1].checkpoint().selected_epoch == 1
    assert [record["epoch"] for record in histories[2]] == [2, 3, 4]
    finished = fit(configs[0], small).checkpoint
    pack.add(configs[0], start=finished)
    assert pack.members == ()


def test_judges_see_the_weights_of_their_trial(configure: Configure, small: Dataset) -> None:
    configs = some(configure, model="vae")
    pack = Pack(small)
    for config in configs[:2]:
        pack.add(config, judges=[(When(2), validation_judge(config, small))])

    def failing(_model: object) -> dict[str, float]:
        raise ConfigError("it cannot be judged")

    pack.add(configs[2], judges=[(When(1), failing)])
    ended = pack.run_epoch()
    assert [type(each.result) for each in ended] == [dict, dict, ConfigError]
    for seed, (record,) in train(pack).items():
        name = "val/probe_accuracy"
        alone = fit(configs[seed], small, probe_every=2).history[1]["metrics"][name]
        # Of 30 images.
        assert record["metrics"][name] == pytest.approx(alone, abs=1 / 30 + 1e-6)


def test_steps_are_counted_as_they_are_taken(configure: Configure, small: Dataset) -> None:
    pack = Pack(small)
    for seed in (0, 1):
        pack.add(configure(seed=seed, epochs=1))
    *steps, ended = pack.epoch_by_steps()
    assert steps == [64, 128, 192, 256, 270]
    assert isinstance(ended, list)
    assert [training.config.seed for training, _ in ended] == [0, 1]


def test_what_does_not_fit_is_refused(configure: Configure, small: Dataset) -> None:
    pack = Pack(small)
    pack.add(configure(model="vae"))
    with pytest.raises(ConfigError, match="do not differ in batch_size"):
        pack.add(configure(model="vae", batch_size=32))
    assert len(pack.members) == 1
