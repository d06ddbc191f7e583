"""Figures of searches show what the comparison says: read back from their axes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib.image
import pytest
from matplotlib.colors import to_hex

from orchestration.compare.figures import (
    budget_figure,
    importances_figure,
    pareto_figure,
    search_figures,
)
from orchestration.compare.parameters_figure import parameters_figure
from orchestration.compare.searches import search_comparison
from orchestration.spec.dimensions import Dimension

from .conftest import ACCURACY, BETA, RECONSTRUCTION, TAU, Searches

pytestmark = pytest.mark.slow

Make = Callable[..., Searches]
VAE, CVAE = "#0072b2", "#d55e00"
CHANNELS = Dimension("architecture.channels", "choice", choices=([8, 16], [16, 32]))


@pytest.fixture
def document(searches: Make) -> dict[str, Any]:
    """Two studies of each model, with a stopped and a failed trial."""
    made = searches()
    for seed in (0, 1):
        for model, space in (("vae", [BETA, CHANNELS]), ("cvae", [BETA, CHANNELS, TAU])):
            study = made.study(f"{model} seed={seed}", space, model=model, seed=seed)
            for number in range(6):
                params: dict[str, Any] = {
                    "beta": 10.0 ** -(number + 2),
                    "architecture.channels": [[8, 16], [16, 32]][number % 2],
                }
                if model == "cvae":
                    params["tau"] = 0.1 + number / 10
                state = {2: "stopped", 3: "failed"}.get(number, "finished")
                low = 0.3 if model == "vae" else 0.5
                value = None if state == "failed" else low + (number * 7 % 5 + seed) / 20
                made.trial(study, value, state, cost=3.0 + number, **params)
    return search_comparison(made.read())


def points(ax: Any, colour: str, marker: str) -> list[tuple[float, float]]:
    return sorted(
        (float(x), float(y))
        for line in ax.lines
        if to_hex(line.get_color()) == colour and line.get_marker() == marker
        for x, y in zip(*line.get_data(), strict=True)
    )


def test_curves_of_families_and_of_their_studies(document: dict[str, Any]) -> None:
    figure = budget_figure(document)
    assert figure is not None
    for ax, budget in zip(figure.axes, ("trials", "cpu_s"), strict=True):
        for family, colour in zip(document["families"], (VAE, CVAE), strict=True):
            drawn = [line for line in ax.lines if to_hex(line.get_color()) == colour]
            studies = [s for s in document["studies"] if s["family"] == family["family"]]
            *thin, thick = drawn
            assert [list(map(list, line.get_xydata())) for line in thin] == [
                study["curves"][budget] for study in studies
            ]
            assert list(map(list, thick.get_xydata())) == family["curves"][budget]
            assert thick.get_linewidth() > thin[0].get_linewidth()
            assert {line.get_drawstyle() for line in drawn} == {"steps-post"}
        (equal,) = (line for line in ax.lines if line.get_linestyle() == ":")
        assert set(equal.get_xdata()) == {document["equal"][budget]}
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["vae (2 studies)", "cvae (2 studies)"]


def test_every_trial_by_every_parameter(document: dict[str, Any]) -> None:
    figure = parameters_figure(document)
    assert figure is not None
    by_name = {ax.get_xlabel(): ax for ax in figure.axes if ax.get_xlabel()}
    assert list(by_name) == ["β", "architecture.channels", "τ"]
    assert [ax.get_xscale() for ax in by_name.values()] == ["log", "linear", "linear"]
    low, high = by_name["β"].get_xlim()
    assert low < 1e-8 < 1e-1 < high
    assert low > 1e-9
    for family, colour, mark in (("vae", VAE, "o"), ("cvae", CVAE, "^")):
        trials = [p for s in document["studies"] if s["family"] == family for p in s["points"]]
        for state, marker in (("finished", mark), ("stopped", "x")):
            expected = [
                (point["params"]["beta"], point["values"][0])
                for point in trials
                if point["state"] == state
            ]
            assert points(by_name["β"], colour, marker) == sorted(expected)
        failed = [p["params"]["beta"] for p in trials if p["state"] == "failed"]
        assert [x for x, _ in points(by_name["β"], colour, "|")] == failed
    assert points(by_name["τ"], VAE, "o") == []
    assert [t.get_text() for t in by_name["architecture.channels"].get_xticklabels()] == [
        *("8×16", "16×32"),
    ]
    ringed = [line for line in by_name["β"].lines if to_hex(line.get_color()) == "#000000"]
    best = [(f["best"]["params"]["beta"], f["best"]["values"][0]) for f in document["families"]]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ringed] == best
    limits = {ax.get_ylim() for ax in by_name.values()}
    assert len(limits) == 1, "heights can be compared from panel to panel"


def test_bars_are_means_over_a_family(document: dict[str, Any]) -> None:
    for number, study in enumerate(document["studies"]):
        shares = {"beta": 0.9 - number / 10, "architecture.channels": 0.1 + number / 10}
        study["importances"] = [shares]
    document["studies"][2]["importances"] = None  # too few trials
    figure = importances_figure(document)
    assert figure is not None
    (ax,) = figure.axes
    assert [t.get_text() for t in ax.get_yticklabels()] == ["β", "channels"]
    by_colour: dict[str, list[float]] = {}
    for bar in ax.patches:
        by_colour.setdefault(to_hex(bar.get_facecolor()), []).append(bar.get_width())
    assert by_colour == {
        VAE: pytest.approx([0.9, 0.1]),
        CVAE: pytest.approx([(0.8 + 0.6) / 2, (0.2 + 0.4) / 2]),
    }


def test_fronts(searches: Make) -> None:
    made = searches(objectives=[ACCURACY, RECONSTRUCTION])
    for model, values in (("vae", [(0.1, 0.1), (0.5, 0.5), (0.4, 0.6)]), ("cvae", [(0.6, 0.7)])):
        study = made.study(model, model=model)
        for value in values:
            made.trial(study, value)
    document = search_comparison(made.read())
    figure = pareto_figure(document)
    assert figure is not None
    (ax,) = figure.axes
    assert points(ax, VAE, "o") == [(0.1, 0.1), (0.5, 0.5)]
    assert points(ax, CVAE, "^") == [(0.6, 0.7)]
    scattered = [tuple(p) for each in ax.collections for p in each.get_offsets().tolist()]
    assert sorted(scattered) == [(0.1, 0.1), (0.4, 0.6), (0.5, 0.5), (0.6, 0.7)]
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-pre"]
    assert len(steps) == 2, "to have 0.3 across, 0.5 upwards has to be taken"
    assert budget_figure(document) is None
    assert sorted(search_figures(document)) == [
        "parameters_val_probe_accuracy.png",
        "parameters_val_reconstruction.png",
        "pareto.png",
    ]


def test_files_are_pictures_and_the_same_every_time(document: dict[str, Any]) -> None:
    files = search_figures(document)
    assert sorted(files) == ["budget.png", "parameters_val_probe_accuracy.png"]
    for content in files.values():
        pixels = matplotlib.image.imread(io.BytesIO(content))
        assert pixels.shape[1] == 1180
        assert pixels.shape[0] > 400
        assert 10_000 < len(content) < 400_000
    assert search_figures(document) == files


def test_there_is_nothing_to_be_drawn_yet(searches: Make) -> None:
    made = searches()
    study = made.study("vae", model="vae")
    made.trial(study, None, "failed")
    assert search_figures(search_comparison(made.read())) == {}


def test_one_trial_and_values_far_apart(searches: Make) -> None:
    made = searches(objectives=[RECONSTRUCTION])
    study = made.study("all", [Dimension("batch_size", "int", low=8, high=8)], model="vae")
    made.trial(study, 0.01, batch_size=8)
    assert len(search_figures(search_comparison(made.read()))) == 2
    made.trial(study, 100.0, beta=0.5)
    figure = parameters_figure(search_comparison(made.read()))
    assert figure is not None
    assert figure.axes[0].get_yscale() == "log"
