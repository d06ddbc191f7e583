"""MLflow's saved views of a sweep, as the experiment's tags hold them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestration.ledger.documents import Evaluated, Study
from orchestration.ledger.ledger import Ledger
from orchestration.tracking import pages, tracker, views
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.pages import how_to_look, sweep_pages
from orchestration.tracking.tracker import Tracker
from orchestration.tracking.views import LONGEST, TRIED, installed_version, views_of
from tests.mlflow_content import unpacked
from tests.mlflow_content import views as stored_views
from tests.orchestration.tracking.conftest import grid_sweep

CELLS = [{"model": m, "beta": b} for m in ("vae", "cvae") for b in (1e-3, 1e-5)]


def states(ledger: Ledger) -> dict[str, Any]:
    return {key: unpacked(tag) for key, tag in views_of(ledger).items()}


def titles(state: dict[str, Any], kind: str) -> list[str]:
    return [c["displayName"] for c in state["compareRunCharts"] if c["type"] == kind]


def test_curves_are_grouped_over_the_seeds(tmp_path: Path) -> None:
    ledger = grid_sweep(tmp_path, "grid", CELLS, 2)
    curves = states(ledger)["curves"]
    assert curves["groupBy"]["aggregateFunction"] == "average"
    assert {key["groupByData"] for key in curves["groupBy"]["groupByKeys"]} == {"model", "beta"}
    assert {"val/loss", "val/probe_accuracy"} <= set(titles(curves, "LINE"))
    assert titles(curves, "BAR") == ["probe/accuracy"]
    sections = {section["uuid"] for section in curves["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in curves["compareRunCharts"]} <= sections
    found = {"fd/digits-cnn_n360": 3.0, "fd/digits-cnn_n360_floor": 1.0}
    ledger.note_evaluation("c0s0", "fd", Evaluated(state="finished", metrics=found))
    curves = states(ledger)["curves"]
    assert titles(curves, "BAR") == ["probe/accuracy", "fd/digits-cnn_n360"]
    assert titles(curves, "SCATTER") == ["probe/accuracy against fd/digits-cnn_n360"]


def test_one_seed_is_not_grouped(tmp_path: Path) -> None:
    """So that each family keeps its colour."""
    for state in states(grid_sweep(tmp_path, "grid", CELLS, 1)).values():
        assert state["groupBy"] is None
        assert state["searchFilter"] == "params.model != ''"


def test_pictures_are_those_of_one_seed(tmp_path: Path) -> None:
    ledger = grid_sweep(tmp_path, "grid", CELLS, 2)
    state = states(ledger)["pictures"]
    assert state["searchFilter"] == "params.model != '' and params.seed = '0'"
    keys = [chart["imageKeys"] for chart in state["compareRunCharts"]]
    assert keys == [["reconstructions", "samples"], ["reconstructions"], ["samples"]]
    assert {chart["step"] for chart in state["compareRunCharts"]} == {4}


def test_a_sweep_without_pictures_has_no_view_of_them(tmp_path: Path) -> None:
    ledger = grid_sweep(tmp_path, "grid", CELLS, 1)
    for trial in ledger.trials.values():
        del trial.evaluations["pictures"]
    assert set(states(ledger)) == {"curves", "pictures"}  # they are to come
    ledger.sweep.spec = {"evaluation": {"pictures": False, "umap": False}}
    assert set(states(ledger)) == {"curves"}


def test_a_search_shows_each_trial_and_what_it_depends_on(tmp_path: Path) -> None:
    cells = [{"model": "cvae", "tau": tau} for tau in (0.1, 0.2)]
    ledger = grid_sweep(tmp_path, "search", [*CELLS[:2], *cells], 1)
    goal = {"metric": "val/loss", "direction": "minimize"}
    ledger.sweep.spec = {"search": {"objectives": [goal]}}
    about = {"key": "s", "name": "vae", "fixed": {"epochs": 4}, "space": {}, "sampler": "tpe"}
    ledger.save_study(Study(**about, objectives=[goal], seed=0, startup=1, trials=4))
    ledger.sweep.studies = ["s"]
    curves = states(ledger)["curves"]
    assert curves["groupBy"] is None
    assert (curves["orderByKey"], curves["orderByAsc"]) == ("metrics.`val/loss`", True)
    # MLflow leaves out of a chart whoever lacks one of its settings, as a VAE does.
    assert titles(curves, "PARALLEL") == ["val/loss by model, beta", "val/loss by model, beta, tau"]


def test_they_fit_however_many_trials_there_are(tmp_path: Path) -> None:
    cells = [{"model": "vae", "beta": 1e-3 * n} for n in range(1, 150)]
    ledger = grid_sweep(tmp_path, "grid", cells, 2)
    tags = views_of(ledger)
    assert set(tags) == {"curves", "pictures"}
    assert all(len(tag) < LONGEST / 4 for tag in tags.values())
    assert unpacked(tags["curves"])["runsHiddenMode"] == "FIRST_20_RUNS"


@pytest.mark.slow
def test_the_experiment_has_them_and_their_addresses_are_told(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where MLflow is one that they were tried with; else all the rest is as it was."""
    monkeypatch.chdir(tmp_path)
    ledger = grid_sweep(tmp_path / "runs", "grid", CELLS, 2)

    def told() -> tuple[Any, list[str], str | None]:
        syncs = Tracker(database, MlflowConfig(), tmp_path / "runs")
        ledger.sweep.experiment, ledger.sweep.experiment_id = syncs.connect("grid")
        ledger.sweep.tracking_uri = database
        syncs.sync_parent(ledger)
        experiment = MlflowClient(database).get_experiment_by_name("grid")
        lines = [line.strip() for line in how_to_look(ledger.sweep, tmp_path / "runs")]
        return experiment, lines, sweep_pages(tmp_path / "runs")[0].curves

    for module in (tracker, pages):
        monkeypatch.setattr(module, "TRIED", frozenset({"0.1"}))
    experiment, without, curves = told()
    assert "mlflow.experiment.primaryMetric.name" in experiment.tags
    assert (stored_views(database, "grid"), ledger.sweep.views, curves) == ({}, [], None)
    for module in (tracker, pages):
        monkeypatch.setattr(module, "TRIED", frozenset({installed_version()}))
    first, lines, curves = told()
    assert set(stored_views(database, "grid")) == {"curves", "pictures"}
    assert told()[0].tags == first.tags
    assert Ledger.open(ledger.folder).sweep.views == ["curves", "pictures"]
    page = f"/#/experiments/{experiment.experiment_id}/runs?viewStateShareKey="
    assert lines[: len(without)] == without
    assert lines[len(without) :] == [
        f"{key + ':':<9} http://127.0.0.1:5000{page}{key}&compareRunsMode=CHART"
        for key in ("curves", "pictures")
    ]
    assert curves == f"{page}curves&compareRunsMode=CHART"
    monkeypatch.setattr(pages, "TRIED", frozenset({"0.1"}))
    assert len(how_to_look(ledger.sweep, tmp_path / "runs")) == len(without)


def test_the_newest_version_in_use_was_tried() -> None:
    """When MLflow moves on: look at the views in a browser, then enter its version."""
    constraints = (Path(__file__).parents[3] / "constraints.txt").read_text()
    assert f"mlflow=={max(TRIED)}" in constraints.splitlines()


def test_the_envelope_is_that_of_mlflows_pages(tmp_path: Path) -> None:
    for key, tag in views_of(grid_sweep(tmp_path, "grid", CELLS, 2)).items():
        envelope = json.loads(tag)
        assert envelope["name"] == views.NAMES[key]
        assert isinstance(envelope["createdAt"], int)
        assert envelope["state"].startswith("deflate;")
