"""The report of sweeps that were worked off in this process: what it says, all of it as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from orchestration.compare.answers import Question, answers
from orchestration.ledger.documents import Evaluated, Failure, Sweep
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import REPORT
from orchestration.ledger.paths import REPORT_PAGE
from orchestration.report import report_file
from orchestration.report.pictures import picture_columns
from orchestration.report.report_file import note_results, report_of
from orchestration.run.summary import say_summary
from orchestration.terminal.console import Console
from tests.orchestration.written import Written

HOSTILE = "<script>alert(1)</script>\"'&\u202e" + "x" * 500


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.scripts = 0
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script"
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        self.sources += [given["src"] or ""] if "src" in given else []

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sweep_in: Callable[..., Any]) -> Path:
    folder: Path = tmp_path_factory.mktemp("storage") / "small"
    sweep_in(
        folder,
        base={"epochs": 2},
        grid={"model": ["vae", "cvae"], "beta": [1e-3, 1e-5]},
        evaluation={"probe": True, "pictures": True, "diagnostics": True},
    ).run()
    return folder


def test_every_trial_has_its_row_and_every_point_leads_to_one(trained: Path) -> None:
    ledger = Ledger.open(trained)
    page = Page(report_of(ledger))
    rows = [name for name in page.ids if name.startswith("trial-")]
    assert sorted(rows) == sorted(f"trial-{key}" for key in ledger.trials)
    assert len(page.links) > 8
    assert {link.removeprefix("#") for link in page.links} <= set(rows)
    assert "finished: 4 finished" in page.text
    assert "no verdicts: they take 7 seeds in both over 2 rows, here 1 seed" in page.text


def test_it_needs_no_network(trained: Path) -> None:
    html = report_of(Ledger.open(trained))
    page = Page(html)
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "https://" not in html
    assert len(html) < 1_500_000


def test_what_people_have_named_is_text(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.open(trained)
    monkeypatch.setattr(ledger.sweep, "name", HOSTILE)
    monkeypatch.setattr(ledger.sweep, "spec", {"name": HOSTILE})
    monkeypatch.setattr(ledger.sweep, "experiment", HOSTILE)
    key = next(iter(ledger.trials))
    monkeypatch.setattr(ledger.trials[key], "state", "failed")
    error = Failure(kind="error", message=HOSTILE)
    monkeypatch.setattr(ledger.trials[key], "error", error)
    html = report_of(ledger)
    page = Page(html)
    assert page.scripts == 1  # its own
    assert "<script>alert" not in html
    assert "alert(1)" in page.text


def test_a_sweep_without_anything_trained_has_a_report(tmp_path: Path) -> None:
    sweep = Sweep(name="empty", sweep_id="1", created=0.0, spec={}, plan=[])
    page = Page(report_of(Ledger.create(tmp_path / "empty", sweep)))
    assert "No trial has been trained to its end yet." in page.text


def test_it_is_written_when_there_is_something_new(trained: Path) -> None:
    ledger = Ledger.open(trained)
    note_results(ledger)
    noted = ledger.sweep.evaluations[REPORT]
    page = trained / REPORT_PAGE
    assert (noted.state, noted.artifacts[0].path) == ("finished", REPORT_PAGE)
    written = page.stat().st_mtime_ns
    note_results(Ledger.open(trained))
    assert page.stat().st_mtime_ns == written
    key = next(iter(ledger.trials))
    ledger.change(key, lambda trial: trial.evaluations["probe"].metrics.update({"probe/x": 1.0}))
    note_results(ledger)
    assert page.stat().st_mtime_ns != written


@pytest.mark.parametrize("where", ["trial", "part", "sweep"])
@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("kind", "UnheardOf"),
        ("message", "unheard of"),
        ("log", "logs/unheard"),
        ("traceback", 'Traceback:\n  File "unheard.py", line 7, in of'),
    ],
)
def test_it_is_written_when_only_a_reason_is_new(
    written: Callable[..., Written], where: str, field: str, told: str
) -> None:
    made = written()
    trial = made.trial("failed")
    failure = Failure(kind="error", message="as before")
    failed = Evaluated(state="failed", error=failure)
    trial.error = failure.model_copy()
    trial.evaluations["probe"] = failed.model_copy(deep=True)
    shared = made.ledger.sweep.evaluations["shared_umap"] = failed.model_copy(deep=True)
    made.ledger.save(trial)
    note_results(made.ledger)
    page = made.ledger.folder / REPORT_PAGE
    before = page.stat().st_mtime_ns
    note_results(made.ledger)
    assert page.stat().st_mtime_ns == before
    owner = {"trial": trial, "part": trial.evaluations["probe"], "sweep": shared}[where]
    setattr(owner.error, field, told)
    note_results(made.ledger)
    assert "unheard" in Page(page.read_text()).text.lower()


def test_a_failure_of_it_is_said_and_made_good(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.open(trained)
    ledger.sweep.evaluations.pop(REPORT, None)

    def broken(_: Ledger, **__: object) -> str:
        raise ValueError("no ink")

    with monkeypatch.context() as patch:
        patch.setattr(report_file, "report_of", broken)
        note_results(ledger)
    assert say_summary(ledger, Console()) == 1
    said = capsys.readouterr().out
    assert "evaluation of all trials (report) failed: ValueError: no ink" in said
    assert "retry small" in said
    ledger.sweep.evaluations.pop(REPORT)
    note_results(ledger)
    assert say_summary(ledger, Console()) == 0
    assert f"report:  {trained / REPORT_PAGE}" in capsys.readouterr().out


def test_the_command(trained: Path, command: Callable[..., Any], tmp_path: Path) -> None:
    storage = str(trained.parent)
    done = command(tmp_path, "report", "small", "--storage", storage)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"report: {tmp_path / 'small.html'} (")
    assert Page((tmp_path / "small.html").read_text()).ids
    other = tmp_path / "other.html"
    command(tmp_path, "report", "small", "--storage", storage, "--to", str(other))
    assert other.exists()
    refused = command(tmp_path, "report", "nothing", "--storage", storage)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert json.dumps(refused.stderr).startswith('"error: there is no sweep')


def test_pictures_that_some_trial_has_are_shown(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.open(trained)
    captions = picture_columns(ledger, answers([ledger], Question())).captions
    assert [caption.split()[0] for caption in captions] == ["reconstructions:", "samples"]
    trial = next(iter(ledger.trials.values()))
    part = trial.evaluations["pictures"]
    ref = next(ref for ref in part.artifacts if ref.path.endswith("samples.png"))
    source = trained / ref.path
    (source.parent / "fd_sources.png").write_bytes(source.read_bytes())
    path = ref.path.replace("samples.png", "fd_sources.png")
    more = [*part.artifacts, ref.model_copy(update={"path": path})]
    monkeypatch.setattr(part, "artifacts", more)
    columns = picture_columns(ledger, answers([ledger], Question()))
    assert columns.captions[-1] == "FD by where the latents come from"
    assert sum(c.pictures[-1] is not None for g in columns.groups for c in g.columns) == 1
