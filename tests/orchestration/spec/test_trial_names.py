"""Trials are called by what varies within their sweep."""

from __future__ import annotations

from typing import Any

from cvae_core.config import TrialConfig
from orchestration.spec.trial_names import Names, setting_text, settings_of


def configs(*settings: dict[str, Any]) -> list[TrialConfig]:
    return [TrialConfig.from_settings(each) for each in settings]


def names_for(*settings: dict[str, Any]) -> Names:
    return Names(map(settings_of, configs(*settings)))


def called(*settings: dict[str, Any]) -> list[str]:
    trials = configs(*settings)
    names = names_for(*settings)
    return [names.name(trial) for trial in trials]


def test_only_the_model_where_nothing_else_varies() -> None:
    assert called({"beta": 0.5}) == ["vae"]
    assert called({"model": "vae"}, {"model": "cvae"}) == ["vae", "cvae"]


def test_model_first_then_beta_lambda_tau_then_others_then_the_seed() -> None:
    assert called(
        {"model": "cvae", "architecture": {"latent_dim": 16}, "tau": 0.1, "beta": 1e-5, "seed": 3},
        {"model": "cvae", "lambda": 2.0, "learning_rate": 1e-3},
    ) == [
        "cvae β=1e-05 λ=0.1 τ=0.1 learning_rate=0.0001 latent_dim=16 seed=3",
        "cvae β=0.001 λ=2 τ=0.5 learning_rate=0.001 latent_dim=10 seed=0",
    ]


def test_a_vae_has_neither_lambda_nor_tau() -> None:
    names = called({"model": "vae", "tau": 0.2}, *({"model": "cvae", "tau": t} for t in (0.1, 1.0)))
    assert names == ["vae", "cvae τ=0.1", "cvae τ=1"]


def test_what_a_vae_alone_lacks_does_not_vary() -> None:
    assert names_for({"model": "vae"}, {"model": "cvae"}).varied == []


def test_last_parts_that_are_shared_are_written_out() -> None:
    names = names_for(
        {"data": {"name": "mnist"}, "selection": {"metric": "val/loss"}},
        {"data": {"name": "digits"}, "selection": {"metric": "val/reconstruction"}},
    )
    assert names.labels == {"data.name": "data", "selection.metric": "metric"}
    assert not names.seeds


def test_texts_of_settings() -> None:
    values = [None, 1e-8, 3, [8, 16], (), "mean", True]
    assert [setting_text(v) for v in values] == ["-", "1e-08", "3", "8×16", "()", "mean", "true"]


def test_where_a_folder_lies_names_nothing_but_what_is_in_it_does() -> None:
    def folder(path: str, content: str) -> dict[str, Any]:
        return {"data": {"name": "folder", "path": path, "content": content}}

    assert called(folder("here", "a1"), folder("there", "a1")) == ["vae", "vae"]
    assert called(folder("here", "a1"), folder("there", "b2")) == [
        "vae content=a1",
        "vae content=b2",
    ]


def test_arms_are_short() -> None:
    assert called(
        {},
        {"augment": True},
        {"model": "cvae", "lambda": 1.0, "weights": {"reconstruction": 0}},
        {"architecture": {"blocks": "residual", "kernel": 3}},
    ) == [
        "vae kernel=4 blocks=conv augment=false w_rec=1",
        "vae kernel=4 blocks=conv augment=true w_rec=1",
        "cvae kernel=4 blocks=conv augment=false w_rec=0",
        "vae kernel=3 blocks=residual augment=false w_rec=1",
    ]
    assert called(
        {"model": "cvae", "lambda": 1.0},
        {"model": "cvae", "lambda": 1.0, "weights": {"reconstruction": 0}},
    ) == ["cvae w_rec=1", "cvae w_rec=0"]
    assert called({"augment": True}, {"augment": True, "reconstruct": "view"}) == [
        "vae reconstruct=original",
        "vae reconstruct=view",
    ]
