"""Sweep files: every error at once, each with path and line; nothing converted silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import UserError
from orchestration.plan.plan import make_plan
from orchestration.spec import reading
from orchestration.spec.reading import load_spec
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
GOOD = """\
name: good
base:
  epochs: 3
grid:
  model: [vae, cvae]
  beta: [1e-3, 1e-5]
seeds: [0, 1]
"""


def errors(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        load(text, *overrides)
    return list(raised.value.lines)


def test_a_good_file(load: Load) -> None:
    spec = load(GOOD)
    assert spec.seeds == [0, 1]
    assert spec.grid == [{"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]}]
    assert len(list(spec.cells())) == 8


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("name: a\nbase: {epoch: 3}", "2: base.epoch", 'did you mean "epochs"'),
        (
            "name: a\nbase:\n  weights.reconstruction: 0",
            "3: base.weights.reconstruction",
            "names with dots are of grid and --set, here it is weights: {reconstruction: …}",
        ),
        (
            "name: a\nbase: {weights.reconstructon: 0}",
            "2: base.weights.reconstructon",
            "{reconstruction: …}",
        ),
        ("name: a\ngrid:\n  bta: [1]", "3: grid.bta", 'did you mean "beta"'),
        (
            "name: a\nbase:\n  architecture: {kernel: 5.0}",
            "3: base.architecture.kernel",
            "3, 4 or 5",
        ),
        ("name: a\ngrid:\n  data.divisor: [255.0]", "3: grid.data.divisor[0]", "255 or 256"),
        ("name: a\ngrid:\n  data.nam: [digits]", "3: grid.data.nam", 'did you mean "name"'),
        ("name: a\nresources: {cpus: 2}", "2: resources.cpus", 'did you mean "cpu"'),
        ("name: a\nretry: 2", "2: retry", 'did you mean "retries"'),
        ("name: a\nepochs: 3", "2: epochs", "base.epochs"),
        ("name: a\ngrid: {beta: []}", "2: grid.beta", "is empty"),
        ("name: a\ngrid: []", "2: grid", "is empty"),
        ("name: a\ngrid: {beta: 1e-3}", "2: grid.beta", "must be a list"),
        ("name: a\ngrid: {beta: [1e-3, 1e-3]}", "2: grid.beta", "twice"),
        ("name: a\ngrid: {beta: [1, -1]}", "2: grid.beta[1]", "greater than or equal to 0"),
        ("name: a\nbase:\n  beta: -1", "3: base.beta", "greater than or equal to 0"),
        ("name: a\nbase: {tau: 0}", "2: base.tau", "greater than 0"),
        ("name: a\nbase: {beta: .nan}", "2: base.beta", "finite"),
        ("name: a\nbase: {beta: .inf}", "2: base.beta", "finite"),
        ("name: a\ngrid: {tau: [-.inf]}", "2: grid.tau[0]", ""),
        ("name: a\nbase: {epochs: '3'}", "2: base.epochs", "valid integer"),
        ("name: a\nbase: {epochs: 3.0}", "2: base.epochs", "valid integer"),
        ("name: a\nbase: {epochs: true}", "2: base.epochs", "valid integer"),
        ("name: a\nbase: {beta: '1'}", "2: base.beta", "valid number"),
        ("name: a\nbase: {beta: true}", "2: base.beta", "valid number"),
        ("name: a\nbase: {model: [vae]}", "2: base.model", "'vae'"),
        ("name: a\nbase: {data: mnist}", "2: base.data", ""),
        ("name: a\nbase: {data: {name: mnits}}", "2: base.data.name", 'did you mean "mnist"'),
        ("name: a\nbase: {model: VAE}", "2: base.model", 'did you mean "vae"'),
        ("name: a\nbase: {beta: [1, 2]}", "2: base.beta", "belongs under grid:"),
        ("name: a\nbase: {beta: '1e-3'}", "2: base.beta", "without quotes"),
        ("name: a\nbase: {beta: 1e1_0}", "2: base.beta", "; write 1e10"),
        ("name: a\nbase: {beta: １２}", "2: base.beta", "; write 12"),
        ("name: a\nbase: {data: {name: folder, path: 2024}}", "2: base.data.path", "put it in quo"),
        ("name: 20241101", "1: name", "not 20241101; YAML reads no text there: put it in quotes"),
        ("name: 1e3", "1: name", "put it in quotes"),
        ("name: true", "1: name", "put it in quotes"),
        ("name: null", "1: name", "null and ~ are no text: put them in quotes"),
        ("name: a\nbase: {epochs: }", "2: base.epochs", "nothing is given"),
        ("name: a\nbase: {data: digits}", "2: base.data", "mapping of settings"),
        ("name: a\nseeds: 4", "2: seeds", "such as [1, 2]"),
        ("name: a\nseed: 1", "2: seed", 'did you mean "seeds"?'),
        ("name: a\nmodel: [vae, cvae]", "2: model", "or grid.model for a list of values to try"),
        ("name: a\nbase: {data: {name: imagenet}}", "2: base.data.name", "'mnist'"),
        ("name: a\nbase: {views: {crop_scale: [0.9]}}", "2: base.views.crop_scale", ""),
        ("name: a\nbase: [1]", "2: base", ""),
        ("name: a\nbase: null", "2: base", ""),
        ("name: a\ngrid: null", "2: grid", "mapping"),
        ("name: a\nbase: {seed: 1}", "2: base.seed", "seeds"),
        ("name: a\ngrid: {seed: [1]}", "2: grid.seed", "seeds"),
        ("name: a\nseeds: [0, 1, 0]", "2: seeds", "twice"),
        ("name: a\nseeds: [-1]", "2: seeds[0]", "greater than or equal to 0"),
        ("name: a\nseeds: [true]", "2: seeds[0]", "integer"),
        ("name: a\nseeds: []", "2: seeds", ""),
        ("name: a\nseeds: 3", "2: seeds", "list"),
        ("name: a\nretries: -1", "2: retries", ""),
        ("name: a\nresources: {cpu: 0}", "2: resources.cpu", "whole number from 1, or auto, not 0"),
        ("name: a\nresources: {cpu: automatic}", "2: resources.cpu", "or auto, not 'automatic'"),
        ("name: a\nresources: {cpu: '2'}", "2: resources.cpu", "write it without quotes"),
        ("name: a\nresources: {pool: a b}", "2: resources.pool", "a label of Ray's, such as fast"),
        ("name: a\nresources: {pool: 5}", "2: resources.pool", "put it in quotes"),
        ("name: a\nresources: {gpu: 2}", "2: resources.gpu", "less than or equal to 1"),
        ("name: a\ncheckpoints: {keep: some}", "2: checkpoints.keep", "'all'"),
        ("name: a\ncheckpoints: {keep: 3}", "2: checkpoints.keep", "nothing without every_epochs"),
        (
            "name: a\ngrid: {stages: [{epochs: 5}]}",
            "2: grid.stages[0]",
            "as a grid lists values: stages: [[{epochs: 20}, {}]], not {'epochs': 5}",
        ),
        ("name: a\nbase: {stages: 5}", "2: base.stages", "such as [{epochs: 20}, {}], not 5"),
        (
            "name: a\npaper: {metric: x}",
            "2: paper",
            "must be a list, such as [{metric: probe/accuracy, value: 0.93, source: Table 1}], not",
        ),
        (
            "name: a\nbase:\n  weights: {reconstruction: 0}\ngrid: {model: [vae, cvae]}",
            "3: base.weights.reconstruction",
            "a VAE that reconstructs nothing has no loss but the KL divergence",
        ),
        (
            "name: a\nbase: {epochs: 2, stages: [{epochs: 1, weights: {reconstruction: 0}},\n"
            "  {weights: {reconstruction: 0}}]}",
            "2: base.stages[0].weights.reconstruction",
            "no loss but the KL divergence",
        ),
        ("name: a\ncheckpoints: {max_gb: 0}", "2: checkpoints.max_gb", "greater than 0, not 0"),
        ("name: a\ncheckpoints: {max_gb: -1}", "2: checkpoints.max_gb", "greater than 0"),
        ("name: a\ncheckpoints: {max_gb: .inf}", "2: checkpoints.max_gb", "finite number"),
        ("name: a\ncheckpoints: {max_gb: '5'}", "2: checkpoints.max_gb", "without quotes"),
        ("name: a\ncheckpoints: {max_gb: 5 GB}", "2: checkpoints.max_gb", "valid number"),
        ("name: a\ncheckpoints: {max_bg: 5}", "2: checkpoints.max_bg", 'did you mean "max_gb"?'),
        ("name: a\nevaluation: {probe: 1}", "2: evaluation.probe", "true, false or a mapping"),
        ("name: a\nevaluation:\n  umap: 3", "3: evaluation.umap", "its settings, not 3"),
        ("name: a\nevaluation: {umap: 'yes'}", "2: evaluation.umap", "true, false"),
        ("name: a\nevaluation: {umap: }", "2: evaluation.umap", "nothing is given"),
        ("name: a\nevaluation: {umap: On}", "2: evaluation.umap", "; write true"),
        ("name: a\nevaluation: {umap: {shared: no}}", "2: evaluation.umap.shared", "; write false"),
        ("name: a\nevaluation: {umap: [1]}", "2: evaluation.umap", "not [1]"),
        ("name: a\nevaluation: {umpa: true}", "2: evaluation.umpa", 'did you mean "umap"?'),
        ("name: a\nevaluation: {tsne: true}", "2: evaluation.tsne", "known here: probe_every"),
        (
            "name: a\nevaluation:\n  probe: {neighbors: 5}",
            "3: evaluation.probe.neighbors",
            'did you mean "neighbours"?',
        ),
        (
            "name: a\nevaluation: {pictures: {zzz: 5}}",
            "2: evaluation.pictures.zzz",
            "known here: reconstructions, samples",
        ),
        ("name: a\nevaluation: {fid: {n: 1}}", "2: evaluation.fid.n", "greater than or equal to 2"),
        ("name: a\nevaluation: {fid: {n: '9'}}", "2: evaluation.fid.n", "without quotes"),
        ("name: a\nevaluation: {fid: {n: 1e4}}", "2: evaluation.fid.n", "valid integer"),
        ("name: a\nevaluation: {fid: {weights: 3}}", "2: evaluation.fid.weights", "string"),
        ("name: a\nevaluation: {split: train}", "2: evaluation.split", "'test' or 'validation'"),
        ("name: a\nevaluation: {split: Test}", "2: evaluation.split", 'did you mean "test"?'),
        ("name: a\nevaluation: {probe_every: -1}", "2: evaluation.probe_every", "equal to 0"),
        ("name: a\nevaluation: {umap: {min_dist: 2}}", "2: evaluation.umap.min_dist", "equal to 1"),
        ("name: a\nevaluation: {umap: {shared: 1}}", "2: evaluation.umap.shared", "boolean"),
        (
            "name: a\nevaluation: {probe: {protocols: paper}}",
            "2: evaluation.probe.protocols",
            "such as [1, 2]",
        ),
        (
            "name: a\nevaluation: {probe: {protocols: [papre]}}",
            "2: evaluation.probe.protocols[0]",
            'did you mean "paper"?',
        ),
        (
            "name: a\nevaluation: {probe: {protocols: []}}",
            "2: evaluation.probe.protocols",
            "at least 1 item, not []",
        ),
        ("name: a\nevaluation: {fid: {sha256: abc}}", "2: evaluation.fid", "64 hexadecimal digits"),
        ("name: a\nevaluation: {fid: {weights: ''}}", "2: evaluation.fid", "must name a file"),
        (
            "name: a\nevaluation: {probe: {representations: []}}",
            "2: evaluation.probe.representations",
            "",
        ),
        (
            "name: a\nevaluation: {diagnostics: {active_threshold: 0}}",
            "2: evaluation.diagnostics.active_threshold",
            "than 0",
        ),
        ("name: a\nevaluation: [probe]", "2: evaluation", "mapping of settings"),
        ("name: a\nevaluation: null", "2: evaluation", ""),
        ("name: a/b", "1: name", ""),
        ("name: a..b", "1: name", ""),
        ("name: ../a", "1: name", ""),
        ("name: .hidden", "1: name", ""),
        ("name: 12", "1: name", ""),
        ("base: {}", "1: name", "missing"),
    ],
)
def test_one_error_with_its_place(load: Load, text: str, path: str, expected: str) -> None:
    found = errors(load, text)
    assert all(f"sweep.yaml:{path}: " in line for line in found), found
    assert any(expected in line for line in found), found


def test_all_errors_at_once(load: Load) -> None:
    found = errors(load, "name: a/b\nbase:\n  beta: -1\n  tua: 1\nseeds: []\ngrid: {tau: [0, x]}\n")
    places = [line.split("sweep.yaml:")[1].split(": ")[:2] for line in found]
    assert places == [
        ["1", "name"],
        ["3", "base.beta"],
        ["4", "base.tua"],
        ["5", "seeds"],
        ["6", "grid.tau[0]"],
        ["6", "grid.tau[1]"],
    ]


@pytest.mark.parametrize(
    "part", ["umap: 3", "probe: {protocols: [papre]}", "probe: {protocols: []}", "umap: "]
)
def test_one_error_is_said_once(load: Load, part: str) -> None:
    assert len(errors(load, f"name: a\nevaluation:\n  {part}\n")) == 1


def test_all_errors_of_an_evaluation_at_once(load: Load) -> None:
    found = errors(
        load,
        "name: a\nevaluation:\n  split: train\n  umap: 3\n  fid: {n: 1, wieghts: x}\n  tsne: {}\n",
    )
    places = [line.split("sweep.yaml:")[1].split(": ")[:2] for line in found]
    assert places == [
        ["3", "evaluation.split"],
        ["4", "evaluation.umap"],
        ["5", "evaluation.fid.n"],
        ["5", "evaluation.fid.wieghts"],
        ["6", "evaluation.tsne"],
    ]


def test_settings_of_parts_from_the_command_line(load: Load) -> None:
    spec = load("name: a\n", "evaluation.umap=false", "evaluation.fid.n=50")
    assert (spec.evaluation.umap, spec.evaluation.fid) == (False, {"n": 50})
    with pytest.raises(UserError, match=r"--set.*evaluation\.fid\.m"):
        load("name: a\n", "evaluation.fid.m=50")


def test_settings_that_contradict_each_other(load: Load) -> None:
    (line,) = errors(load, "name: a\nbase: {views: {crop_scale: [0.9, 0.8]}}")
    assert "crop_scale must be [smallest, largest]" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# nothing\n", "sweep.yaml: is empty; a sweep file has a name at least"),
        ("- a\n", "sweep.yaml: must be a mapping of settings, such as name: my_sweep, not a list"),
        ("text\n", "such as name: my_sweep, not a single value"),
    ],
)
def test_a_file_that_is_no_mapping(load: Load, text: str, expected: str) -> None:
    (line,) = errors(load, text)
    assert expected in line


def test_too_many_trials(load: Load) -> None:
    values = "[" + ", ".join(str(n) for n in range(1, 401)) + "]"
    text = f"name: a\ngrid:\n  beta: {values}\n  batch_size: {values.replace('[1, ', '[')}\n"
    (line,) = errors(load, text)
    assert "159,600 trials" in line
    assert "3: grid" in line or "2: grid" in line


def test_a_list_of_grids_is_their_union(load: Load) -> None:
    grid = "grid:\n- {beta: [1, 2]}\n- {model: [cvae], tau: [0.1]}\n- {beta: [2]}\n"
    spec = load(f"name: a\nbaselines: false\n{grid}")
    trials = list(make_plan(spec).trials.values())
    assert [(t.model, t.beta) for t in trials] == [("vae", 1.0), ("vae", 2.0), ("cvae", 1e-3)]
    found = errors(load, "name: a\ngrid:\n- {beta: [1]}\n- {tau: [0]}\n")
    assert "4: grid[1].tau[0]: " in found[0]


def test_nested_and_dotted_grids_are_the_same(load: Load) -> None:
    dotted = load("name: a\nbaselines: false\ngrid: {data.split_seed: [0, 1]}")
    nested = load("name: a\nbaselines: false\ngrid: {data: {split_seed: [0, 1]}}")
    assert make_plan(dotted) == make_plan(nested)
    assert len(make_plan(dotted).trials) == 2


def test_set_a_single_value_replaces_base_and_grid(load: Load) -> None:
    spec = load(GOOD, "epochs=7", "beta=1e-2")
    assert spec.base == {"epochs": 7, "beta": 1e-2}
    assert spec.grid == [{"model": ["vae", "cvae"]}]


def test_set_a_list_becomes_the_grid(load: Load) -> None:
    assert load(GOOD, "beta=[1e-2, 1]").grid == [{"model": ["vae", "cvae"], "beta": [1e-2, 1]}]
    union = load("name: a\ngrid: [{beta: [1]}, {tau: [1]}]", "epochs=[1, 2]")
    assert union.grid == [{"beta": [1], "epochs": [1, 2]}, {"tau": [1], "epochs": [1, 2]}]


def test_set_a_list_where_the_setting_is_a_list(load: Load) -> None:
    spec = load(GOOD, "architecture.channels=[4, 8]")
    assert spec.base["architecture"] == {"channels": [4, 8]}


def test_set_a_section(load: Load) -> None:
    kept = ("checkpoints.every_epochs=1", "checkpoints.keep=2")
    spec = load(GOOD, *kept, "retries=0", "seeds=[5]", "name=other")
    assert (spec.checkpoints.keep, spec.retries, spec.seeds, spec.name) == (2, 0, [5], "other")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("epoch=3", 'did you mean "epochs"'),
        ("epochs", "key=value"),
        ("=3", "key=value"),
        ("data..name=mnist", "key=value"),
        ("epochs=[", "cannot be read"),
        ("epochs=x", "base.epochs"),
        ("beta=[1, -1]", "grid.beta[1]"),
        ("seed=1", "seeds"),
        ("base=5", "base"),
    ],
)
def test_set_what_is_wrong(load: Load, override: str, expected: str) -> None:
    assert expected in "\n".join(errors(load, GOOD, override))


def test_every_packaged_file_is_valid(repository: Path) -> None:
    files = sorted((repository / "sweeps").glob("*.yaml"))
    assert {f.stem for f in files} >= {"digits_beta", "mnist_beta", "mnist_lambda_tau"}
    for file in files:
        assert load_spec(file).name == file.stem


def test_the_lambda_tau_sweep_has_one_baseline(repository: Path) -> None:
    trials = make_plan(load_spec(repository / "sweeps" / "mnist_lambda_tau.yaml")).trials.values()
    assert [t.model for t in trials].count("vae") == 1
    assert [t.model for t in trials].count("cvae") == 12


def test_views_to_reconstruct_need_augmentation(load: Load) -> None:
    (line,) = errors(load, "name: a\nbase:\n  epochs: 3\n  reconstruct: view\n")
    assert "sweep.yaml:4: base.reconstruct: view means nothing without augment: true" in line
    (line,) = errors(load, "name: a\ngrid:\n  beta: [1]\n  reconstruct: [original, view]\n")
    assert "sweep.yaml:4: grid.reconstruct[1]: view means nothing" in line
    (line,) = errors(load, "name: a\n", "reconstruct=view")
    assert "--set: base.reconstruct: view means nothing" in line


def test_where_nothing_is_augmented_there_is_one_trial_of_either_target(load: Load) -> None:
    spec = load(
        "name: a\nbaselines: false\ngrid: {augment: [false, true], reconstruct: [original, view]}\n"
    )
    found = [(c.augment, c.reconstruct) for c in make_plan(spec).trials.values()]
    assert found == [(False, "original"), (True, "original"), (True, "view")]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: a\nbase:\n  beta: 0\n  weights: {reconstruction: 0}\n", "4: base.weights.recon"),
        ("name: a\nbase:\n  beta: 0\ngrid:\n  weights.reconstruction: [1, 0]\n", "5: grid.weights"),
        ("name: a\nbase: {beta: 0}\ngrid:\n- weights: {reconstruction: [0]}\n", "4: grid[0].weig"),
    ],
)
def test_weights_that_are_all_zero_have_their_line(load: Load, text: str, place: str) -> None:
    (line,) = errors(load, text)
    assert f"sweep.yaml:{place}" in line
    assert "are all 0 there; set one of them above 0" in line


def test_equal_values_are_found_whatever_they_are(load: Load) -> None:
    for grid in ("beta: [1, 1.0]", "beta: [0.1, 5, 5]", "architecture.channels: [[4, 8], [4, 8]]"):
        [error] = errors(load, f"name: a\ngrid: {{{grid}}}")
        assert "twice" in error
    assert len(list(load("name: a\ngrid: {augment: [true, false]}").cells())) == 2


def test_many_values_of_a_setting_have_one_check_made(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    real = reading.TypeAdapter

    def counted(annotation: Any) -> Any:
        nonlocal made
        made += 1
        return real(annotation)

    monkeypatch.setattr(reading, "TypeAdapter", counted)
    betas = [n / 100 for n in range(100)]
    load(f"name: a\ngrid: {{beta: {betas}, learning_rate: [0.1, 0.2]}}")
    assert made == 2
