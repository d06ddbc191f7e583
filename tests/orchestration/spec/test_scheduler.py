"""The section ``scheduler``: what is refused, where it is said to be, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.errors import UserError
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]


def errors(load: Load, text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as raised:
        load(text, *overrides)
    return list(raised.value.lines)


def with_grid(scheduler: str, *, base: str = "{}", grid: str = "{}", rest: str = "") -> str:
    return f"name: a\nbase: {base}\ngrid: {grid}\n{rest}\nscheduler:\n  {scheduler}\n"


@pytest.mark.parametrize(
    ("scheduler", "path", "expected"),
    [
        ("name: hyperband", "name", "'asha' or 'median'"),
        ("name: Asha", "name", 'did you mean "asha"'),
        ("grace_epochs: 3", "name", "is missing"),
        ("{name: asha, grace: 3}", "grace", "known here: name, metric, grace_epochs"),
        ("{name: asha, grace_epochs: 0}", "grace_epochs", "equal to 1"),
        ("{name: asha, reduction: 1}", "reduction", "equal to 2"),
        ("{name: asha, min_trials: 3}", "min_trials", "means nothing to asha"),
        ("{name: median, reduction: 3}", "reduction", "means nothing to median"),
        ("{name: asha, metric: probe/accuracy}", "metric", "write val/probe_accuracy"),
        ("{name: asha, metric: val/elbo}", "metric", "write val/reconstruction"),
        ("{name: asha, metric: time/epoch_s}", "metric", "depends on the machine"),
        ("{name: asha, metric: train/reconstruction}", "metric", "write val/probe_accuracy or"),
        ("{name: asha, metric: val/kl}", "metric", "neither more nor less"),
        ("{name: asha, metric: val/fd_digits-cnn}", None, None),
        ("{name: asha, grace_epochs: 20}", "grace_epochs", "20 epochs, and after the last one"),
        ("{name: asha, grace_epochs: 19}", None, None),
        ("{name: median, grace_epochs: 15}", None, None),
        ("{name: median, grace_epochs: 16}", "grace_epochs", "is not known from 16 to 19"),
        ("{name: median, grace_epochs: 19, metric: val/reconstruction}", None, None),
    ],
)
def test_the_section(load: Load, scheduler: str, path: str | None, expected: str | None) -> None:
    if path is None or expected is None:
        load(with_grid(scheduler))
        return
    (line,) = errors(load, with_grid(scheduler))
    assert f": scheduler.{path}: " in line
    assert "sweep.yaml:6: " in line or "sweep.yaml:5: " in line
    assert expected in line


@pytest.mark.parametrize("section", ["[]", "3", "asha", "{}"])
def test_a_section_that_is_none(load: Load, section: str) -> None:
    assert "sweep.yaml:2: scheduler" in errors(load, f"name: a\nscheduler: {section}\n")[0]


@pytest.mark.parametrize(
    ("grid", "metric", "expected"),
    [
        ("{beta: [1, 2]}", "val/loss", "for every beta, which"),
        ("{model: [vae, cvae]}", "val/loss", "for every model"),
        ("[{model: [vae], beta: [1]}, {model: [cvae], beta: [2]}]", "val/loss", "beta, model"),
        ("{model: [cvae], lambda: [1, 2], tau: [1, 2]}", "val/loss", "lambda, tau"),
        ("{model: [cvae], views: {hue: [0, 0.1]}}", "val/loss", "for every views.hue"),
        ("{model: [cvae], tau: [1, 2]}", "val/contrastive", "for every tau"),
        ("{model: [vae, cvae]}", "val/contrastive", "the sweep has VAEs"),
        ("{learning_rate: [1e-3, 1e-4], epochs: [9, 20]}", "val/loss", None),
        ("{tau: [1, 2]}", "val/loss", None),  # nothing to a VAE
        ("{beta: [1]}", "val/loss", None),
        ("{model: [vae, cvae], beta: [1, 2], tau: [1, 2]}", "val/reconstruction", None),
        ("{model: [vae, cvae], beta: [1, 2], tau: [1, 2]}", "val/probe_accuracy", None),
        # Trials of other images, or of other pixels, do not compete.
        ("{data.name: [digits, mnist]}", "val/probe_accuracy", None),
        ("{data.name: [digits, cifar10]}", "val/loss", None),
        ("{data: {value_range: [unit, symmetric]}}", "val/reconstruction", None),
        ("{data.name: [digits, cifar10], beta: [1, 2]}", "val/loss", "for every beta, which"),
    ],
)
def test_it_compares_like_with_like(
    load: Load, grid: str, metric: str, expected: str | None
) -> None:
    text = with_grid(f"{{name: asha, metric: {metric}}}", grid=grid)
    if expected is None:
        load(text)
    else:
        (line,) = errors(load, text)
        assert "6: scheduler.metric: " in line
        assert expected in line


SEARCH = "search: {trials: 4, space: {beta: {log: [1e-3, 1]}}}"


def test_beside_a_search_only_what_is_searched_differs(load: Load) -> None:
    searching_rate = "search: {trials: 4, space: {learning_rate: {log: [1e-4, 1e-2]}}}"
    loss, grid = "{name: asha, metric: val/loss}", "{model: [vae, cvae]}"
    assert "for every beta, which" in errors(load, with_grid(loss, grid=grid, rest=SEARCH))[0]
    load(with_grid(loss, grid=grid, rest=searching_rate))


def test_several_objectives(load: Load) -> None:
    two = "objectives: [{metric: val/probe_accuracy}, {metric: val/reconstruction}]"
    text = with_grid("name: asha", rest=SEARCH.replace("trials: 4", f"trials: 4, {two}"))
    (line,) = errors(load, text)
    assert "scheduler: needs one objective" in line
    load(text, "scheduler=null")


@pytest.mark.parametrize(
    ("name", "metric", "evaluation", "fine"),
    [
        # At ASHA's rungs its metric is measured in any case.
        ("asha", "val/probe_accuracy", "{probe_every: 0}", True),
        ("asha", "val/fd_digits-cnn", "{}", True),
        ("median", "val/probe_accuracy", "{probe_every: 0}", False),
        ("median", "val/fd_digits-cnn", "{}", False),
        ("median", "val/fd_digits-cnn", "{fd_every: 2}", True),
        ("asha", "val/fd_mnist-cnn", "{fd_every: 2}", False),
        ("median", "val/reconstruction", "{probe_every: 0}", True),
    ],
)
def test_the_metric_is_computed(
    load: Load, name: str, metric: str, evaluation: str, fine: bool
) -> None:
    text = with_grid(f"{{name: {name}, metric: {metric}}}", rest=f"evaluation: {evaluation}")
    if fine:
        load(text)
    else:
        (line,) = errors(load, text)
        assert "is not computed" in line


def test_grace_is_held_against_the_longest_trial(load: Load) -> None:
    load(with_grid("{name: asha, grace_epochs: 9}", grid="{epochs: [5, 10]}"))
    (line,) = errors(load, with_grid("name: asha", grid="{epochs: [4, 5]}"))
    assert "grace_epochs: leaves nothing to be stopped: trials have 5 epochs" in line
    assert "write 1" in line
