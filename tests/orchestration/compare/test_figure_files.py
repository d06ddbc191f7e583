"""What a run leaves of its searches: figures in the sweep's folder and in MLflow's parent run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from orchestration import store
from orchestration.compare import figure_style
from orchestration.compare.comparison import comparison_view
from orchestration.compare.figure_files import note_search
from orchestration.compare.searches import search_comparison
from orchestration.run.summary import say_summary
from orchestration.status.status import status_document
from orchestration.status.view import failure_lines
from orchestration.terminal.console import Console
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.tracker import Tracker

from .conftest import Searches

pytestmark = pytest.mark.slow

Make = Callable[..., Searches]
FILES = ["budget.png", "compare.json", "importances.png", "parameters_val_probe_accuracy.png"]


@pytest.fixture(autouse=True)
def hardly_computed(few_trees: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is tested with the figures."""
    monkeypatch.setattr("orchestration.compare.figures.png", lambda _: b"picture")


@pytest.fixture
def made(searches: Make) -> Searches:
    made = searches()
    for model in ("vae", "cvae"):
        study = made.study(model, model=model)
        for number in range(10):
            made.trial(study, 0.5 + number * 7 % 10 / 30, test={"probe/accuracy": 0.5})
    return made


def test_figures_are_drawn_once(made: Searches, monkeypatch: pytest.MonkeyPatch) -> None:
    note_search(made.ledger)
    ledger = made.read()
    noted = ledger.sweep.evaluations["search"]
    assert noted.state == "finished"
    assert sorted(Path(ref.path).name for ref in noted.artifacts) == FILES
    for ref in noted.artifacts:
        content = (ledger.folder / ref.path).read_bytes()
        assert (ref.path, ref.bytes) == (f"artifacts/search/{Path(ref.path).name}", len(content))
        assert hashlib.sha256(content).hexdigest() == ref.sha256
    document = json.loads((ledger.folder / "artifacts/search/compare.json").read_text())
    assert sum(document["studies"][0]["importances"][0].values()) == pytest.approx(1)
    del document["importances_missing"]
    for study in document["studies"]:
        del study["importances"]
    assert document == json.loads(json.dumps(search_comparison(ledger)))
    assert noted.facts["best_vae"] == document["families"][0]["best"]["key"]

    def never(*_: Any) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(store, "write_bytes", never)
    note_search(ledger)


def test_another_trial_draws_them_anew(made: Searches) -> None:
    note_search(made.ledger)
    before = made.read().sweep.evaluations["search"]
    assert not any("earlier" in str(line) for line in comparison_view([made.read()]))
    made.trial(made.ledger.planned_studies()[0], 0.9)
    assert any("earlier" in str(line) for line in comparison_view([made.read()]))
    note_search(made.ledger)
    after = made.read().sweep.evaluations["search"]
    assert after.settings != before.settings
    assert after.facts["best_vae"] != before.facts["best_vae"]
    assert after.facts["best_cvae"] == before.facts["best_cvae"]


def test_figures_that_are_not_made_any_more_go(made: Searches) -> None:
    note_search(made.ledger)
    for study in made.ledger.studies.values():
        study.asks = study.asks[:3]
        made.ledger.save_study(study)
    note_search(made.ledger)
    folder = made.ledger.folder / "artifacts" / "search"
    left = [name for name in FILES if name != "importances.png"]
    assert sorted(path.name for path in folder.iterdir()) == left


def test_a_failure_to_draw_is_noted_and_can_be_tried_again(
    made: Searches, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_search(made.ledger)
    made.trial(made.ledger.planned_studies()[0], 0.9)
    with monkeypatch.context() as patch:
        patch.setattr(figure_style, "new_figure", lambda *_: 1 / 0)
        note_search(made.ledger)
    ledger = made.read()
    noted = ledger.sweep.evaluations["search"]
    assert noted.state == "failed"
    assert noted.error is not None
    assert noted.error.kind == "ZeroDivisionError"
    assert len(noted.artifacts) == len(FILES), "those from before stay"
    assert ledger.has_failures
    document = status_document(ledger)
    assert document["evaluation_errors"].keys() == {"search"}
    text = "\n".join(failure_lines(document, ledger.folder))
    assert "(search) failed: ZeroDivisionError: division by zero" in text
    assert "retry found" in text, "no part of an evaluation is called so"

    note_search(ledger)
    assert made.read().sweep.evaluations["search"].state == "failed", "the same would come of it"
    ledger.put_back_failed((), ())
    note_search(ledger)
    assert made.read().sweep.evaluations["search"].state == "finished"
    assert not ledger.has_failures


def test_a_sweep_without_a_search_has_none(searches: Make) -> None:
    made = searches()
    note_search(made.ledger)
    assert made.read().sweep.evaluations == {}


def test_the_parent_run_has_the_files(made: Searches, tmp_path: Path) -> None:
    tracker = Tracker(f"sqlite:///{tmp_path}/mlflow.db", MlflowConfig(), tmp_path)
    sweep = made.ledger.sweep
    sweep.experiment, sweep.experiment_id = tracker.connect(sweep.name)
    note_search(made.ledger)
    tracker.sync_parent(made.ledger)
    client = tracker._client
    listed = client.list_artifacts(sweep.parent_run_id, "search")
    assert sorted(item.path for item in listed) == [f"search/{name}" for name in FILES]
    tags = client.get_run(sweep.parent_run_id).data.tags
    assert tags["search.best_vae"] == sweep.evaluations["search"].facts["best_vae"]

    made.trial(made.ledger.planned_studies()[0], 0.9)
    note_search(made.ledger)
    tracker.sync_parent(made.ledger)
    for name in FILES:
        found = client.download_artifacts(sweep.parent_run_id, f"search/{name}", str(tmp_path))
        stored = made.ledger.folder / "artifacts" / "search" / name
        assert Path(found).read_bytes() == stored.read_bytes()
    tags = client.get_run(sweep.parent_run_id).data.tags
    assert tags["search.best_vae_value"] == "0.9"


def test_the_end_of_a_run_says_what_was_found(made: Searches) -> None:
    note_search(made.ledger)
    out = StringIO()
    assert say_summary(made.read(), Console(out)) == 0
    text = out.getvalue()
    assert "side by side" in text
    assert "best trial of each study" in text
    assert f"figures: {made.ledger.folder / 'artifacts' / 'search'}\n" in text
    assert text.count("\n") < 30, "there are twenty trials"
