"""Groups of runs whose colours are told apart."""

from __future__ import annotations

import itertools

from orchestration.tracking.groups import colour, group_keys


def test_colours_are_those_of_mlflows_pages() -> None:
    """As seen in MLflow 3.17.2: places in its palette of #a6630c, #e65b77 and #308613."""
    assert colour("param.model.vae,param.beta.1e-05") == 0
    assert colour("param.model.vae,param.beta.0.001") == 23
    assert colour("param.model.cvae,param.beta.0.001") == 7
    assert colour("param.model.cvae,param.beta.1e-05") == 7


def test_no_two_groups_of_a_usual_sweep_share_theirs() -> None:
    betas, lambdas = ("0.001", "1e-05", "1e-08"), ("0.1", "1.0")
    trials = [{"model": "vae", "beta": beta, "seed": str(s)} for beta in betas for s in range(3)]
    trials += [
        {"model": "cvae", "beta": beta, "lambda": weight}
        for beta, weight in itertools.product(betas, lambdas)
    ]
    settings = ["model", "beta", "lambda"]
    keys = group_keys(settings, trials)
    assert sorted(name for _, name in keys) == sorted(settings)
    names = {
        ",".join(f"{mode}.{name}.{trial.get(name, 'null')}" for mode, name in keys)
        for trial in trials
    }
    assert len(names) == len({colour(name) for name in names}) == 9


def test_settings_that_are_no_tags_are_looked_up_as_parameters() -> None:
    trials = [{"model": "vae", "views.hue": str(n)} for n in range(40)]
    keys = group_keys(["model", "views.hue"], trials)
    assert ("param", "views.hue") in keys
    assert group_keys(["model"], []) == [("param", "model")]
