"""Schedules and stages beside the rest of a trial's settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.stages import StageConfig, StageWeights, beginnings, stages_of

PAPER = [{"epochs": 20, "weights": {"reconstruction": 0}}, {"epochs": 20, "lambda": 0}]
"""Contrastive pre-training followed by generative fine-tuning."""


def trial(epochs: int = 40, model: str = "cvae", **settings: Any) -> TrialConfig:
    return TrialConfig.from_settings({"model": model, "epochs": epochs, **settings})


def test_stages_survive_a_round_trip_through_json() -> None:
    config = trial(stages=PAPER)
    assert config.stages == (
        StageConfig(epochs=20, weights=StageWeights(reconstruction=0.0)),
        StageConfig(epochs=20, lambda_=0.0),
    )
    settings = json.loads(json.dumps(config.to_settings()))
    assert settings["stages"] == PAPER  # what is given, and no more
    assert TrialConfig.from_settings(settings) == config
    assert hash(config) == hash(trial(stages=PAPER))


def test_a_stage_begins_where_those_before_it_end() -> None:
    stages = trial(stages=[{"epochs": 3, "tau": 1}, {"epochs": 4, "beta": 1}, {}]).stages
    assert beginnings(stages) == [0, 3, 7]
    assert beginnings(()) == [0]


def test_what_does_not_decide_what_is_computed() -> None:
    decisive = stages_of(trial(stages=PAPER))
    named = [{**PAPER[0], "name": "contrastive"}, {"lambda": 0.0}]
    assert stages_of(trial(stages=named)) == decisive
    assert stages_of(trial(stages=[{**PAPER[0], "epochs": 21}, {"lambda": 0}])) != decisive
    # Neither λ nor τ is a VAE's, so that this is one training.
    only = [{"epochs": 5, "lambda": 1, "tau": 1}, {"name": "rest"}]
    assert stages_of(trial(model="vae", stages=only)) == ()
    assert stages_of(trial(stages=only)) != ()


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"stages": [{"lambda": 0}, {"beta": 1}]}, "stages[0].epochs", "is missing"),
    ({"stages": [{"epochs": 40, "beta": 0}, {}]}, "stages[1].epochs", "no epoch left"),
    ({"stages": [{"epochs": 41, "beta": 0}, {}]}, "stages[0].epochs", "41 epochs together"),
    ({"stages": [*PAPER, {"epochs": 1}]}, "stages[2].epochs", "41 epochs together, the trial has"),
    ({"stages": PAPER, "epochs": 41}, "stages[1].epochs", "the stages have 40 epochs together"),
    (
        {"stages": [{"epochs": 3, "weights": {"reconstruction": 0}, "beta": 0, "lambda": 0}, {}]},
        "stages[0]",
        "nothing is trained",
    ),
    (
        {"beta": 0, "weights": {"reconstruction": 0}, "stages": [{"epochs": 3}, {"lambda": 0}]},
        "stages[1]",
        "nothing is trained",
    ),
    (
        {"beta": 0, "lambda": 0, "weights": {"reconstruction": 0}},
        "weights.reconstruction",
        "nothing is trained",
    ),
    (
        {
            "beta": 0,
            "weights": {"reconstruction": 0},
            "schedule": {"lambda": {"shape": "step", "epochs": 9, "start": 1, "end": 0}},
        },
        "weights.reconstruction",
        "nothing is trained",
    ),
    (
        {"model": "vae", "beta": 0, "weights": {"reconstruction": 0}},
        "weights.reconstruction",
        "reconstruction, beta are all 0",
    ),
    ({"model": "vae", "beta": 0, "stages": PAPER}, "stages[0]", "nothing is trained"),
    ({"stages": [{"epochs": 3, "name": "a b"}, {}]}, "stages[0].name", "must be letters"),
    (
        {
            "stages": [{"epochs": 3}, {"beta": 1}],
            "schedule": {"beta": {"shape": "linear", "epochs": 5}},
        },
        "stages[1].beta",
        "has a schedule as well",
    ),
    (
        {"schedule": {"beta": {"shape": "linear", "epochs": 41}}},
        "schedule.beta.epochs",
        "41 epochs are more than the 40",
    ),
    (
        {"schedule": {"lambda": {"shape": "step", "epochs": 40}}},
        "schedule.lambda.epochs",
        "never comes",
    ),
    (
        {"schedule": {"learning_rate": {"shape": "cosine", "epochs": 39}}},
        "schedule.learning_rate.end",
        "nothing is trained after epoch 39",
    ),
    (
        {"schedule": {"learning_rate": {"shape": "linear", "epochs": 40, "start": 0, "end": 0}}},
        "schedule.learning_rate.end",
        "nothing is trained",
    ),
]


@pytest.mark.parametrize(("settings", "place", "what"), BAD)
def test_what_cannot_be_is_refused_where_it_stands(
    settings: dict[str, Any], place: str, what: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        trial(**settings)
    assert str(raised.value).startswith(f"{place}: ")
    assert what in str(raised.value)


GOOD: list[dict[str, Any]] = [
    {"stages": PAPER},
    {"stages": []},
    {"stages": [{"epochs": 40, "beta": 0}]},
    {"schedule": {"beta": {"shape": "linear", "epochs": 40}}},
    {"schedule": {"learning_rate": {"shape": "cosine", "epochs": 40}}},
    {"schedule": {"lambda": {"shape": "linear", "epochs": 99}}, "model": "vae"},
    # SimCLR alone, its λ growing from nothing.
    {
        "beta": 0,
        "weights": {"reconstruction": 0},
        "schedule": {"lambda": {"shape": "linear", "epochs": 40}},
    },
]


@pytest.mark.parametrize("settings", GOOD)
def test_what_can_be_is_taken(settings: dict[str, Any]) -> None:
    trial(**settings)
