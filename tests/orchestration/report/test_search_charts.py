"""The charts of searches that were written by hand: what is drawn of them, and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestration.compare import figure_files
from orchestration.compare.answers import Question, answers
from orchestration.compare.figure_files import note_search, search_document
from orchestration.ledger.documents import Study
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import SEARCH
from orchestration.report import search_charts
from orchestration.report.charts import Chart
from orchestration.report.content import Content, content_of
from orchestration.report.page import html_of
from orchestration.report.search_charts import PARAMETERS
from orchestration.spec.dimensions import Dimension
from tests.orchestration.compare.conftest import ACCURACY, BETA, RECONSTRUCTION, TAU, Searches

from .test_report import Page

pytestmark = pytest.mark.usefixtures("few_trees")
RATE = Dimension("learning_rate", "float", low=1e-5, high=1e-1, log=True)
SIZE = Dimension("architecture.latent_dim", "choice", choices=(8, 16))


def add(made: Searches, model: str, values: list[Any], **options: Any) -> Study:
    """A study with a trial for each value."""
    space = [BETA, RATE, SIZE, *([TAU] if model == "cvae" else [])]
    study = made.study(model, options.pop("space", space), model=model)
    for number, value in enumerate(values, 1):
        params = {
            "beta": 10.0 ** -(number % 7 + 1),
            "learning_rate": number / 1e4,
            "architecture.latent_dim": 8 * (1 + number % 2),
        }
        params |= {"tau": 0.05 + number / 100} if model == "cvae" else {}
        test = {"probe/accuracy": 0.5 + number / 100}
        made.trial(study, value, test=test, cost=10.0, **options, **params)
    return study


def replicate(made: Searches, study: Study, values: list[float]) -> None:
    study.winner, study.end = study.asks[-1].key, "complete"
    for value in values:
        test = {"probe/accuracy": value - 0.1}
        made.trial(study, value, test=test, replicate=True, **study.asks[-1].params)


def content(ledger: Ledger) -> Content:
    return content_of(ledger, answers([ledger], Question()), at_work=False)


def named(charts: Any, beginning: str) -> Chart:
    (chart,) = [each for each in charts if each.title.startswith(beginning)]
    found: Chart = chart
    return found


@pytest.fixture
def single(tmp_path: Path) -> Ledger:
    """Both families with one objective, twelve trials and two replicates each."""
    made = Searches(tmp_path / "single")
    made.ledger.sweep.code = {"version": "1"}
    for model, gain in (("vae", 0.0), ("cvae", 0.01)):
        study = add(made, model, [0.8 + gain + n * n / 1e3 for n in range(12)])
        replicate(made, study, [0.85 + gain, 0.87 + gain])
    return made.read()


def test_replicates_come_first_and_pairs_are_joined(single: Ledger) -> None:
    said = content(single)
    assert [chart.title for chart in said.replicates] == [
        "the best again with new seeds: val probe ↑",
        "the best again with new seeds: probe ↑",
    ]
    chart = said.replicates[0]
    rows = {text: at for at, text in chart.y_ticks}
    assert list(rows) == ["vae", "cvae"]
    assert [mark.y for mark in chart.marks] == [rows["vae"]] * 2 + [rows["cvae"]] * 2
    assert [mark.label.rpartition(" ")[2] for mark in chart.marks] == [
        "0.85",
        "0.87",
        "0.86",
        "0.88",
    ]
    assert [mark.look for mark in chart.marks] == [0, 0, 1, 1]
    for stroke, one, two in zip(chart.strokes, chart.marks[:2], chart.marks[2:], strict=True):
        assert stroke.path == f"M{one.x} {one.y}L{two.x} {two.y}"
        assert "+0.01 val probe ↑ against vae" in stroke.label
    text = Page(html_of(said)).text
    order = ["mean ± standard deviation of these alone", "the best again with new seeds: val probe"]
    order += ["side by side", "best trial of each study", "best so far"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_studies_that_found_the_same_are_one_row(tmp_path: Path) -> None:
    """Begun from two seeds, and repeated with the same new ones."""
    made = Searches(tmp_path / "same")
    for seed in (0, 1):
        study = made.study(f"vae seed={seed}", [BETA], model="vae", seed=seed)
        made.trial(study, 0.8, beta=0.1)
        study.winner, study.end = study.asks[0].key, "complete"
        for value in (0.7, 0.75):
            made.trial(study, value, replicate=True, beta=0.1)
    chart = content(made.read()).replicates[0]
    ((_, name),) = chart.y_ticks
    assert name == "vae seed=0, vae seed=1"
    assert len(chart.marks) == 2


def test_budgets_rise_in_steps_up_to_what_all_have_spent(single: Ledger) -> None:
    charts = content(single).searches
    for beginning in ("best so far: val probe ↑ over trials", "best so far: val probe ↑ over CPU"):
        chart = named(charts, beginning)
        assert [stroke.look for stroke in chart.strokes] == [0, 1]
        assert [stroke.kind for stroke in chart.strokes] == ["thick", "thick"]
        # Twelve trials, each better than the one before: eleven steps of two lines.
        assert [stroke.path.count("L") for stroke in chart.strokes] == [22, 22]
        ends = {float(stroke.path.rpartition("L")[2].split()[0]) for stroke in chart.strokes}
        assert set(chart.guides) == ends
        assert "dotted: what all have spent" in chart.x_title
        assert "vae: best so far 0.921 at 12" in chart.strokes[0].label


def test_importances_are_bars_and_the_parameters_follow(single: Ledger) -> None:
    charts, document = content(single).searches, search_document(single)
    chart = named(charts, "importance of the parameters")
    shares = [s["importances"][0] for s in document["studies"]]
    assert len(chart.bars) == sum(map(len, shares)) == 7
    assert {bar.look for bar in chart.bars} == {0, 1}
    widths = {bar.label: bar.width for bar in chart.bars}
    whole = chart.x_ticks[-1][0] - chart.x_ticks[0][0]
    share = shares[0]["beta"]
    assert widths[f"vae: β {share:.0%}"] == pytest.approx(share * whole, abs=0.3)
    by = [each for each in charts if " by " in each.title]
    assert len(by) == PARAMETERS
    sizes = named(charts, "val probe ↑ by architecture.latent_dim")
    places = {text: at for at, text in sizes.x_ticks}
    assert {mark.x for mark in sizes.marks} == set(places.values())
    assert list(places) == ["8", "16"]
    assert [mark.kind for mark in sizes.marks].count("front") == 2  # the best of either family


def test_fronts_stand_out(tmp_path: Path) -> None:
    made = Searches(tmp_path / "double", (ACCURACY, RECONSTRUCTION))
    add(made, "vae", [(0.9, 0.2), (0.8, 0.1), (0.7, 0.3)])
    said = content(made.read())
    chart = named(said.searches, "fronts: val MSE ↓ against val probe ↑")
    assert [mark.kind for mark in chart.marks] == ["faint", "front", "front"]
    (stroke,) = chart.strokes
    assert stroke.label == "vae: front of 2"
    low, high = sorted(chart.marks[1:], key=lambda mark: mark.x)
    assert stroke.path == f"M{low.x} {low.y}L{low.x} {high.y}L{high.x} {high.y}"
    assert not any(chart.title.startswith("best so far") for chart in said.searches)


def test_of_very_many_trials_the_best_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_charts, "MANY", 30)
    made = Searches(tmp_path / "many")
    study = add(made, "vae", [], space=[BETA])
    for number in range(50):
        made.trial(study, number / 1000, beta=(number + 1) / 1e5)
    chart = named(content(made.read()).searches, "val probe ↑ by β")
    assert len(chart.marks) == 30
    assert min(float(mark.label.rpartition(" ")[2]) for mark in chart.marks) == 0.02


@pytest.mark.parametrize("shift", [0.0, -5e-4])
def test_the_whole_front_of_very_many_trials_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    """Also where an axis of those best in the first objective has no room for it."""
    monkeypatch.setattr(search_charts, "MANY", 30)
    made = Searches(tmp_path / "opposed", (ACCURACY, RECONSTRUCTION))
    study = add(made, "vae", [], space=[BETA])
    for number in range(50):
        values = number / 1000, 10.0 ** ((number - 50) / 10) + shift
        made.trial(study, values, beta=(number + 1) / 1e5)
    made.trial(study, (0.0, 1.0), beta=1e-2)  # beaten, and not among the best
    ledger = made.read()
    front = [entry["key"] for entry in search_document(ledger)["families"][0]["front"]]
    chart = named(content(ledger).searches, "fronts: val MSE ↓ against val probe ↑")
    assert len(front) == 50
    assert sorted(mark.target for mark in chart.marks) == sorted(front)
    (stroke,) = chart.strokes
    for step in stroke.path.lstrip("M").split("L"):
        x, y = map(float, step.split())
        assert chart.left <= x <= chart.right
        assert chart.top <= y <= chart.bottom


def test_the_page_has_no_pictures_of_figures_and_every_link_leads_to_a_row(single: Ledger) -> None:
    page = Page(html_of(content(single)))
    assert page.sources == []
    rows = {name for name in page.ids if name.startswith("trial-")}
    assert len(rows) == 28
    assert {link.removeprefix("#") for link in page.links} <= rows


@pytest.mark.parametrize("state", ["failed", "running", "pending"])
def test_a_search_with_nothing_to_draw_has_a_page(tmp_path: Path, state: str) -> None:
    made = Searches(tmp_path / "nothing")
    add(made, "vae", [None, None], state=state)
    said = content(made.read())
    assert (said.replicates, said.searches) == ([], [])
    assert "No trial has been trained to its end yet." in Page(html_of(said)).text


def test_what_a_run_has_found_is_not_found_again(
    single: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importances take seconds."""
    note_search(single)
    expected = json.dumps(search_document(single))

    def again(*_: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(figure_files, "add_importances", again)
        assert json.dumps(search_document(single)) == expected
    (ref,) = [
        each for each in single.sweep.evaluations[SEARCH].artifacts if each.path.endswith("json")
    ]
    (single.folder / ref.path).write_text("{}")  # altered
    assert json.dumps(search_document(single)) == expected
