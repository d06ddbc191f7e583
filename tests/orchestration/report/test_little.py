"""Reports of sweeps that have little to say: each says what can be said, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.report.report_file import report_of
from tests.orchestration.written import Written

from .test_report import Page

Make = Callable[..., Written]
Headline = Callable[[float], dict[str, float]]
MODELS = ("vae", "cvae")


def text(made: Written, **options: Any) -> str:
    """What a reader sees, in one line."""
    return " ".join(Page(report_of(made.read(), **options)).text.split())


def test_at_work(written: Make, headline: Headline) -> None:
    made = written()
    for model in MODELS:
        made.trial(model=model, seed=0, metrics=headline(0.8))
        made.trial(model=model, seed=1)  # its evaluation is to come
        made.trial("running", model=model, seed=2)
        made.trial("pending", model=model, seed=3)
    page = text(made, at_work=True)
    assert "still at work: 2 pending, 2 running, 4 finished; what follows is right" in page
    assert "here 1 seed of 2 that were trained" in page
    assert "not measured in 2" not in page
    assert "not measured in 2 of 4 trained trials: probe ↑, test MSE ↓" in text(made, at_work=False)


def test_one_family(written: Make, headline: Headline) -> None:
    made = written()
    for seed in range(3):
        made.trial(model="vae", seed=seed, metrics=headline(0.8))
    page = text(made)
    assert "There is nothing to compare: of the two models only vae was trained." in page
    assert "trials of one model, vae, side by side" in page
    assert "VAE and CVAE" not in page


def test_one_seed(written: Make, headline: Headline) -> None:
    made = written()
    for model in MODELS:
        made.trial(model=model, metrics=headline(0.8))
    page = text(made)
    assert "no verdicts: they take 6 seeds in both, here 1 seed (no exact test" in page
    assert "VAE and CVAE side by side" in page
    assert "Paired by seed" not in page


def test_all_failed(written: Make) -> None:
    made = written()
    for model in MODELS:
        made.trial("failed", model=model)
    page = text(made)
    assert "Nothing to compare: every trial has failed, and why is said below." in page
    assert "the loss is nan in epoch 2" in page
    assert "Side by side" not in page


@pytest.mark.parametrize("baseline", ["finished", "failed"])
def test_a_baseline_does_not_hide_that_all_compared_trials_failed(
    written: Make, headline: Headline, baseline: Any
) -> None:
    made = written()
    for model in MODELS:
        made.trial("failed", model=model)
    made.trial(baseline, model="pca", metrics=headline(0.8))
    page = text(made)
    whose = "every trial but the baselines" if baseline == "finished" else "every trial"
    assert f"Nothing to compare: {whose} has failed, and why is said below." in page
    assert "differ in model alone" not in page


def test_what_is_still_to_be_trained_has_not_failed(written: Make, headline: Headline) -> None:
    made = written()
    made.trial("failed", model="vae")
    made.trial("pending", model="cvae")
    made.trial(model="pca", metrics=headline(0.8))
    assert "No trial has been trained to its end yet." in text(made)


def test_metrics_missing_in_half(written: Make, headline: Headline) -> None:
    made = written()
    for model in MODELS:
        for seed in range(6):
            metrics = headline(0.8) if seed % 2 else None
            made.trial(model=model, seed=seed, metrics=metrics)
    page = text(made)
    assert (
        "here 3 seeds of 6 that were trained: the others are not measured in both (no exact test"
    ) in page
    assert "not measured in 6 of 12 trained trials: probe ↑, test MSE ↓ (" in page
    assert "evaluate mine" in page


def test_what_only_one_model_has_is_not_missing_in_the_other(
    written: Make, headline: Headline
) -> None:
    made = written()
    for model in MODELS:
        own = {"probe/accuracy_projection": 0.7} if model == "cvae" else {}
        made.trial(model=model, metrics=headline(0.8) | own)
    assert "not measured" not in text(made)


def test_nor_what_a_head_that_is_not_trained_has_not(written: Make, headline: Headline) -> None:
    made = written()
    for weight in (0, 0.1):
        own = {"probe/accuracy_projection": 0.7} if weight else {}
        made.trial(model="cvae", metrics=headline(0.8) | own, **{"lambda": weight})
    assert "not measured" not in text(made)


@pytest.mark.parametrize("pictures", [60_000, 200_000])
def test_of_fifty_trials_it_can_be_mailed(written: Make, headline: Headline, pictures: int) -> None:
    """With pictures of the size that digits have, and of colour images."""
    made = written()
    sizes = dict.fromkeys(("reconstructions.png", "samples.png", "umap.png"), pictures)
    for model in MODELS:
        for number in range(25):
            made.trial(
                model=model,
                beta=10.0 ** -(1 + number / 5),
                epochs=100,
                metrics=headline(0.8 + number / 1000),
                pictures=sizes,
            )
    html = report_of(made.read())
    page = Page(html)
    assert len(html.encode()) < 10_000_000
    embedded = sum(map(len, page.sources))
    assert len(html.encode()) - embedded < 1_500_000
    shown = len(page.sources) // 6
    assert shown == 6_000_000 // (6 * (pictures + 8))
    assert f"{25 - shown} more are left out, to keep this file small enough for a mail" in page.text


def test_every_arm_has_a_look_of_its_own(written: Make, headline: Headline) -> None:
    made = written()
    arms: list[dict[str, Any]] = [{}, {"augment": True}, {"weights": {"reconstruction": 0.5}}]
    for model in reversed(MODELS):
        for arm in arms:
            made.trial(model=model, metrics=headline(0.8), **arm)
    drawn = report_of(made.read())
    looks = ("vae", "vae augment=true", "vae w_rec=0.5")
    looks = (*looks, *(name.replace("vae", "cvae") for name in looks))
    # Of six the last two are hollow, and each stands in the legend and on the chart.
    assert drawn.count('class="point look0 hollow"') == drawn.count('class="point look0"') == 2
    for name in looks:
        assert f"</svg> {name}</span>" in drawn
