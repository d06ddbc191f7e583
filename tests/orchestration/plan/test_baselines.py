"""Which baselines a sweep has, what their keys depend on, and what a file may not ask of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.plan.plan import Plan, make_plan
from orchestration.plan.view import plan_words
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import canonical, trial_key
from orchestration.spec.trial_names import settings_of, trial_fields

Load = Callable[..., SweepSpec]
GRID = "grid: {model: [vae, cvae], beta: [1, 2]}\nseeds: [0, 1]\n"
OFF = "evaluation: {probe: false, umap: false, diagnostics: false, pictures: false, fd: false}\n"
# As in test_plan.py: only raised NUMERICS may change them.
GOLDEN = {
    "pca": "3d2b647077",
    "pixels": "f2e0266841",
    "untrained": "5cecef8e94",
    "supervised": "719cfc0f2d",
}


def models(plan: Plan) -> list[str]:
    return [config.model for config in plan.trials.values()]


@pytest.mark.parametrize("model", GOLDEN)
def test_golden_keys(model: str) -> None:
    assert trial_key(TrialConfig.from_settings({"model": model})) == GOLDEN[model]


def test_only_what_counts_is_part_of_a_key() -> None:
    def differs(model: str, settings: dict[str, Any]) -> bool:
        changed = TrialConfig.from_settings({"model": model, **settings})
        return trial_key(changed) != GOLDEN[model]

    changes: list[dict[str, Any]] = [
        {"beta": 7.0},
        {"epochs": 3},
        {"learning_rate": 0.5},
        {"views": {"translation": 0.5}},
        {"architecture": {"projection": [3]}},
        {"seed": 1},
        {"batch_size": 32},
        {"architecture": {"channels": [4]}},
        {"architecture": {"latent_dim": 3}},
        {"data": {"split_seed": 1}},
    ]
    counting = {model: [i for i, c in enumerate(changes) if differs(model, c)] for model in GOLDEN}
    assert counting == {
        "pca": [8, 9],
        "pixels": [9],
        "untrained": [5, 7, 8, 9],
        "supervised": [5, 6, 7, 8, 9],
    }
    form = canonical(TrialConfig.from_settings({"model": "pca"}))
    assert form["architecture"] == {"latent_dim": 10}
    assert form.keys() == {"numerics", "model", "data", "architecture"}


def test_they_come_last_and_are_one_for_all_that_is_the_same_to_them(load: Load) -> None:
    plan = make_plan(load("name: a\n" + GRID))
    others = [*["untrained"] * 2, *["supervised"] * 2]
    assert models(plan) == ["vae"] * 4 + ["cvae"] * 4 + ["pca", "pixels", *others]
    assert plan_words(plan) == "8 trials, 6 baselines"
    assert all(key == trial_key(config) for key, config in plan.trials.items())
    dimensions = make_plan(load("name: a\ngrid: {architecture.latent_dim: [3, 4]}"))
    assert [models(dimensions).count(model) for model in BASELINES] == [2, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("baselines: false\n", []),
        ("baselines: []\n", []),
        ("baselines: [pixels, pca]\n", ["pca", "pixels"]),
        (OFF, []),
        (OFF.replace("umap: false", "umap: true"), list(BASELINES)),
        (OFF.replace("fd: false", "fd: true"), ["pca"]),
    ],
)
def test_which_ones(load: Load, text: str, expected: list[str]) -> None:
    plan = make_plan(load("name: a\n" + text))
    assert models(plan) == ["vae", *expected]


def test_asked_for_in_the_grid_they_bring_no_others(load: Load) -> None:
    text = "name: a\ngrid: {model: [pca], architecture.latent_dim: [2, 3], beta: [1, 2]}"
    plan = make_plan(load(text))
    assert [(c.model, c.architecture.latent_dim) for c in plan.trials.values()] == [
        ("pca", 2),
        ("pca", 3),
    ]
    both = make_plan(load("name: a\ngrid: {model: [vae, pca]}"))
    assert models(both) == ["vae", "pca", "pixels", "untrained", "supervised"]


def test_beside_studies_they_are_plain_trials(load: Load) -> None:
    search = "search: {trials: 4, space: {beta: {log: [1.0e-8, 1.0e-2]}}}\n"
    plan = make_plan(load("name: a\ngrid: {model: [vae, cvae]}\n" + search))
    assert models(plan) == list(BASELINES)
    assert len(plan.studies) == 2
    assert plan_words(plan) == "2 studies of 4 trials each, 4 baselines"
    assert plan.size == 12


def test_a_baseline_has_no_beta() -> None:
    config = TrialConfig.from_settings({"model": "pca", "beta": 3.0})
    fields = trial_fields(config)
    assert [fields[name] for name in ("baseline", "beta", "lambda", "tau")] == [True, *[None] * 3]
    assert "seed" not in settings_of(config)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("baselines: 3\n", "2: baselines: must be true, false or a list of pca, pixels"),
        ("baselines: [pcb]\n", r'2: baselines\[0\]: must be .*did you mean "pca"'),
        (
            f"baselines: [pca, pixels]\n{OFF}".replace("fd: false", "fd: true"),
            "pixels: turn|pixels,",
        ),
        (
            "base: {model: pca}\nsearch: {trials: 2, space: {beta: {range: [0, 1]}}}\n",
            "2: base.model: pca is a baseline, in which nothing can be searched",
        ),
        (
            "grid:\n- model: [vae]\n- model: [cvae, pixels]\n"
            "search: {trials: 2, space: {beta: {range: [0, 1]}}}\n",
            r"4: grid\[1\].model\[1\]: pixels is a baseline",
        ),
        (
            "search:\n  trials: 2\n  space:\n    model: {choice: [vae, untrained]}\n",
            r"5: search.space.model.choice\[1\]: untrained is a baseline",
        ),
    ],
)
def test_what_they_have_not_is_refused_with_its_line(load: Load, text: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        load("name: a\n" + text)
    assert any(re.search(error, line) for line in caught.value.lines), caught.value.lines
