"""What epochs may be selected by, in a sweep file."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.errors import UserError
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
FILE = """\
name: a
grid:
  model: [vae, cvae]
  selection.metric: [METRIC]
evaluation: {EVALUATION}
"""
BASE = "name: a\nbase: {model: vae, selection: {metric: METRIC}}\nevaluation: {EVALUATION}\n"


@pytest.mark.parametrize(
    ("metric", "evaluation"),
    [
        ("val/loss", "probe_every: 0"),
        ("val/reconstruction", "probe_every: 0"),
        ("val/probe_accuracy", "probe_every: 3"),
        ("val/fd_digits-cnn", "fd_every: 2"),
    ],
)
@pytest.mark.parametrize("text", [FILE, BASE])
def test_what_is_measured_in_training_and_means_the_same_is_fine(
    load: Load, text: str, metric: str, evaluation: str
) -> None:
    load(text.replace("METRIC", metric).replace("EVALUATION", evaluation))


@pytest.mark.parametrize(
    ("metric", "evaluation", "said"),
    [
        ("val/probe_accuracy", "probe_every: 0", "write evaluation: {probe_every: 5}"),
        ("val/fd_digits-cnn", "fd_every: 0", "write evaluation: {fd_every: 5}"),
        ("val/fd_mnist-cnn", "fd_every: 1", "it is val/fd_digits-cnn there"),
        ("val/contrastive", "fd_every: 1", "is nothing that a VAE has"),
        ("val/kl", "fd_every: 1", "neither more nor less is better"),
        ("val/reconstruction_of_mean", "fd_every: 1", "is the same at every epoch"),
        ("val/probe_acuracy", "fd_every: 1", 'did you mean "val/probe_accuracy"'),
        ("probe/accuracy", "fd_every: 1", "must be one of validation"),
    ],
)
@pytest.mark.parametrize(
    ("text", "place"), [(FILE, "sweep.yaml:4: grid."), (BASE, "sweep.yaml:2: base.")]
)
def test_all_else_is_refused_where_it_stands(
    load: Load, text: str, place: str, metric: str, evaluation: str, said: str
) -> None:
    with pytest.raises(UserError) as error:
        load(text.replace("METRIC", metric).replace("EVALUATION", evaluation))
    (line,) = error.value.lines
    assert said in line
    if said != "must be one of validation":
        assert place in line
        assert "selection.metric" in line
