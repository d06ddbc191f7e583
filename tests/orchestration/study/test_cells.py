"""Studies: one per cell, known by what they search and not by how the file says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.plan.plan import make_plan
from orchestration.spec.dimensions import Dimension, suggested
from orchestration.spec.sweep import SweepSpec
from orchestration.study.cells import StudyPlan

Load = Callable[..., SweepSpec]
FILE = """\
name: a
baselines: false
base: {epochs: 20}
grid: {model: [vae, cvae]}
seeds: [0, 1]
search:
  trials: 40
  space:
    beta: {log: [1.0e-8, 1.0e-1]}
    lambda: {log: [1.0e-3, 10.0]}
    tau: {range: [0.05, 1.0]}
    architecture: {latent_dim: {range: [4, 32], step: 4}}
"""
# A change here means that every ledger in the world begins its searches anew.
GOLDEN = {
    "vae seed=0": "22d70b3b28",
    "cvae seed=0": "774eb761c8",
    "vae seed=1": "1d5137af52",
    "cvae seed=1": "053622ec5e",
}
NUMERICS_2 = {
    "vae seed=0": "96739e7a03",
    "cvae seed=0": "a7311e5864",
    "vae seed=1": "0e10836d82",
    "cvae seed=1": "2c2e9fb152",
}
SPACE = "name: a\nbaselines: false\nsearch:\n  trials: 4\n  space:\n"


def studies(spec: SweepSpec) -> dict[str, StudyPlan]:
    """By name."""
    return {study.name: study for study in make_plan(spec).studies.values()}


def keys(spec: SweepSpec) -> dict[str, str]:
    return {name: study.key for name, study in studies(spec).items()}


def test_golden_keys(load: Load) -> None:
    assert keys(load(FILE)) == GOLDEN


def test_the_numerics_alone_have_changed_since_earlier_keys(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.study.cells.NUMERICS", 2)
    assert keys(load(FILE)) == NUMERICS_2


def test_a_study_in_each_cell(load: Load) -> None:
    plan = make_plan(load(FILE))
    assert not plan.trials
    assert plan.size == 4 * 40
    assert all(key == study.key for key, study in plan.studies.items())
    found = {
        name: [d.name for d in study.dimensions] for name, study in studies(load(FILE)).items()
    }
    of_all = ["architecture.latent_dim", "beta"]
    assert found == {
        "vae seed=0": of_all,
        "vae seed=1": of_all,
        "cvae seed=0": [*of_all, "lambda", "tau"],
        "cvae seed=1": [*of_all, "lambda", "tau"],
    }


def test_cells_that_search_the_same_are_one(load: Load) -> None:
    text = FILE.replace("    tau: {range: [0.05, 1.0]}\n", "")
    spec = load(text.replace("[vae, cvae]}", "[vae, cvae], tau: [0.1, 1.0]}"))
    assert list(keys(spec)) == [
        "vae seed=0",
        "vae seed=1",
        "cvae τ=0.1 seed=0",
        "cvae τ=0.1 seed=1",
        "cvae τ=1 seed=0",
        "cvae τ=1 seed=1",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("trials: 40", "trials: 60"),
        ("trials: 40", "trials: 40\n  enqueue: [{beta: 1e-3}]"),
        ("trials: 40", "trials: 40\n  replicates: 3"),
        ("trials: 40", "trials: 40\n  sampler: tpe\n  startup: 10\n  seed: 0"),
        ("trials: 40", "trials: 40\n  objectives: [{metric: val/probe_accuracy}]"),
        ("name: a", "name: b"),
        ("name: a", "name: a\nscheduler: {name: asha}"),
        ("name: a", "name: a\nresources: {cpu: 2}\nretries: 0\nevaluation: {umap: false}"),
        ("base: {epochs: 20}", "base: {}"),
        ("lambda: {log: [1.0e-3, 10.0]}", "lambda: {log: [0.001, 10], when: {model: cvae}}"),
        ("architecture: {latent_dim: {range", "architecture.latent_dim: {{range"),
        ("[vae, cvae]", "[cvae, vae]"),
        ("[0, 1]", "[1, 0]"),
        (
            "    beta: {log: [1.0e-8, 1.0e-1]}\n    lambda: {log: [1.0e-3, 10.0]}\n",
            "    lambda: {log: [1.0e-3, 10.0]}\n    beta: {log: [1.0e-8, 1.0e-1]}\n",
        ),
    ],
)
def test_what_does_not_change_a_study(load: Load, old: str, new: str) -> None:
    if "{{" in new:
        old, new = (
            "architecture: {latent_dim: {range: [4, 32], step: 4}}",
            ("architecture.latent_dim: {range: [4, 32], step: 4}"),
        )
    assert old in FILE
    assert keys(load(FILE.replace(old, new))) == keys(load(FILE))


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("epochs: 20", "epochs: 10", {"vae", "cvae"}),
        ("1.0e-8", "1.0e-7", {"vae", "cvae"}),
        ("[1.0e-3, 10.0]", "[1.0e-3, 1.0]", {"cvae"}),
        ("tau: {range", "tau: {log", {"cvae"}),
        ("step: 4", "step: 2", {"vae", "cvae"}),
        ("trials: 40", "trials: 40\n  seed: 1", {"vae", "cvae"}),
        ("trials: 40", "trials: 40\n  startup: 5", {"vae", "cvae"}),
        ("trials: 40", "trials: 40\n  sampler: random", {"vae", "cvae"}),
        ("trials: 40", "trials: 40\n  objectives: [{metric: val/reconstruction}]", {"vae", "cvae"}),
        ("epochs: 20", "epochs: 20, contrast: mean", {"cvae"}),
        ("epochs: 20", "epochs: 20, learning_rate: 1.0e-3", {"vae", "cvae"}),
    ],
)
def test_what_makes_it_another_study(load: Load, old: str, new: str, changed: set[str]) -> None:
    before, after = keys(load(FILE)), keys(load(FILE.replace(old, new, 1)))
    assert {name.split()[0] for name in before if before[name] != after[name]} == changed


def test_a_random_search_has_no_startup(load: Load) -> None:
    spec = load(FILE.replace("trials: 40", "trials: 40\n  sampler: random"))
    assert spec.search is not None
    other = spec.model_copy(update={"search": spec.search.model_copy(update={"startup": 3})})
    assert keys(other) == keys(spec)


def test_what_a_suggestion_means(load: Load) -> None:
    study = studies(load(FILE))["cvae seed=1"]
    params = {"architecture.latent_dim": 8, "beta": 0.01, "lambda": 1.0, "tau": 0.5}
    config = study.config(params)
    assert (config.model, config.seed, config.epochs) == ("cvae", 1, 20)
    assert (config.architecture.latent_dim, config.beta, config.lambda_) == (8, 0.01, 1.0)
    assert config.architecture.channels == (8, 16, 32)
    assert study.example.model == "cvae"


def test_an_example_is_from_the_midst_of_the_space(load: Load) -> None:
    """What it costs, and its memory, are of models that are searched, and of no default."""
    space = (
        "    beta: {log: [1.0e-4, 1]}\n    learning_rate: {range: [0.001, 0.003]}\n"
        "    architecture.latent_dim: {range: [2, 32]}\n"
        "    batch_size: {choice: [512, 1024, 2048]}\n    tau: {range: [0.1, 1], step: 0.1}\n"
    )
    (study,) = studies(
        load(f"name: a\nbase: {{model: cvae}}\nsearch:\n  trials: 3\n  space:\n{space}")
    ).values()
    config = study.example
    assert config.beta == pytest.approx(1e-2)
    assert config.learning_rate == pytest.approx(2e-3)
    assert (config.architecture.latent_dim, config.batch_size) == (17, 1024)
    assert config.tau == pytest.approx(0.5)


def test_the_model_is_searched_as_well(load: Load) -> None:
    text = FILE.replace("grid: {model: [vae, cvae]}\n", "").replace(
        "  space:\n", "  space:\n    model: {choice: [vae, cvae]}\n"
    )
    study = studies(load(text))["seed=0"]
    names = [dimension.name for dimension in study.dimensions]
    assert names.index("model") < names.index("lambda")
    assert study.config({"model": "vae", "beta": 1.0, "architecture.latent_dim": 4}).model == "vae"

    def walk(model: str) -> set[str]:
        values = {"model": model}
        suggest: Callable[[Dimension], object] = lambda d: values.get(d.name, d.low)  # noqa: E731
        return set(suggested(study.dimensions, {}, suggest))

    assert walk("cvae") - walk("vae") == {"lambda", "tau"}


def test_conditions_are_asked_for_after_what_they_depend_on(load: Load) -> None:
    text = """\
    architecture.norm: {choice: [none, group], when: {batch_size: [8, 16]}}
    batch_size: {choice: [8, 16, 32], when: {clip_norm: 2.0}}
    clip_norm: {choice: [1.0, 2.0]}
    beta: {log: [1e-3, 1], when: {architecture.norm: group}}
"""
    (study,) = make_plan(load(SPACE + text)).studies.values()
    assert study.name == "vae"
    assert [d.name for d in study.dimensions] == [
        "clip_norm",
        "batch_size",
        "architecture.norm",
        "beta",
    ]
    stored = [Dimension.from_json(d.name, d.to_json()) for d in study.dimensions]
    assert tuple(stored) == study.dimensions


def test_what_is_searched_at_times_is_else_as_the_file_says(load: Load) -> None:
    text = """\
    architecture.latent_dim: {choice: [8, 16]}
    augment: {choice: [false, true], when: {architecture.latent_dim: 16}}
    beta: {log: [1e-3, 1]}
"""
    (study,) = make_plan(load(SPACE + text)).studies.values()
    few = {"architecture.latent_dim": 8, "beta": 0.1}
    assert study.config(few).augment is False
    assert study.config({**few, "architecture.latent_dim": 16, "augment": True}).augment is True


def test_a_condition_on_what_is_searched_in_other_cells_alone(load: Load) -> None:
    text = """\
name: a
baselines: false
base: {augment: true}
grid: {model: [vae, cvae]}
search:
  trials: 4
  space:
    augment: {choice: [false, true], when: {model: vae}}
    reconstruct: {choice: [original, view]}
    beta: {log: [1e-3, 1]}
"""
    found = {s.name: s for s in make_plan(load(text)).studies.values()}
    assert {d.name for d in found["vae"].dimensions} == {"augment", "reconstruct", "beta"}
    assert {d.name: dict(d.when) for d in found["cvae"].dimensions} == {
        "reconstruct": {},
        "beta": {},
    }


def test_integers_stay_integers(load: Load) -> None:
    dimension = studies(load(FILE))["vae seed=0"].dimensions[0]
    assert repr((dimension.low, dimension.high, dimension.step)) == "(4, 32, 4)"
    assert dimension.kind == "int"


def test_families_begin_alike_and_repeated_searches_do_not(load: Load) -> None:
    seeds = {name: study.seed for name, study in studies(load(FILE)).items()}
    assert seeds["vae seed=0"] == seeds["cvae seed=0"] == 0
    assert seeds["vae seed=1"] == seeds["cvae seed=1"] != 0
    other = studies(load(FILE, "search.seed=7"))
    assert other["vae seed=0"].seed == 7
    assert other["vae seed=1"].seed not in seeds.values()
