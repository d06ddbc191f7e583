from __future__ import annotations

import dataclasses
import json
import math
from types import MappingProxyType
from typing import Any

import pytest

from cvae_core.config import (
    ArchitectureConfig,
    DataConfig,
    SelectionConfig,
    TrialConfig,
    ViewsConfig,
    WeightsConfig,
)
from cvae_core.errors import ConfigError
from cvae_core.presets import PRESETS
from cvae_core.schedule import DecayConfig, FactorConfig, ScheduleConfig
from cvae_core.settings import setting_name
from cvae_core.stages import StageConfig, StageWeights

TOO_FAR: list[tuple[type, str, Any, str]] = [
    (TrialConfig, "beta", -1e-9, "beta must be at least 0"),
    (TrialConfig, "beta", math.nan, "beta"),
    (TrialConfig, "lambda_", -0.1, "lambda must be at least 0"),
    (TrialConfig, "tau", 0.0, "tau must be greater than 0"),
    (TrialConfig, "epochs", 0, "epochs"),
    (TrialConfig, "seed", -1, "seed"),
    (TrialConfig, "seed", 2**63, "seed must be less than"),
    (TrialConfig, "batch_size", 1, "batch_size"),
    (TrialConfig, "learning_rate", 0.0, "learning_rate"),
    (TrialConfig, "clip_norm", 0.0, "clip_norm"),
    (DataConfig, "validation_fraction", 0.0, "validation_fraction"),
    (DataConfig, "validation_fraction", 1.0, "validation_fraction must be less than 1"),
    (DataConfig, "split_seed", -1, "split_seed"),
    (ArchitectureConfig, "channels", (8, 0), "channels"),
    (ArchitectureConfig, "channels", (), "channels must not be empty"),
    (ArchitectureConfig, "latent_dim", 0, "latent_dim"),
    (ArchitectureConfig, "projection", (8, -5), "projection"),
    (ViewsConfig, "crop_scale", (0.0, 1.0), "crop_scale"),
    (ViewsConfig, "crop_scale", (0.8, 1.1), "crop_scale must be at most 1"),
    (
        ViewsConfig,
        "crop_scale",
        (0.9, 0.8),
        "views.crop_scale: crop_scale must be .smallest, largest.",
    ),
    (ViewsConfig, "crop_ratio", (0.0, 1.0), "crop_ratio"),
    (
        ViewsConfig,
        "crop_ratio",
        (2.0, 1.0),
        "views.crop_ratio: crop_ratio must be .smallest, largest.",
    ),
    (ViewsConfig, "rotation_degrees", -1.0, "rotation_degrees"),
    (ViewsConfig, "rotation_degrees", 181.0, "rotation_degrees must be at most 180"),
    (ViewsConfig, "translation", 1.1, "translation"),
    (SelectionConfig, "patience", -1, "patience"),
    (SelectionConfig, "min_delta", -1.0, "min_delta"),
]
AT_THE_LIMIT: list[tuple[type, str, Any]] = [
    (TrialConfig, "beta", 0.0),
    (TrialConfig, "lambda_", 0.0),
    (TrialConfig, "clip_norm", None),
    (TrialConfig, "seed", 2**63 - 1),
    (TrialConfig, "batch_size", 2),
    (ViewsConfig, "crop_scale", None),
    (ViewsConfig, "crop_scale", (1.0, 1.0)),
    (ViewsConfig, "rotation_degrees", 180.0),
    (ViewsConfig, "translation", 0.0),
]


@pytest.mark.parametrize(("cls", "name", "value", "message"), TOO_FAR)
def test_a_value_beyond_its_limit_is_refused_by_name(
    cls: type, name: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        cls(**{name: value})


@pytest.mark.parametrize(("cls", "name", "value"), AT_THE_LIMIT)
def test_a_value_at_its_limit_is_taken(cls: type, name: str, value: Any) -> None:
    assert getattr(cls(**{name: value}), name) == value


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_settings_survive_a_round_trip_through_json(model: str) -> None:
    config = TrialConfig(
        model=model,  # type: ignore[arg-type]
        beta=1e-8,
        lambda_=0.3,
        clip_norm=None,
        architecture=ArchitectureConfig(channels=(4, 8), norm="group"),
        views=ViewsConfig(crop_scale=None),
        selection=SelectionConfig(epoch="best", patience=3),
    )
    settings = json.loads(json.dumps(config.to_settings()))
    assert TrialConfig.from_settings(settings) == config
    assert TrialConfig.from_settings({}) == TrialConfig()


def test_lambda_has_its_own_name_in_settings() -> None:
    config = TrialConfig.from_settings({"lambda": 2})
    assert config.lambda_ == 2.0
    assert isinstance(config.lambda_, float)
    settings = config.to_settings()
    assert settings["lambda"] == 2.0
    assert "lambda_" not in settings


def test_a_part_of_a_group_leaves_the_rest_at_its_default() -> None:
    config = TrialConfig.from_settings({"views": {"translation": 0}})
    assert config.views == ViewsConfig(translation=0.0)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"betta": 1}, "TrialConfig: betta"),
        ({"lambda_": 1}, "TrialConfig: lambda_"),
        ({"views": {"zoom": 1, "crop": 2}}, "ViewsConfig: crop, zoom"),
        ({"data": {"root": "/"}}, "DataConfig: root"),
    ],
)
def test_unknown_settings_are_refused_by_name(settings: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown settings of {names}$"):
        TrialConfig.from_settings(settings)


def test_the_defaults_are_the_papers_mnist_settings() -> None:
    config = TrialConfig()
    assert (config.batch_size, config.learning_rate, config.clip_norm) == (128, 1e-4, 1.0)
    assert config.lambda_ == 0.1
    assert config.architecture == ArchitectureConfig((8, 16, 32), 10, "none", (8, 5))
    assert config.data == DataConfig("digits", 0.1, 0, 255, "unit")
    assert (config.views.crop_scale, config.views.rotation_degrees) == ((0.8, 1.0), 15.0)
    assert (config.views.translation, config.views.pairs) == (0.1, "original+augmented")
    assert (config.selection.epoch, config.selection.patience) == ("last", 0)


def test_the_cifar10_preset_is_the_papers_shape() -> None:
    config = TrialConfig.from_settings(PRESETS["cifar10"])
    assert config.batch_size == 256
    assert config.data.value_range == "symmetric"
    assert config.architecture == ArchitectureConfig((32, 64, 128, 256), 128, "none", (64, 32))


def test_a_preset_lies_below_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "digits", {"batch_size": 7, "architecture": {"latent_dim": 3}})
    config = TrialConfig.from_settings({"architecture": {"latent_dim": 4}})
    assert config.batch_size == 7
    assert config.architecture.latent_dim == 4
    assert config.architecture.channels == (8, 16, 32)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrialConfig().beta = 1.0  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    of_data = (DataConfig, ArchitectureConfig, ViewsConfig)
    of_training = (SelectionConfig, WeightsConfig, ScheduleConfig, FactorConfig, DecayConfig)
    for cls in (TrialConfig, *of_data, *of_training, StageConfig, StageWeights):
        for declared in dataclasses.fields(cls):
            assert declared.metadata["doc"], setting_name(declared)


ALL_ZERO: list[dict[str, Any]] = [
    {"model": "vae", "beta": 0},
    {"model": "vae", "beta": 0, "lambda": 1},
    {"model": "cvae", "beta": 0, "lambda": 0},
]


@pytest.mark.parametrize("settings", ALL_ZERO, ids=str)
def test_weights_that_are_all_zero_are_refused(settings: dict[str, Any]) -> None:
    nothing = {"weights": {"reconstruction": 0}}
    with pytest.raises(ConfigError, match=r"nothing is trained: .* are all 0") as raised:
        TrialConfig.from_settings({**settings, **nothing})
    assert raised.value.at == ("weights", "reconstruction")
    TrialConfig.from_settings({**settings, "weights": {"reconstruction": 1e-9}})
    TrialConfig.from_settings({**settings, **nothing, "beta": 1e-9})


def test_an_untrained_decoder_cannot_choose_the_epoch() -> None:
    settings = {"weights": {"reconstruction": 0}, "selection": {"metric": "val/reconstruction"}}
    with pytest.raises(ConfigError, match="there is no val/reconstruction; write val/loss"):
        TrialConfig.from_settings(settings)


def test_groups_that_trials_share_are_one_object_and_no_other_is() -> None:
    """Ledgers hold thousands of trials, which differ in little: half of what reading takes."""
    one, other = (
        TrialConfig.from_settings({"seed": seed, "data": {"divisor": 256}}) for seed in (1, 2)
    )
    assert one.data is other.data
    assert TrialConfig.from_settings({"data": {"divisor": 255}}).data != one.data
    whole = TrialConfig.from_settings({"views": {"translation": 1}}).views.translation
    assert (type(whole), whole) == (float, 1.0)
    with pytest.raises(ConfigError):
        TrialConfig.from_settings({"views": {"translation": 7}})
    with pytest.raises(ConfigError):
        TrialConfig.from_settings({"views": {"translation": 7}})


def test_a_group_may_hold_what_json_does_not() -> None:
    views = MappingProxyType({"translation": 0.5})
    assert TrialConfig.from_settings({"views": views}).views.translation == 0.5
