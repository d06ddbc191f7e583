"""The section ``search``: what is refused, where it is said to be, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.errors import UserError
from orchestration.plan.plan import make_plan
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
GOOD = """\
name: good
base: {epochs: 20}
grid: {model: [vae, cvae]}
search:
  trials: 4
  space:
    beta: {log: [1.0e-8, 1.0e-1]}
    lambda: {log: [1.0e-3, 10.0], when: {model: cvae}}
    tau: {range: [0.05, 1.0], when: {model: cvae}}
"""


def errors(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        load(text, *overrides)
    return list(raised.value.lines)


def with_space(space: str, *, base: str = "{}", grid: str = "{}", search: str = "") -> str:
    """A file whose space begins in line 6."""
    lines = ["name: a", f"base: {base}", f"grid: {grid}", f"search: {{trials: 4{search}, space: {{"]
    return "\n".join([*lines, "", f"{space}}}}}", ""])


def test_a_good_file(load: Load) -> None:
    search = load(GOOD).search
    assert search is not None
    assert list(search.space) == ["beta", "lambda", "tau"]
    assert [(o.metric, o.direction) for o in search.objectives] == [
        ("val/probe_accuracy", "maximize")
    ]
    assert [study.trials for study in make_plan(load(GOOD)).studies.values()] == [4, 4]


def test_nested_and_dotted_spaces_are_the_same(load: Load) -> None:
    nested = with_space(
        "architecture: {latent_dim: {range: [4, 8]}, norm: {choice: [none, group]}}"
    )
    dotted = with_space(
        "architecture.norm: {choice: [none, group]}, architecture.latent_dim: {range: [4, 8]}"
    )
    one, other = load(nested).search, load(dotted).search
    assert one is not None
    assert one == other
    assert make_plan(load(nested)).studies.keys() == make_plan(load(dotted)).studies.keys()


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("val/probe_accuracy", "maximize"), ("val/reconstruction", "minimize")],
)
def test_a_missing_direction_is_the_metrics_own(load: Load, metric: str, direction: str) -> None:
    text = with_space("beta: {log: [1e-8, 1]}", search=f", objectives: [{{metric: {metric}}}]")
    search = load(text).search
    assert search is not None
    assert search.objectives[0].direction == direction


def test_one_and_one_point_nought_are_one(load: Load) -> None:
    whole = with_space(
        "tau: {choice: [1, 0.5]}", base="{model: cvae}", search=", enqueue: [{tau: 1}]"
    )
    search = load(whole).search
    assert search is not None
    assert repr(search.space["tau"].choice) == "[1.0, 0.5]"
    assert repr(search.enqueue) == "[{'tau': 1.0}]"
    kept = load(whole.replace("[1, 0.5]", "[1.0, 0.5]"))
    assert make_plan(load(whole)).studies.keys() == make_plan(kept).studies.keys()


def test_a_starting_point_is_the_choice_that_it_equals(load: Load) -> None:
    """The study knows choices by their text."""
    text = with_space(
        "views.crop_scale: {choice: [[0.8, 1.0], [0.2, 1.0]]}",
        base="{model: cvae}",
        search=", enqueue: [{views: {crop_scale: [0.8, 1]}}]",
    )
    search = load(text).search
    assert search is not None
    assert repr(search.enqueue) == "[{'views.crop_scale': [0.8, 1.0]}]"


@pytest.mark.parametrize(
    ("space", "path", "expected"),
    [
        ("bta: {log: [1, 2]}", "bta", 'did you mean "beta"'),
        ("architecture: {latent: {range: [1, 2]}}", "architecture.latent", '"latent_dim"'),
        ("beta.log: [1, 2]", "beta.log", "unknown setting"),
        ("beta: [1, 2]", "beta", "choice: [...]"),
        ("beta: 1", "beta", "write log: [lowest, highest]"),
        ("beta: ", "beta", "write log: [lowest, highest]"),
        ("beta: {}", "beta", "does not say between what"),
        ("beta: {step: 1}", "beta", "does not say between what"),
        ("beta: {log: [1, 2], range: [1, 2]}", "beta", "log and range: keep one"),
        ("beta: {lg: [1, 2]}", "beta.lg", 'did you mean "log"'),
        ("beta: {log: 1}", "beta.log", "must be a list"),
        ("beta: {log: ['1', 2]}", "beta.log[0]", "without quotes"),
        ("beta: {log: [1]}", "beta.log", "must be [lowest, highest]"),
        ("beta: {log: [1, 2, 3]}", "beta.log", "must be [lowest, highest]"),
        ("beta: {log: [2, 1]}", "beta.log", "write [1, 2]"),
        ("beta: {range: [1, 1]}", "beta.range", "belongs under base:"),
        ("beta: {range: [1, .inf]}", "beta.range[1]", "finite"),
        ("beta: {log: [0, 1]}", "beta.log", "log: [1.0e-8, 1], or range: [0, 1]"),
        ("batch_size: {log: [0, 64]}", "batch_size.log", "log: [1, 64]"),
        ("beta: {range: [-1, 1]}", "beta.range[0]", "greater than or equal to 0"),
        ("views.hue: {range: [0, 0.7]}", "views.hue.range[1]", "less than or equal to 0.5"),
        ("tau: {range: [0, 1]}", "tau.range[0]", "greater than 0"),
        ("architecture.latent_dim: {range: [0, 9]}", "latent_dim.range[0]", "equal to 1"),
        ("architecture.latent_dim: {range: [1, 8.5]}", "latent_dim.range[1]", "valid integer"),
        ("architecture.norm: {range: [0, 1]}", "architecture.norm.range", "write choice:"),
        ("architecture.channels: {log: [1, 2]}", "architecture.channels.log", "write choice:"),
        ("beta: {log: [1, 2], step: 1}", "beta.step", "belongs to range"),
        ("beta: {choice: [1, 2], step: 1}", "beta.step", "belongs to range"),
        ("beta: {range: [0, 1], step: 0}", "beta.step", "above 0"),
        ("beta: {range: [0, 1], step: 2}", "beta.step", "longer than"),
        ("beta: {range: [0, 1.0e+30], step: 0.1}", "beta.step", "more than 1,000,000 values"),
        ("beta: {range: [0.0, 1.0], step: 0.3}", "beta.step", "write range: [0.0, 0.9]"),
        ("batch_size: {range: [8, 64], step: 0.5}", "batch_size.step", "integer"),
        ("beta: {choice: []}", "beta.choice", "at least two"),
        ("beta: {choice: [1]}", "beta.choice", "belongs under base:"),
        ("beta: {choice: [1, 1.0]}", "beta.choice", "twice"),
        ("beta: {choice: [1, -1]}", "beta.choice[1]", "greater than or equal to 0"),
        ("model: {choice: [vae, cva]}", "model.choice[1]", 'did you mean "cvae"'),
        ("seed: {range: [0, 9]}", "seed", "replicates: 5"),
        ("epochs: {range: [1, 9]}", "epochs", "cost the same"),
        ("data: {name: {choice: [digits, mnist]}}", "data.name", "put it under base: or grid:"),
        ("data.split_seed: {range: [0, 9]}", "data.split_seed", "put it under base: or grid:"),
        ("selection.patience: {range: [0, 9]}", "selection.patience", "judged in the same way"),
        (
            "clip_norm: {choice: [1, 2]}, "
            "architecture: {norm: {choice: [none, group]}}, architecture.norm: {choice: [none]}",
            "architecture.norm",
            "nested and with dots",
        ),
        (
            "views.crop_scale: {choice: [[0.9, 0.8], null]}",
            "crop_scale.choice[0]",
            "[smallest, largest]",
        ),
        ("", "", "such as beta: {log: [1.0e-8, 1.0e-1]}"),
    ],
)
def test_a_space(load: Load, space: str, path: str, expected: str) -> None:
    (line,) = errors(load, with_space(space, base="{model: cvae}"))
    place = line.split("sweep.yaml:")[1].split(": ")
    assert place[0] == ("6" if space else "4")
    assert place[1] == f"search.space.{path}".rstrip(".") or place[1].endswith(f".{path}")
    assert expected in line


@pytest.mark.parametrize(
    ("space", "path", "expected"),
    [
        ("beta: {log: [1, 2], when: {modl: cvae}}", "beta.when.modl", 'did you mean "model"'),
        ("beta: {log: [1, 2], when: {views: 1}}", "beta.when.views", "unknown setting"),
        ("beta: {log: [1, 2], when: cvae}", "beta.when", "mapping"),
        ("beta: {log: [1, 2], when: {beta: 1}}", "beta.when.beta", "itself"),
        ("beta: {log: [1, 2], when: {model: cva}}", "beta.when.model", 'did you mean "cvae"'),
        ("beta: {log: [1, 2], when: {model: []}}", "beta.when.model", "is empty"),
        ("tau: {log: [1, 2], when: {model: vae}}", "tau.when.model", "write model: cvae"),
        ("tau: {log: [1, 2], when: {model: [vae, cvae]}}", "tau.when.model", "write model: cvae"),
        (
            "beta: {log: [1, 2], when: {architecture.norm: batch}}",
            "beta.when.architecture.norm",
            "never 'batch': base and grid have none",
        ),
        (
            "beta: {log: [1, 2], when: {clip_norm: 2}}, clip_norm: {choice: [1, 3]}",
            "beta.when.clip_norm",
            "one of 1.0, 3.0",
        ),
        (
            "beta: {log: [1, 2], when: {clip_norm: 2}}, clip_norm: {range: [1, 3]}",
            "beta.when.clip_norm",
            "hardly ever exactly 2",
        ),
        (
            f"beta: {{log: [1, 2], when: {{batch_size: {10**30}}}}}, "
            "batch_size: {range: [8, 16], step: 8}",
            "beta.when.batch_size",
            "from 8 to 16 in steps of 8",
        ),
        (
            "beta: {log: [1, 2], when: {batch_size: 12}}, batch_size: {range: [8, 16], step: 8}",
            "beta.when.batch_size",
            "from 8 to 16 in steps of 8",
        ),
        (
            "beta: {choice: [1, 2], when: {clip_norm: 1}}, "
            "clip_norm: {choice: [1, 2], when: {beta: 1}}",
            "beta.when",
            "beta → clip_norm → beta",
        ),
        (
            "beta: {choice: [1, 2], when: {tau: 1}}, tau: {choice: [1, 2], when: {clip_norm: 1}}, "
            "clip_norm: {choice: [1, 2], when: {tau: 2}}",
            ".when",
            " → ",
        ),
        ("model: {choice: [vae, cvae], when: {beta: 1}}", "model.when", "everywhere or nowhere"),
    ],
)
def test_a_condition(load: Load, space: str, path: str, expected: str) -> None:
    (line,) = errors(load, with_space(space, grid="{model: [vae, cvae]}"))
    assert "sweep.yaml:6: search.space." in line
    assert f"{path}: " in line
    assert expected in line


def test_conditions_that_are_fine(load: Load) -> None:
    space = (
        "beta: {log: [1, 2], when: {architecture: {norm: [batch, group]}}}, lambda: {log: [1, 2]}, "
        "architecture.norm: {choice: [none, batch, group]}, "
        "tau: {range: [0.1, 1], when: {data.name: mnist, batch_size: 16}}, "
        "batch_size: {range: [8, 16]}"
    )
    base, grid = "{beta: 3}", "{model: [vae, cvae], data.name: [mnist, digits]}"
    studies = make_plan(load(with_space(space, base=base, grid=grid))).studies.values()
    searched = {study.name: {d.name for d in study.dimensions} for study in studies}
    common = {"architecture.norm", "batch_size", "beta"}
    assert searched == {
        "vae data=mnist": common,
        "vae data=digits": common,
        "cvae data=mnist": common | {"lambda", "tau"},
        "cvae data=digits": common | {"lambda"},
    }


@pytest.mark.parametrize(
    ("base", "grid", "space", "path", "expected"),
    [
        ("{}", "{beta: [1, 2]}", "beta: {log: [1, 2]}", "beta", "is in grid: as well"),
        (
            "{}",
            "[{beta: [1]}, {architecture: {latent_dim: [3]}}]",
            "architecture.latent_dim: {range: [1, 2]}",
            "architecture.latent_dim",
            "is in grid: as well",
        ),
        ("{beta: 1}", "{}", "beta: {log: [1, 2]}", "beta", "never be used"),
        (
            "{tau: 1}",
            "{model: [vae, cvae]}",
            "beta: {log: [1, 2]}, tau: {log: [1, 2]}",
            "tau",
            "never be",
        ),
        ("{}", "{model: [vae, cvae]}", "tau: {log: [1, 2]}", "", "nothing for vae: add a setting"),
        ("{}", "{}", "beta: {log: [1, 2]}, tau: {log: [1, 2]}", "tau", "write model: cvae in base"),
        (
            "{model: cvae}",
            "{}",
            "beta: {log: [1, 2]}, tau: {log: [1, 2], when: {lambda: 1}}",
            "tau.when.lambda",
            "lambda is never 1: base and grid have 0.1",
        ),
        (
            "{schedule: {beta: {shape: linear}}}",
            "{epochs: [20, 5]}",
            "schedule.beta.epochs: {range: [1, 20]}",
            "schedule.beta.epochs.range[1]",
            "20 epochs are more than the 5 of the trial",
        ),
        (
            "{epochs: 5, schedule: {lambda: {shape: linear, epochs: 9}}}",
            "{}",
            "model: {choice: [vae, cvae]}",
            "model.choice[1]",
            "schedule.lambda.epochs: 9 epochs are more than the 5",
        ),
    ],
)
def test_a_space_beside_the_rest(
    load: Load, base: str, grid: str, space: str, path: str, expected: str
) -> None:
    found = errors(load, with_space(space, base=base, grid=grid))
    assert any(
        f"search.space.{path}".rstrip(".") + ": " in line and expected in line for line in found
    ), found
    assert all("sweep.yaml:6: " in line or "sweep.yaml:4: " in line for line in found)


@pytest.mark.parametrize("ends", ["[0.2, 0.3], step: 0.1", "[0.1, 0.3], step: 0.2"])
def test_a_range_of_two_values(load: Load, ends: str) -> None:
    load(with_space(f"tau: {{range: {ends}}}", base="{model: cvae}"))


def test_a_base_value_that_some_trials_have(load: Load) -> None:
    space = "beta: {log: [1, 2], when: {model: cvae}}, clip_norm: {choice: [1, 2]}"
    load(with_space(space, base="{beta: 5}", grid="{model: [vae, cvae]}"))


OBJECTIVES = [
    ("val/probe_acuracy", 'did you mean "val/probe_accuracy"'),
    ("loss", "nobody computes loss"),
    ("banana", "known here: val/probe_accuracy"),
    ("train/grad_norm", "says how training went, not what came of it; write val/probe_accuracy"),
    ("probe/accuracy", "sealed until a trial is done; write val/probe_accuracy"),
    ("test/reconstruction_mse", "write val/reconstruction"),
    ("test/elbo", "write val/reconstruction"),
    ("fid/inception", "val/fd_<data>-cnn (with evaluation: {fd_every: 5})"),
    ("fd/digits-cnn", "val/fd_<data>-cnn (with evaluation: {fd_every: 5})"),
    ("umap/trustworthiness", "write val/probe_accuracy"),
    ("val/elbo", "not there in time; write val/reconstruction"),
    ("val/probe_knn_accuracy", "not there in time; write val/probe_accuracy"),
    ("val/fid_inception", "val/fd_<data>-cnn (with"),
    ("val/kid_digits-cnn", "val/fd_<data>-cnn (with"),
    ("time/epoch_s", "depends on the machine"),
    ("val/fd_digits-cnn", "write evaluation: {fd_every: 5}"),
    ("val/contrastive", "the sweep has VAEs"),
    ("train/contrastive", "the sweep has VAEs"),
    ("val/loss", "for every beta, lambda, tau"),
    ("train/loss", "for every beta, lambda, tau"),
    ("val/kl", "neither more nor less is better"),
]


@pytest.mark.parametrize(("metric", "expected"), OBJECTIVES)
def test_an_objective(load: Load, metric: str, expected: str) -> None:
    (line,) = errors(load, f"{GOOD}  objectives:\n  - metric: {metric}\n")
    field = "direction" if metric == "val/kl" else "metric"
    assert f"search.objectives[0].{field}: " in line
    assert "sweep.yaml:11: " in line
    assert expected in line


@pytest.mark.parametrize(
    ("evaluation", "objective", "expected"),
    [
        ("{probe_every: 0}", "val/probe_accuracy", "write evaluation: {probe_every: 5}"),
        ("{fd_every: 5}", "val/fd_mnist-cnn", "it is val/fd_digits-cnn"),
        ("{fd_every: 5}", "val/fd_digits-cnn_n100", "it is val/fd_digits-cnn there"),
        ("{fd_every: 5}", "val/fd_digits-cnn", None),
        ("{fd_every: 5, fd: {n: 100}}", "val/fd_digits-cnn_n100", None),
        ("{fd_every: 5, fd: {n: 100}}", "val/fd_digits-cnn", "it is val/fd_digits-cnn_n100 there"),
        ("{fd_every: 5, fd: {n: 144}}", "val/fd_digits-cnn", None),
        ("{fd_every: 5, fd: false}", "val/fd_digits-cnn", None),
    ],
)
def test_an_objective_that_is_not_computed(
    load: Load, evaluation: str, objective: str, expected: str | None
) -> None:
    text = f"{GOOD}  objectives: [{{metric: {objective}}}]\nevaluation: {evaluation}\n"
    if expected is None:
        load(text)
    else:
        (line,) = errors(load, text)
        assert f"10: search.objectives[0].metric: {objective} is not computed" in line
        assert expected in line


@pytest.mark.parametrize(
    ("data", "n", "names"),
    [
        ("{name: digits, validation_fraction: 0.2}", 10_000, ["digits-cnn_n287"]),
        ("{name: digits, validation_fraction: 0.2}", 144, ["digits-cnn"]),
        ("{name: mnist}", 10_000, ["mnist-cnn"]),
        ("{name: mnist, validation_fraction: 0.5}", 10_000, ["mnist-cnn_n10000"]),
        ("{name: svhn}", 10_000, ["svhn-cnn"]),
        (
            "{name: folder, path: x, validation_fraction: 0.2}",
            10_000,
            ["folder-abababababab-32-auto-cnn_n5"],
        ),
        (
            "{name: folder, path: x}",
            100,
            ["folder-abababababab-32-auto-cnn", "folder-abababababab-32-auto-cnn_n100"],
        ),
    ],
)
def test_a_distance_on_validation_has_its_n_in_its_name(
    load: Load, data: str, n: int, names: list[str]
) -> None:
    """It is left out where it is what the default of validation_fraction holds out."""
    space, rest = "beta: {log: [1, 2]}", f"evaluation: {{fd_every: 1, fd: {{n: {n}}}}}"

    def with_name(name: str) -> str:
        objectives = f", objectives: [{{metric: val/fd_{name}}}]"
        return with_space(space, base=f"{{data: {data}}}", search=objectives) + rest

    for name in names:
        load(with_name(name))
    stem = names[0].partition("_n")[0]
    for other in {stem, f"{stem}_n7"} - set(names):
        if "folder" in stem and other.endswith("_n7"):  # of so many images it may be
            continue
        (line,) = errors(load, with_name(other))
        assert "not computed" in line
        assert f"it is val/fd_{names[0]} there" in line or "it is val/fd_folder" in line


@pytest.mark.parametrize("content", ["", f", content: {'ab' * 32}"])
def test_the_distance_of_a_folder(load: Load, content: str) -> None:
    base = f"{{data: {{name: folder, path: x, image_size: 16{content}}}}}"
    space, rest = "beta: {log: [1, 2]}", "evaluation: {fd_every: 1}"

    def with_name(name: str) -> str:
        objectives = f", objectives: [{{metric: val/fd_{name}-cnn}}]"
        return with_space(space, base=base, search=objectives) + rest

    load(with_name("folder-abababababab-16-auto"))
    for other in ("folder-abababababab-32-auto", "folder-ab-16-auto", "digits"):
        assert "is not computed for folder" in errors(load, with_name(other))[0]
    if content:
        assert "not computed" in errors(load, with_name("folder-cdcdcdcdcdcd-16-auto"))[0]


@pytest.mark.parametrize(
    ("space", "models", "metric", "expected"),
    [
        ("model: {choice: [vae, cvae]}", "", "val/loss", "for every model"),
        ("model: {choice: [vae, cvae]}", "", "val/contrastive", "the sweep has VAEs"),
        ("batch_size: {range: [8, 9]}", "cvae", "val/loss", "for every batch_size"),
        ("batch_size: {range: [8, 9]}", "vae", "val/loss", None),
        ("learning_rate: {log: [1e-5, 1e-2]}", "cvae", "val/loss", None),
        ("learning_rate: {log: [1e-5, 1e-2]}", "cvae", "val/contrastive", None),
        ("lambda: {log: [1e-5, 1e-2]}", "cvae", "val/contrastive", None),
        ("views.hue: {range: [0, 0.1]}", "cvae", "val/contrastive", "for every views.hue"),
        ("contrast: {choice: [mean, sample]}", "cvae", "val/contrastive", "for every contrast"),
        (
            "architecture.projection: {choice: [[4], [8]]}",
            "cvae",
            "val/loss",
            "architecture.projec",
        ),
        ("architecture.latent_dim: {range: [4, 8]}", "cvae", "val/loss", None),
        ("tau: {range: [0.1, 1]}", "cvae", "val/reconstruction", None),
    ],
)
def test_an_objective_that_compares_nothing(
    load: Load, space: str, models: str, metric: str, expected: str | None
) -> None:
    base = f"{{model: {models}}}" if models else "{}"
    text = with_space(space, base=base, search=f", objectives: [{{metric: {metric}}}]")
    if expected is None:
        load(text)
    else:
        (line,) = errors(load, text)
        assert expected in line
        assert "write val/probe_accuracy" in line


@pytest.mark.parametrize(
    ("rest", "path", "expected"),
    [
        ("trials: 0", "search.trials", "greater than or equal to 1"),
        ("sampler: nsgaii", "search.sampler", "must be 'tpe'"),
        ("smapler: tpe", "search.smapler", 'did you mean "sampler"'),
        ("sampler: random\n  startup: 3", "search.startup", "means nothing to random"),
        ("objectives: []", "search.objectives", "at least one metric"),
        ("objectives: val/kl", "search.objectives", "must be a list"),
        ("objectives: [val/kl]", "search.objectives[0]", "mapping"),
        ("objectives: [{direction: minimize}]", "search.objectives[0].metric", "is missing"),
        (
            "objectives: [{metric: val/kl, directoin: minimize}]",
            "search.objectives[0].directoin",
            '"direction"',
        ),
        (
            "objectives: [{metric: val/probe_accuracy, direction: minimize}]",
            "search.objectives[0].direction",
            "write maximize, or leave",
        ),
        (
            "objectives: [{metric: val/reconstruction, direction: maximize}]",
            "search.objectives[0].direction",
            "better the lower it is: write minimize",
        ),
        (
            "objectives: [{metric: val/kl, direction: maximize}, "
            "{metric: val/kl, direction: minimize}]",
            "search.objectives[1]",
            "there twice",
        ),
        (
            "objectives: [{metric: val/probe_accuracy}, {metric: val/reconstruction}]\n"
            "  replicates: 2",
            "search.replicates",
            "needs one objective",
        ),
        ("enqueue: [3]", "search.enqueue[0]", "mapping"),
        ("enqueue: [{}]", "search.enqueue[0]", "is empty"),
        ("enqueue: [{bta: 1}]", "search.enqueue[0].bta", 'did you mean "beta"'),
        ("enqueue: [{clip_norm: 1}]", "search.enqueue[0].clip_norm", "is not searched"),
        ("enqueue: [{beta: 1}]", "search.enqueue[0].beta", "from 1e-08 to 0.1"),
        ("enqueue: [{beta: x}]", "search.enqueue[0].beta", "valid number"),
        (
            "enqueue: [{beta: 1e-3}, {beta: 0.001}]",
            "search.enqueue[1]",
            "same point is there twice",
        ),
        (
            "enqueue: " + str([{"beta": n / 100} for n in range(1, 6)]),
            "search.enqueue",
            "5 points for 4",
        ),
    ],
)
def test_the_section(load: Load, rest: str, path: str, expected: str) -> None:
    text = GOOD.replace("  trials: 4\n", "") if rest.startswith("trials") else GOOD
    found = errors(load, f"{text}  {rest}\n")
    assert len(found) == 1, found
    assert f": {path}: " in found[0]
    assert expected in found[0]


@pytest.mark.parametrize("section", ["[]", "3", "{}", "{trials: 3}", "{trials: 3, space: []}"])
def test_a_section_that_is_none(load: Load, section: str) -> None:
    found = errors(load, f"name: a\nsearch: {section}\n")
    assert all("sweep.yaml:2: search" in line for line in found)
    if "trials" not in section and "{" in section:
        assert any("search.trials: is missing" in line for line in found)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ("{architecture.latent_dim: 8, architecture.norm: batch}", None),
        ("{architecture: {latent_dim: 16}}", None),
        ("{architecture: {latent_dim: 16}, architecture.latent_dim: 8}", "nested and with dots"),
        ("{architecture.latent_dim: 10}", "in steps of 4"),
        ("{architecture.latent_dim: 8.0}", "valid integer"),
        ("{architecture.norm: group}", "one of none, batch"),
        ("{architecture: {norms: none}}", "unknown setting"),
        ("{clip_norm: 0.3}", None),
        ("{clip_norm: 0.35}", "in steps of 0.1"),
        ("{learning_rate: 1e-3, architecture.norm: batch}", None),
        ("{learning_rate: 1e-3}", None),
        ("{learning_rate: 1e-3, architecture.norm: none}", "not searched where architecture.norm"),
    ],
)
def test_starting_points(load: Load, point: str, expected: str | None) -> None:
    space = (
        "architecture: {latent_dim: {range: [4, 32], step: 4}, norm: {choice: [none, batch]}}, "
        "clip_norm: {range: [0.1, 0.9], step: 0.1}, "
        "learning_rate: {log: [1e-4, 1e-2], when: {architecture.norm: batch}}"
    )
    text = with_space(space, search=f", enqueue: [{point}]")
    if expected is None:
        load(text)
    else:
        (line,) = errors(load, text)
        assert "4: search.enqueue[0]." in line
        assert expected in line


def test_a_point_of_a_cvae_in_a_file_with_vaes(load: Load) -> None:
    load(f"{GOOD}  enqueue: [{{beta: 1e-3, lambda: 0.1, tau: 0.5}}]\n")
    searched = with_space(
        "model: {choice: [vae, cvae]}, tau: {range: [0.1, 1]}",
        search=", enqueue: [{model: vae, tau: 0.5}]",
    )
    assert "not searched where model is 'vae'" in errors(load, searched)[0]


def test_the_best_epoch_needs_a_value_of_every_epoch(load: Load) -> None:
    text = GOOD.replace("{epochs: 20}", "{epochs: 20, selection: {epoch: best}}")
    assert "write evaluation: {probe_every: 1}" in errors(load, text)[0]
    load(text, "evaluation.probe_every=1")
    load(text + "  objectives: [{metric: val/reconstruction}]\n")


def test_all_errors_at_once(load: Load) -> None:
    text = (
        "name: a\nbase: {beta: 1}\ngrid: {model: [vae, cvae]}\nsearch:\n  trials: 1\n  space:\n"
        "    tau: {range: [0, 1]}\n    lambda: {log: [0, 1]}\n    gamma: {log: [1, 2]}\n"
        "  objectives:\n  - metric: probe/accuracy\n  - metric: val/loss\n"
        "  enqueue:\n  - {tua: 1}\n  - {beta: 1}\nscheduler: {name: asha, metric: train/loss}\n"
    )
    places = [line.split("sweep.yaml:")[1].split(": ")[:2] for line in errors(load, text)]
    assert places == [
        ["7", "search.space.tau.range[0]"],
        ["8", "search.space.lambda.log"],
        ["9", "search.space.gamma"],
        ["11", "search.objectives[0].metric"],
        ["12", "search.objectives[1].metric"],
        ["13", "search.enqueue"],
        ["14", "search.enqueue[0].tua"],
        ["15", "search.enqueue[1].beta"],
        ["16", "scheduler.metric"],
    ]


def test_too_many_trials(load: Load) -> None:
    (line,) = errors(load, GOOD, "search.trials=60000")
    assert "search.trials: makes 120,000 trials" in line


def test_the_validated_section_is_read_again_from_a_ledger(load: Load) -> None:
    spec = load(GOOD + "scheduler: {name: asha}\n")
    again = SweepSpec.model_validate(spec.model_dump(mode="json"))
    assert again == spec
    assert make_plan(again) == make_plan(spec)


VIEWS = "beta: {log: [1, 2]}, views.hue: {range: [0, 0.5]}"


def searched(load: Load, text: str) -> dict[str, dict[str, dict[str, object]]]:
    """By study, what is searched and under which conditions."""
    return {
        study.name: {d.name: dict(d.when) for d in study.dimensions}
        for study in make_plan(load(text)).studies.values()
    }


def test_views_are_searched_where_an_image_is_augmented(load: Load) -> None:
    assert searched(load, with_space(VIEWS, base="{augment: true}"))["vae"].keys() == {
        "beta",
        "views.hue",
    }
    found = searched(load, with_space(VIEWS, grid="{model: [vae, cvae], augment: [false, true]}"))
    assert {name: "views.hue" in space for name, space in found.items()} == {
        "vae augment=false": False,
        "vae augment=true": True,
        "cvae augment=false": True,
        "cvae augment=true": True,
    }
    both = f"{VIEWS}, augment: {{choice: [false, true]}}"
    found = searched(load, with_space(both, grid="{model: [vae, cvae]}"))
    assert found["vae"]["views.hue"] == {"augment": (True,)}
    assert found["cvae"]["views.hue"] == {}
    both = f"{VIEWS}, model: {{choice: [vae, cvae]}}"
    assert searched(load, with_space(both))["all"]["views.hue"] == {"model": ("cvae",)}
    assert searched(load, with_space(both, base="{augment: true}"))["all"]["views.hue"] == {}


def test_the_other_settings_of_a_searched_augmentation_are_the_files(load: Load) -> None:
    space = "beta: {log: [1, 2]}, augment: {choice: [false, true]}"
    base = "{views: {hue: 0.3}, reconstruct: view}"
    (study,) = make_plan(load(with_space(space, base=base))).studies.values()
    config = study.config({"augment": True, "beta": 1.5})
    assert (config.views.hue, config.reconstruct) == (0.3, "view")
    assert study.config({"augment": False, "beta": 1.5}).augment is False


@pytest.mark.parametrize(
    ("space", "base", "path", "expected"),
    [
        (VIEWS, "{}", "views.hue", "means nothing to a VAE without augment: true: write model: cv"),
        (
            f"{VIEWS}, model: {{choice: [vae, cvae]}}, augment: {{choice: [false, true]}}",
            "{}",
            "views.hue",
            "both are searched; write when: {model: cvae} or when: {augment: true}",
        ),
        (
            "beta: {log: [1, 2]}, reconstruct: {choice: [original, view]}",
            "{model: cvae}",
            "reconstruct",
            "it means nothing without augment: true: write augment: true in base or grid",
        ),
        (
            "beta: {log: [1, 2], when: {augment: true}}",
            "{}",
            "beta.when.augment",
            "augment is never true: base and grid have false",
        ),
        (
            "beta: {choice: [0, 1]}, weights.reconstruction: {range: [0, 1]}",
            "{}",
            "weights.reconstruction",
            "weights.reconstruction, beta could all be 0",
        ),
        (
            "beta: {choice: [0, 1]}, weights.reconstruction: {range: [0, 1]}",
            "{model: cvae, lambda: 0}",
            "weights.reconstruction",
            "weights.reconstruction, beta, lambda could all be 0",
        ),
    ],
)
def test_a_space_with_arms(load: Load, space: str, base: str, path: str, expected: str) -> None:
    found = errors(load, with_space(space, base=base))
    assert any(f"6: search.space.{path}: " in line and expected in line for line in found), found


def test_two_that_are_not_allowed_together(load: Load) -> None:
    base = "{epochs: 4, schedule: {beta: {shape: linear, start: 1, epochs: 2}}}"
    weight = "weights.reconstruction: {choice: [0, 1]}"
    given = {"base": base, "search": ", objectives: [{metric: val/probe_accuracy}]"}
    text = with_space(f"{weight}, schedule.beta.end: {{choice: [1, 0]}}", **given)
    (line,) = errors(load, text)
    assert "6: search.space.schedule.beta.end.choice[1]: schedule.beta.end=0, " in line
    assert "weights.reconstruction=0 are not allowed together: weights.reconst" in line
    assert "nothing is trained" in line
    when = "when: {weights.reconstruction: 1}"  # a condition keeps them apart
    load(with_space(f"{weight}, schedule.beta.end: {{choice: [1, 0], {when}}}", **given))


@pytest.mark.parametrize(
    ("space", "base", "fine"),
    [
        ("weights.reconstruction: {choice: [0, 1]}", "{}", False),
        ("weights.reconstruction: {choice: [0.5, 1]}", "{}", True),
        ("beta: {log: [1, 2]}", "{model: cvae, weights: {reconstruction: 0}}", False),
        ("beta: {log: [1, 2]}", "{}", True),
    ],
)
@pytest.mark.parametrize("metric", ["val/reconstruction", "val/fd_digits-cnn"])
def test_an_objective_of_an_untrained_decoder(
    load: Load, metric: str, space: str, base: str, *, fine: bool
) -> None:
    text = with_space(space, base=base, search=f", objectives: [{{metric: {metric}}}]")
    text += "evaluation: {fd_every: 1}\n"
    if fine:
        load(text)
    else:
        (line,) = errors(load, text)
        assert "is not measured where weights.reconstruction is 0" in line


def test_an_objective_of_training_on_views(load: Load) -> None:
    objectives = ", objectives: [{metric: train/reconstruction}]"
    load(with_space(VIEWS, base="{model: cvae}", search=objectives))
    (line,) = errors(load, with_space(VIEWS, base="{augment: true}", search=objectives))
    assert "means something else for every views.hue" in line


def test_starting_points_of_an_augmented_vae(load: Load) -> None:
    space = f"{VIEWS}, augment: {{choice: [false, true]}}"
    load(with_space(space, search=", enqueue: [{augment: true, views.hue: 0.1}]"))
    points = ", enqueue: [{augment: false, views.hue: 0.1}]"
    load(with_space(space, base="{model: cvae}", search=points))
    reconstruct = f"{space}, reconstruct: {{choice: [original, view]}}"
    points = ", enqueue: [{augment: false, reconstruct: view}]"
    (line,) = errors(load, with_space(reconstruct, search=points))
    assert "is not searched where augment is false; leave it out" in line
