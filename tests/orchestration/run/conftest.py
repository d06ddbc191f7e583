from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestration.tracking.place import Opened
from tests.orchestration.writes.driver import Mlflow


@pytest.fixture(autouse=True, scope="module")
def results_are_not_drawn() -> Iterator[None]:
    """What a run leaves at its end is tested with its report, and end to end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.compare.figure_files.search_figures", lambda _: {})
        patch.setattr(
            "orchestration.report.report_file.report_of", lambda *_, **__: "<!doctype html>"
        )
        yield


@pytest.fixture
def mlflow_takes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs of which nothing is looked up in MLflow: a database of its own takes a second."""
    opened: Any = Opened(Mlflow(), "experiment", "1")  # type: ignore[arg-type]
    monkeypatch.setattr("orchestration.tracking.place.Place.open", lambda *_: opened)
