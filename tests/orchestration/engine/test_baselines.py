"""Baselines worked off like all other trials: trained, resumed, measured, shown, never stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.compare.answers import Question, answers
from orchestration.compare.comparison import comparison_of, comparison_view
from orchestration.compare.grid import comparison_table
from orchestration.compare.loaded import LoadedSweep
from orchestration.engine.early_stopping import decision_epochs_of
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import Wish
from orchestration.plan.shared_map_tasks import missing
from orchestration.report.charts import BASELINE
from orchestration.report.content import content_of
from orchestration.spec.evaluation import Evaluation
from orchestration.status.status import status_document
from orchestration.status.view import absent_lines
from orchestration.terminal.tables import Sheet
from orchestration.tracking.run_fields import trial_tags

pytestmark = pytest.mark.slow

Sweep = Callable[..., Any]
WITH = {"probe": {"protocols": ["standard"]}, "diagnostics": True}
ROWS = ["pca", "pixels", "untrained", "supervised"]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory, sweep_in: Sweep) -> Ledger:
    """VAE and CVAE over two seeds with all baselines; interrupted in the midst of one."""
    sweep = sweep_in(
        tmp_path_factory.mktemp("baselines") / "small",
        base={"epochs": 1},
        grid={"model": ["cvae", "vae"]},
        seeds=[0, 1],
        baselines=True,
        evaluation=WITH,
    )
    # Four epochs of the grid's trials, one each of pca, pixels and both untrained, two supervised.
    sweep.run(stop_after=10)
    cut = Ledger.open(sweep.folder)
    open_ = [trial for trial in cut.planned() if trial.state == "pending"]
    assert [trial.config["model"] for trial in open_] == ["supervised"] * 2
    sweep.run()
    return Ledger.open(sweep.folder)


def of(ledger: Ledger, model: str) -> list[Any]:
    return [trial for trial in ledger.planned() if trial.config["model"] == model]


def test_all_are_trained_and_resumed_and_measured(ledger: Ledger) -> None:
    assert {trial.state for trial in ledger.planned()} == {"finished"}
    assert [len(of(ledger, model)) for model in ROWS] == [1, 1, 2, 2]
    resumed = of(ledger, "supervised")[0]
    assert [attempt.from_epoch for attempt in resumed.attempts] == [0, 2]
    assert [epoch.epoch for epoch in resumed.epochs] == [1, 2, 3, 4, 5]
    for model in ROWS:
        for trial in of(ledger, model):
            assert {"probe/accuracy", "probe/knn_accuracy", "val/probe_accuracy"} <= set(
                trial.metrics
            )
    (pca,) = of(ledger, "pca")
    assert {"val/reconstruction", "test/reconstruction_mse"} <= set(pca.metrics)


def test_what_one_has_not_is_absent_and_no_news(ledger: Ledger) -> None:
    document = status_document(ledger)
    (pixels,) = [trial for trial in document["trials"] if trial["model"] == "pixels"]
    reason = "the baseline pixels has latents alone, and no decoder"
    assert pixels["evaluations_absent"] == {"diagnostics": reason}
    assert pixels["evaluations_open"] == []
    assert (pixels["baseline"], pixels["origin"], pixels["beta"]) == (True, "baseline", None)
    assert absent_lines(document) == []
    evaluation = Evaluation.model_validate(ledger.sweep.spec["evaluation"])
    assert missing(ledger, evaluation, Wish()) == [], "evaluate has nothing to do"


def test_they_stand_below_and_enter_no_verdict(ledger: Ledger) -> None:
    rows = comparison_of([ledger])["rows"]
    assert [row["model"] for row in rows] == ["vae", "cvae", *ROWS]
    assert [row["baseline"] for row in rows] == [False, False, *[True] * 4]
    assert [row["trials"] for row in rows] == [2, 2, 1, 1, 2, 2]
    sheet = comparison_table(status_document(ledger)["trials"])
    assert sheet.columns[0].cells[-1] == "supervised (baseline)"
    answered = answers([ledger], Question())
    (pairing,) = answered.pairings
    assert pairing.sides == ("vae", "cvae")
    assert all(each.tests == 1 for judged in answered.judged.values() for each in judged)
    more = answered.more
    assert more is None or more.command is None or "seeds=[0,1," in more.command


def test_report_mlflow_and_export(ledger: Ledger, tmp_path: Any) -> None:
    content = content_of(ledger, answers([ledger], Question()))
    assert content.families == ["vae", "cvae"]
    assert content.baselines
    looks = {row["model"]: row["look"] for row in content.trials}
    assert looks == {"vae": 0, "cvae": 1, **dict.fromkeys(ROWS, BASELINE)}
    marks = [mark.look for chart in content.charts for mark in chart.marks]
    strokes = [stroke.look for chart in content.charts for stroke in chart.strokes]
    assert BASELINE in marks
    assert BASELINE not in strokes
    (pca,) = of(ledger, "pca")
    tags = trial_tags(pca, TrialConfig.from_settings(pca.config))
    assert tags["baseline"] == "true"
    assert tags["mlflow.runName"] == "pca (baseline) latent_dim=4"
    assert tags["mlflow.runColor"] == "#7f7f7f"
    assert not {"beta", "seed"} & tags.keys()
    sweep = LoadedSweep(ledger.folder, ledger)
    for model in ROWS:
        assert sweep.model(of(ledger, model)[0].key) is not None


def test_a_scheduler_never_stops_one(local_sweep: Sweep) -> None:
    sweep = local_sweep(
        base={"epochs": 3},
        baselines=["supervised"],
        scheduler={"name": "asha", "metric": "val/probe_accuracy", "grace_epochs": 1},
    )
    ledger = sweep.open()
    sweep.queue(ledger)
    vae, supervised = ledger.planned()
    assert decision_epochs_of(sweep.spec, ledger, vae) == [1]
    assert decision_epochs_of(sweep.spec, ledger, supervised) == []


def test_beside_a_search(local_sweep: Sweep) -> None:
    sweep = local_sweep(
        base={"epochs": 1},
        grid={"model": ["vae", "cvae"]},
        baselines=["pca", "pixels"],
        search={"trials": 2, "space": {"beta": {"log": [1e-8, 1e-2]}}, "sampler": "random"},
    )
    trials = sweep.run()
    ledger = Ledger.open(sweep.folder)
    assert [trial.state for trial in trials.values()] == ["finished"] * 6
    document = comparison_of([ledger])
    assert [row["model"] for row in document["baselines"]] == ["pca", "pixels"]
    assert all(study["trials"]["finished"] == 2 for study in document["studies"])
    titles = [part.title for part in comparison_view([ledger]) if isinstance(part, Sheet)]
    assert "Baselines" in titles
