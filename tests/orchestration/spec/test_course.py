"""Schedules and stages in sweep files: read everywhere a setting is read, refused with a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.plan.plan import make_plan
from orchestration.spec.reading import load_spec
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import trial_key
from orchestration.spec.trial_names import Names, setting_text, settings_of

Load = Callable[..., SweepSpec]
Command = Callable[..., Any]
HEAD = "name: a\nbase:\n  model: cvae\n  epochs: 6\n"
PAPER = "[{epochs: 2, weights: {reconstruction: 0}}, {epochs: 4, lambda: 0}]"
SEARCH = "search:\n  trials: 2\n  space:\n"


def trials(spec: SweepSpec) -> list[TrialConfig]:
    return [c for c in make_plan(spec).trials.values() if c.model not in BASELINES]


def errors(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        load(text, *overrides)
    return list(raised.value.lines)


WRONG = [
    ("  stages: [{epochs: 0}, {}]", "5: base.stages[0].epochs: ", "greater than or equal to 1"),
    ("  stages:\n  - {epochs: 2}\n  - {epoch: 4}", "7: base.stages[1].epoch: ", '"epochs"?'),
    ("  stages:\n  - {epochs: 2}\n  - {lamda: 4}", "7: base.stages[1].lamda: ", '"lambda"?'),
    (
        "  stages:\n  - {epochs: 2}\n  - weights: {reconstuction: 4}",
        "7: base.stages[1].weights.reconstuction: ",
        'did you mean "reconstruction"?',
    ),
    ("  stages: [{epochs: 2}, {batch_size: 4}]", "5: base.stages[1].batch_size: ", "known here: "),
    ("  stages: {epochs: 2}", "5: base.stages: ", "must be a list"),
    ("  stages: [3]", "5: base.stages[0]: ", "a mapping of settings, such as {name: value}"),
    ("  stages: [{epochs: 2, tau: 0}, {}]", "5: base.stages[0].tau: ", "greater than 0"),
    ("  stages: [{epochs: 2, beta: .nan}, {}]", "5: base.stages[0].beta: ", "finite"),
    (
        "  stages:\n  - epochs: 2\n  - lambda: 0\n    epochs: 5",
        "8: base.stages[1].epochs: ",
        "the stages have 7 epochs together, the trial has 6",
    ),
    (
        "  stages:\n  - epochs: 6\n  - lambda: 0",
        "7: base.stages[1].epochs: ",
        "no epoch left for the last stage",
    ),
    (
        "  stages:\n  - {epochs: 2}\n  - {weights: {reconstruction: 0}, beta: 0, lambda: 0}",
        "7: base.stages[1]: ",
        "nothing is trained",
    ),
    (
        "  beta: 0\n  lambda: 0\n  weights:\n    reconstruction: 0",
        "8: base.weights.reconstruction: ",
        "are all 0",
    ),
    (
        "  schedule:\n    beta:\n      shape: linear\n      epochs: 7",
        "8: base.schedule.beta.epochs: ",
        "7 epochs are more than the 6 of the trial",
    ),
    (
        "  schedule:\n    beta:\n      shape: linear",
        "7: base.schedule.beta.shape: ",
        "needs its length: write epochs: 10",
    ),
    ("  schedule: {beta: {shape: linaer}}", "5: base.schedule.beta.shape: ", '"linear"?'),
    ("  schedule: {beta: {shap: linear}}", "5: base.schedule.beta.shap: ", '"shape"?'),
    ("  schedule: {bta: {shape: linear}}", "5: base.schedule.bta: ", '"beta"?'),
    ("  schedule: {beta: linear}", "5: base.schedule.beta: ", "a mapping of settings"),
    (
        "  stages: [{epochs: 2}, {beta: 1}]\n  schedule: {beta: {shape: linear, epochs: 3}}",
        "5: base.stages[1].beta: ",
        "has a schedule as well",
    ),
    (
        "  schedule: {learning_rate: {shape: cyclical, epochs: 6, cycles: 2}}",
        "5: base.schedule.learning_rate.shape: ",
        "stays 0 for 1.5 epochs of each cycle",
    ),
    (
        f"  stages: [{{epochs: 2}}, {{beta: 0, weights: {{reconstruction: 0}}}}]\n{SEARCH}"
        "    tau: {range: [0.1, 1]}\n"
        "  objectives: [{metric: val/reconstruction, direction: minimize}]",
        "10: search.objectives[0].metric: ",
        "is not measured where weights.reconstruction is 0",
    ),
    (
        "grid:\n  stages:\n  - []\n  - [{epochs: 2}, {lamda: 0}]",
        "8: grid.stages[1][1].lamda: ",
        'did you mean "lambda"?',
    ),
    (
        "grid:\n  stages:\n  - [{epochs: 2}, {lambda: 0}]\n  - [{epochs: 7}, {lambda: 0}]",
        "8: grid.stages[1][0].epochs: ",
        "the stages have 7 epochs together",
    ),
    (
        "grid:\n- model: [vae]\n- stages:\n  - [{epochs: 7}, {lambda: 0}]",
        "8: grid[1].stages[0][0].epochs: ",
        "the stages have 7 epochs together",
    ),
    (
        "  schedule: {beta: {epochs: 2}}\ngrid:\n  schedule.beta.shape: [constant, step]\n"
        "  schedule.beta.epochs: [6, 2]",
        "8: grid.schedule.beta.epochs[0]: ",
        "never comes",
    ),
    (
        "grid:\n  schedule.beta:\n  - {shape: step, epochs: 2}\n  - {shape: cosine, epochs: 8}",
        "8: grid.schedule.beta[1].epochs: ",
        "8 epochs are more than the 6",
    ),
    (
        "grid:\n  model: [vae, cvae]\n  beta: [0]\n  stages:\n  - " + PAPER,
        "9: grid.stages[0][0]: ",
        "nothing is trained",
    ),
    (
        "grid:\n  lambda: [0.1, 1]\n  stages:\n"
        f"  - [{{epochs: 2, lambda: 1}}, {{lambda: 0}}]\n  - {PAPER}",
        "6: grid.lambda: ",
        "has no effect where every stage has its own",
    ),
    (
        "grid:\n  stages:\n  - [{epochs: 2, name: a, beta: 1}, {name: b}]\n"
        "  - [{epochs: 2, name: a, beta: 2}, {name: b}]",
        "8: grid.stages[1]: ",
        "other stages are called a→b as well",
    ),
    (
        f"  stages: {PAPER}\n{SEARCH}    beta: {{log: [1e-3, 1]}}\n    lambda: {{range: [0, 1]}}",
        "10: search.space.lambda: ",
        "stages[1] has lambda of its own",
    ),
    (
        f"  stages: {PAPER}\n{SEARCH}    weights.reconstruction: {{range: [0, 1]}}",
        "9: search.space.weights.reconstruction: ",
        "stages[0] has weights.reconstruction of its own",
    ),
    (
        f"{SEARCH}    schedule.beta.shape: {{choice: [linear, cosine]}}",
        "8: search.space.schedule.beta.shape: ",
        "cannot be searched",
    ),
    (
        "grid:\n- {schedule.beta.shape: [linear], schedule.beta.epochs: [3]}\n"
        "- {schedule.beta.shape: [cosine]}",
        "7: grid[1].schedule.beta.shape[0]: ",
        "needs its length",
    ),
    (
        "grid:\n  schedule.beta:\n  - {shape: linear, epochs: 3}\n  - {shape: cosine}",
        "8: grid.schedule.beta[1].shape: ",
        "needs its length",
    ),
    (
        "  schedule: {beta: {shape: linear}}\n"
        f"{SEARCH}    schedule:\n      beta:\n        epochs: {{range: [1, 9]}}",
        "11: search.space.schedule.beta.epochs.range[1]: ",
        "9 epochs are more than the 6",
    ),
    (
        f"  schedule: {{beta: {{shape: linear, epochs: 2}}}}\n{SEARCH}"
        "    beta: {log: [1e-3, 1]}\n    schedule.beta.cycles: {range: [1, 9]}",
        "10: search.space.schedule.beta.cycles: ",
        "is searched in no trial",
    ),
    (
        f"{SEARCH}    beta: {{log: [1e-3, 1]}}\n"
        "  objectives: [{metric: train/beta, direction: minimize}]",
        "9: search.objectives[0].metric: ",
        "train/beta is a setting that is recorded, not a result",
    ),
]


@pytest.mark.parametrize(("text", "place", "what"), WRONG)
def test_what_is_wrong_is_said_with_its_line(load: Load, text: str, place: str, what: str) -> None:
    (line,) = errors(load, HEAD + text)
    assert f"sweep.yaml:{place}" in line
    assert what in line


def test_every_cell_that_is_wrong_is_said_at_once(load: Load) -> None:
    grid = "grid:\n  stages:\n  - [{epochs: 7}, {}]\n  - [{epochs: 6, tau: 1}, {}]\n  - []"
    first, second = errors(load, HEAD + grid)
    assert "7: grid.stages[0]" in first
    assert "8: grid.stages[1]" in second


def test_bad_stages_end_with_code_2_and_write_nothing(tmp_path: Path, command: Command) -> None:
    (tmp_path / "bad.yaml").write_text(HEAD + "  stages: [{epochs: 2}, {epochs: 9}]\n")
    done = command(tmp_path, "run", "bad.yaml")
    assert done.returncode == 2
    assert "bad.yaml:5: base.stages[1].epochs: the stages have 11 epochs together" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_a_setting_of_one_grid_is_none_of_the_stages_of_another(load: Load) -> None:
    """As is advised where every stage has a setting of its own."""
    grids = "grid:\n- {model: [vae, cvae], beta: [1, 2]}\n- model: [cvae]\n  stages:\n"
    staged = "  - [{epochs: 2, beta: 0, weights: {reconstruction: 0}}, {beta: 1, lambda: 0}]\n"
    assert len(trials(load(HEAD + grids + staged))) == 5


def test_a_list_of_stages_is_one_value_of_a_grid(load: Load) -> None:
    spec = load(f"{HEAD}grid:\n  stages: [{PAPER}, []]\n  beta: [1, 2]\n")
    staged, plain = trials(spec)[0], trials(spec)[2]
    assert len(trials(spec)) == 4
    assert [stage.epochs for stage in staged.stages] == [2, 4]
    assert plain.stages == ()


def test_set_stages_and_lists_of_stages(load: Load) -> None:
    (one,) = trials(load(HEAD, f"stages={PAPER}"))
    assert one.stages[0].weights.reconstruction == 0.0
    two = trials(load(HEAD, f"stages=[{PAPER}, []]"))
    assert two == [one, trials(load(HEAD))[0]]
    assert trials(load(f"{HEAD}  stages: {PAPER}\n", "stages=[]")) == [two[1]]
    (line,) = errors(load, HEAD, "stages=[{epochs: 2}, {epochs: 9}]")
    assert "with --set: base.stages[1].epochs: the stages have 11" in line


def test_set_a_schedule(load: Load) -> None:
    overrides = ("schedule.beta.shape=cosine", "schedule.beta.epochs=[2,5]")
    found = [trial.schedule.beta for trial in trials(load(HEAD, *overrides))]
    assert [(factor.shape, factor.epochs) for factor in found] == [("cosine", 2), ("cosine", 5)]


def test_stages_of_a_file_above_take_the_place_of_those_below(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text(f"{HEAD}grid:\n  stages: [{PAPER}, []]\n")
    above = tmp_path / "above.yaml"
    above.write_text("extends: below.yaml\nname: b\nbase: {stages: [{epochs: 1, tau: 1}, {}]}\n")
    (trial,) = trials(load_spec(above))
    assert [stage.tau for stage in trial.stages] == [1.0, None]


def test_a_search_chooses_between_lists_of_stages(load: Load) -> None:
    choice = f"stages: {{choice: [{PAPER}, []]}}"
    spec = load(f"{HEAD}{SEARCH}    {choice}\n  enqueue: [{{stages: {PAPER}}}]\n")
    (study,) = make_plan(spec).studies.values()
    (dimension,) = study.dimensions
    assert dimension.name == "stages"
    staged = [len(study.config({"stages": value}).stages) for value in dimension.choices]
    assert staged == [2, 0]


def key(**settings: Any) -> str:
    return trial_key(TrialConfig.from_settings({"model": "cvae", "epochs": 6, **settings}))


def test_keys_know_what_stages_do_and_no_more() -> None:
    first, then = {"epochs": 2, "weights": {"reconstruction": 0}}, {"lambda": 0}
    staged = key(stages=[first, then])
    assert staged != key()
    assert staged == key(stages=[{**first, "name": "contrastive"}, {**then, "epochs": 4}])
    assert staged != key(stages=[{**first, "epochs": 3}, then])
    assert staged != key(stages=[first, {**then, "reset_optimizer": True}])
    assert key(stages=[{"epochs": 2}, {"name": "as-is"}]) == key()
    only = [{"epochs": 2, "lambda": 1}, {"tau": 2}]
    assert key(model="vae", stages=only) == key(model="vae")


def test_keys_know_what_schedules_do_and_no_more() -> None:
    linear = {"shape": "linear", "epochs": 3}
    assert key(schedule={"beta": linear}) != key()
    assert key(schedule={"beta": {**linear, "cycles": 7}}) == key(schedule={"beta": linear})
    assert key(schedule={"beta": {**linear, "start": 0.1}}) != key(schedule={"beta": linear})
    assert key(schedule={"beta": {"shape": "constant", "epochs": 3, "end": 2}}) == key()
    assert key(model="vae", schedule={"lambda": linear}) == key(model="vae")
    assert key(weights={"reconstruction": 1}) == key()


def called(*settings: dict[str, Any]) -> list[str]:
    configs = [TrialConfig.from_settings({"model": "cvae", "epochs": 6, **s}) for s in settings]
    names = Names(map(settings_of, configs))
    return [names.name(config) for config in configs]


def test_trials_are_called_by_their_stages() -> None:
    unnamed = [{"epochs": 2, "weights": {"reconstruction": 0}}, {"lambda": 0, "epochs": 4}]
    named = [{"epochs": 2, "name": "contrastive", "tau": 1}, {"name": "fine-tune"}]
    assert called({"stages": unnamed}, {"stages": named}, {}) == [
        "cvae stages=2×w_rec=0→4×λ=0",
        "cvae stages=contrastive→fine-tune",
        "cvae",
    ]
    assert called({"stages": unnamed}) == ["cvae"]


def test_trials_are_called_by_their_schedules() -> None:
    linear, longer = {"shape": "linear", "epochs": 3}, {"shape": "linear", "epochs": 4}
    assert called({"schedule": {"beta": linear}}, {"schedule": {"beta": longer}}, {}) == [
        "cvae β.shape=linear β.epochs=3",
        "cvae β.shape=linear β.epochs=4",
        "cvae β.shape=constant",
    ]


def test_settings_that_are_shown_are_plain_and_have_a_text() -> None:
    stages = [{"epochs": 2, "name": "a", "reset_optimizer": True}, {"learning_rate": 1e-4}]
    settings = settings_of(TrialConfig.from_settings({"epochs": 6, "stages": stages}))
    assert settings["stages"] == stages
    assert setting_text(settings["stages"]) == "a→learning_rate=0.0001"
    assert setting_text([]) == "none"
    assert settings["schedule.beta.shape"] == "constant"
    assert "schedule.beta.epochs" not in settings
