"""Trial keys: what they depend on, and that they do not change between versions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from cvae_core.augmentation import ViewsConfig
from cvae_core.baselines import BASELINES
from cvae_core.config import DataConfig, TrialConfig
from cvae_core.identity import relevant
from cvae_core.settings import setting
from orchestration.errors import UserError
from orchestration.plan.plan import make_plan
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import canonical, short_hash, trial_key

# A change here means that every ledger in the world forgets its finished trials. Only a raised
# NUMERICS (the arithmetic changed) may do that; a new setting with a default must not: declare it
# with added=True.
GOLDEN = {
    "defaults": ({}, "220bc58e9e"),
    "cvae": ({"model": "cvae"}, "594e26cbe8"),
    "cvae, other": (
        {"model": "cvae", "lambda": 1.0, "tau": 0.1, "beta": 1e-8, "seed": 3},
        "3e73d23e7f",
    ),
    "mnist": ({"data": {"name": "mnist"}, "epochs": 700, "clip_norm": None}, "36f339ea78"),
    "views": (
        {"model": "cvae", "views": {"crop_scale": None, "rotation_degrees": 0}},
        "477c7042ac",
    ),
    "shape": (
        {"architecture": {"channels": [4, 8], "latent_dim": 4, "norm": "batch"}},
        "3f1830271f",
    ),
}

NUMERICS_2 = {
    "defaults": "f0c03a4631",
    "cvae": "becc96eb45",
    "cvae, other": "8f2464c0ec",
    "mnist": "6e83b81bb2",
    "views": "682bef8975",
    "shape": "f7ccc920ac",
}
"""Their keys before decoders began at the training images' mean."""


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_keys(name: str) -> None:
    settings, key = GOLDEN[name]
    assert trial_key(TrialConfig.from_settings(settings)) == key


@pytest.mark.parametrize("name", GOLDEN)
def test_the_numerics_alone_have_changed_since_earlier_keys(name: str) -> None:
    config = TrialConfig.from_settings(GOLDEN[name][0])
    assert short_hash(canonical(config) | {"numerics": 2}) == NUMERICS_2[name]


def test_integer_and_float_are_one_trial() -> None:
    for whole, fraction in (
        ({"beta": 1}, {"beta": 1.0}),
        ({"views": {"crop_scale": [0.8, 1]}}, {"views": {"crop_scale": [0.8, 1.0]}}),
    ):
        made = [TrialConfig.from_settings({"model": "cvae", **s}) for s in (whole, fraction)]
        assert len(set(map(trial_key, made))) == 1
        assert repr(made[0]) == repr(made[1])


@pytest.mark.parametrize(
    "change",
    [
        {"lambda_": 5.0},
        {"tau": 0.2},
        {"contrast": "mean"},
        {"views": ViewsConfig(translation=0.3)},
    ],
)
def test_the_contrastive_settings_matter_to_a_cvae_alone(change: dict[str, object]) -> None:
    vae, cvae = TrialConfig(model="vae"), TrialConfig(model="cvae")
    assert trial_key(replace(vae, **change)) == trial_key(vae)  # type: ignore[arg-type]
    assert trial_key(replace(cvae, **change)) != trial_key(cvae)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"beta": 0.1}, {"seed": 1}, {"epochs": 21}, {"data": DataConfig(split_seed=1)}],
)
@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_what_matters_to_both(model: str, change: dict[str, object]) -> None:
    config = TrialConfig(model=model)  # type: ignore[arg-type]
    assert trial_key(replace(config, **change)) != trial_key(config)  # type: ignore[arg-type]


def test_the_canonical_form_of_a_vae() -> None:
    form = canonical(TrialConfig())
    assert "numerics" in form
    assert not {"lambda", "tau", "views", "contrast"} & set(form)
    assert "projection" not in form["architecture"]
    contrastive = canonical(TrialConfig(model="cvae"))
    assert {"lambda", "tau", "views", "contrast"} <= set(contrastive)
    assert contrastive["architecture"]["projection"] == [8, 5]


def test_a_setting_that_joined_later_keeps_old_keys() -> None:
    @dataclass(frozen=True)
    class Later(TrialConfig):
        novelty: float = setting(0.5, "a setting of a later version", ge=0, added=True)

    @dataclass(frozen=True)
    class Careless(TrialConfig):
        novelty: float = setting(0.5, "the same, not declared as added", ge=0)

    before = TrialConfig(model="cvae")
    values = {f.name: getattr(before, f.name) for f in dataclasses.fields(before)}
    assert trial_key(Later(**values)) == trial_key(before)
    assert trial_key(Later(**values, novelty=0.7)) != trial_key(before)
    assert trial_key(Careless(**values)) != trial_key(before)
    # It is left out of the identity alone, not out of what is shown.
    assert relevant(Later(**values), identity=False)["novelty"] == 0.5


def test_an_output_is_the_same_named_or_not(load: Callable[..., SweepSpec]) -> None:
    text = "name: a\nbaselines: false\nbase: {data: {value_range: symmetric}}\n"
    output = "architecture.output: [auto, tanh, sigmoid]"
    keys = list(make_plan(load(f"{text}grid: {{{output}}}")).trials)
    assert keys[:1] == list(make_plan(load(text)).trials)
    assert len(keys) == 2


def test_a_vae_is_collapsed_over_lambda_and_tau(load: Callable[..., SweepSpec]) -> None:
    grid = "grid: {lambda: [0, 0.1], tau: [0.1, 1], model: [vae, cvae], beta: [1, 2]}"
    plan = make_plan(load(f"name: a\n{grid}\nseeds: [0, 1]"))
    models = [config.model for config in plan.trials.values()]
    assert models.count("vae") == 2 * 2
    assert models.count("cvae") == 2 * 2 * 2 * 2
    for key, config in plan.trials.items():
        assert key == trial_key(config)


def test_the_order_is_the_files(load: Callable[..., SweepSpec]) -> None:
    text = "name: a\ngrid: {beta: [2, 1], model: [cvae, vae]}\nseeds: [3, 0]\nbaselines: false"
    plan = make_plan(load(text))
    assert [(c.beta, c.model, c.seed) for c in plan.trials.values()] == [
        (beta, model, seed) for beta in (2, 1) for model in ("cvae", "vae") for seed in (3, 0)
    ]


def test_data_sets_in_use_are_named_once(load: Callable[..., SweepSpec]) -> None:
    plan = make_plan(load("name: a\ngrid: {data.name: [mnist, digits], beta: [1, 2]}"))
    assert list(plan.datasets) == ["mnist", "digits"]


FOLDER = "name: a\nbaselines: false\nbase: {data: {name: folder"


def test_the_content_of_a_folder_is_part_of_the_key(load: Callable[..., SweepSpec]) -> None:
    spec = load(FOLDER + ", path: here}}")
    one, other = (make_plan(spec, lambda _, c=c: c * 64) for c in "ab")
    assert set(one.trials).isdisjoint(other.trials)
    moved = make_plan(load(FOLDER + ", path: there}}"), lambda _: "a" * 64)
    assert set(moved.trials) == set(one.trials)


def test_a_pinned_content_is_held(load: Callable[..., SweepSpec]) -> None:
    spec = load(FOLDER + f", content: {'a' * 64}}}}}")
    assert len(make_plan(spec, lambda _: "a" * 64).trials) == 1
    with pytest.raises(UserError, match="was asked for"):
        make_plan(spec, lambda _: "b" * 64)


def test_views_matter_to_a_vae_that_is_augmented() -> None:
    plain, augmented = TrialConfig(), TrialConfig(augment=True)
    assert trial_key(plain) != trial_key(augmented)
    other = {"views": ViewsConfig(translation=0.3), "reconstruct": "view"}
    for change in ({name: value} for name, value in other.items()):
        assert trial_key(replace(plain, **change)) == trial_key(plain)  # type: ignore[arg-type]
        assert trial_key(replace(augmented, **change)) != trial_key(augmented)  # type: ignore[arg-type]
    pairs = {"views": ViewsConfig(pairs="two augmented"), "tau": 0.2}
    assert trial_key(replace(augmented, **pairs)) == trial_key(augmented)  # type: ignore[arg-type]
    assert "pairs" not in canonical(augmented)["views"]


def test_the_precision_is_part_of_the_key_of_what_is_trained_by_it() -> None:
    assert "precision" not in canonical(TrialConfig())
    keys = {
        trial_key(TrialConfig.from_settings({"model": model, "precision": precision}))
        for model in ("vae", "cvae")
        for precision in ("float32", "bfloat16")
    }
    assert len(keys) == 4
    for baseline in BASELINES:
        plain, other = (
            TrialConfig.from_settings({"model": baseline, "precision": precision})
            for precision in ("float32", "bfloat16")
        )
        assert trial_key(plain) == trial_key(other)


def test_arms_at_their_defaults_are_no_part_of_a_key() -> None:
    form = canonical(TrialConfig(model="cvae"))
    assert not {"augment", "reconstruct", "weights"} & set(form)
    assert not {"kernel", "blocks", "decoder_input"} & set(form["architecture"])
    other = canonical(TrialConfig.from_settings({"weights": {"reconstruction": 0.5}}))
    assert other["weights"] == {"reconstruction": 0.5}
    for change in ({"kernel": 3}, {"blocks": "residual"}, {"decoder_input": "linear"}):
        config = TrialConfig.from_settings({"architecture": change})
        assert trial_key(config) != trial_key(TrialConfig())
