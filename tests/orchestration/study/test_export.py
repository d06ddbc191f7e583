"""Studies in Optuna's storages, read back with Optuna and with its dashboard."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.ledger.documents import (
    Ask,
    Attempt,
    Decision,
    Epoch,
    Failure,
    Study,
    Sweep,
    Trial,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.spec.dimensions import Dimension
from orchestration.sqlite import sqlite_address
from orchestration.study.export import as_optuna_reads, export_studies
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.tracker import Tracker
from tests.names import SOME, WORST

pytestmark = pytest.mark.slow

SPACE = (
    Dimension("architecture.channels", "choice", choices=([8, 16], [8, 16, 32])),
    Dimension("beta", "float", 1e-8, 1e-1, log=True),
)
ACCURACY = {"metric": "val/probe_accuracy", "direction": "maximize"}
ERROR = {"metric": "val/reconstruction", "direction": "minimize"}
BEGAN = 1_700_000_000.0


def trial(key: str, state: str, *accuracies: float) -> Trial:
    """A trial that began at ``BEGAN`` and had an epoch every ten seconds."""
    config = TrialConfig.from_settings({}).to_settings()
    found = Trial(key=key, config=config, state=state)  # type: ignore[arg-type]
    found.epochs = [
        Epoch(
            epoch=number,
            metrics={"val/probe_accuracy": accuracy, "val/reconstruction": 100 * accuracy},
            images_per_s=1.0,
            epoch_s=10.0,
            at=BEGAN + 10 * number,
        )
        for number, accuracy in enumerate(accuracies, start=1)
    ]
    if state != "pending":
        found.attempts = [Attempt(number=1, from_epoch=0, began=BEGAN)]
    if state in ("finished", "stopped", "failed"):
        found.attempts[-1].ended = BEGAN + 10 * len(accuracies) + 1
    if state == "failed":
        found.error = Failure(kind="diverged", message="the loss is not finite")
    if state == "stopped":
        at = len(accuracies)
        found.decisions = [
            Decision(
                number=0,
                epoch=at,
                rung=at,
                metric="val/probe_accuracy",
                value=accuracies[-1],
                stop=True,
                scheduler="asha",
            )
        ]
    return found


TRIALS = [
    trial("a", "finished", 0.3, 0.5),
    trial("b", "failed", 0.2),
    trial("c", "stopped", 0.1, 0.2),
    trial("d", "finished", 0.4, 0.7),
    trial("e", "running", 0.6),
    trial("f", "pending"),
    trial("r", "finished", 0.9),
]


def study(key: str, name: str, keys: str, objectives: list[dict[str, Any]]) -> Study:
    asks: list[Ask] = []
    for number, each in enumerate(keys):
        before = [ask.number for ask in asks if ask.key == each]
        params = {"architecture.channels": [8, 16], "beta": 10.0 ** -(2 + "abcdef".index(each))}
        asks.append(
            Ask(number=number, params=params, key=each, duplicate_of=before[0] if before else None)
        )
    asks[0].origin = "enqueued"
    return Study(
        key=key,
        name=name,
        fixed={"model": "vae", "data": {"name": "digits"}},
        space={dimension.name: dimension.to_json() for dimension in SPACE},
        objectives=objectives,
        sampler="tpe",
        seed=3,
        startup=5,
        trials=6,
        asks=asks,
        replicates=["r"],
    )


def ledger_of(folder: Path, *studies: Study) -> Ledger:
    sweep = Sweep(
        name=folder.name,
        sweep_id=str(folder),
        created=0.0,
        spec={"resources": {"cpu": 2}},
        plan=[],
        studies=[each.key for each in studies],
    )
    ledger = Ledger.create(folder, sweep)
    for each in studies:
        ledger.save_study(each)
    for each in TRIALS:
        ledger.save(each)
    return Ledger.open(folder)


def two_studies(folder: Path) -> Ledger:
    one = study("s1", "vae", "abcdaef", [ACCURACY])
    two = study("s2", "cvae latent_dim=4", "ad", [ERROR, ACCURACY])
    return ledger_of(folder / "digits_search", one, two)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return two_studies(tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, dict[str, int]]]:
    """Storages by kind, to be read alone, and what exporting to them said, by a driver at work."""
    folder = tmp_path_factory.mktemp("exported")
    ledger = two_studies(folder)
    urls = {kind: url_of(kind, folder) for kind in ("sqlite", "journal")}
    record = ProcessRecord(ledger.folder)
    record.update()
    done = {kind: (url, export_studies(url, ledger)) for kind, url in urls.items()}
    record.clear()
    return done


def url_of(kind: str, folder: Path) -> str:
    return f"sqlite:///{folder}/studies.db" if kind == "sqlite" else f"{folder}/studies.log"


def read(url: str, name: str) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend
    storage = url if "://" in url else optuna.storages.JournalStorage(backend(url))
    return optuna.load_study(study_name=name, storage=storage)


def names(url: str) -> list[str]:
    backend = optuna.storages.journal.JournalFileBackend
    storage = url if "://" in url else optuna.storages.JournalStorage(backend(url))
    return sorted(optuna.get_all_study_names(storage))


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_study_is_there_as_optuna_would_have_made_it(
    kind: str, exported: dict[str, tuple[str, dict[str, int]]]
) -> None:
    url, counts = exported[kind]
    assert counts == {"digits_search/vae": 7, "digits_search/cvae latent_dim=4": 2}
    found = read(url, "digits_search/vae")
    states = ["COMPLETE", "FAIL", "PRUNED", "COMPLETE", "COMPLETE", "RUNNING", "WAITING"]
    assert [t.state.name for t in found.trials] == states
    assert [t.number for t in found.trials] == list(range(7))
    assert [t.values for t in found.trials] == [[0.5], None, [0.2], [0.7], [0.5], None, None]
    steps = [{1: 0.3, 2: 0.5}, {1: 0.2}, {1: 0.1, 2: 0.2}, {1: 0.4, 2: 0.7}]
    assert [t.intermediate_values for t in found.trials] == [*steps, steps[0], {1: 0.6}, {}]
    assert found.best_trial.number == 3
    assert found.best_params == {"architecture.channels": "[8, 16]", "beta": 1e-5}
    assert found.trials[0].distributions == {
        "architecture.channels": CategoricalDistribution(["[8, 16]", "[8, 16, 32]"]),
        "beta": FloatDistribution(1e-8, 1e-1, log=True),
    }
    assert found.metric_names == ["val/probe_accuracy"]
    assert found.user_attrs["fixed"] == {"model": "vae", "data": {"name": "digits"}}
    assert found.user_attrs["seed"] == 3
    times = [(t.datetime_start, t.datetime_complete) for t in found.trials]
    began = datetime.fromtimestamp(BEGAN)
    assert times[0] == (began, datetime.fromtimestamp(BEGAN + 21))
    assert times[5:] == [(began, None), (None, None)]
    first, failed, stopped, *_ = (t.user_attrs for t in found.trials)
    assert first == {"key": "a", "origin": "enqueued", "epochs": 2, "cpu_s": 40.0, "attempts": 1}
    assert failed["error"] == "the loss is not finite"
    assert stopped["rung"] == 2
    assert found.trials[4].user_attrs["duplicate_of"] == 0


def test_what_a_dead_driver_left_running_waits(ledger: Ledger, tmp_path: Path) -> None:
    url = url_of("journal", tmp_path)
    export_studies(url, ledger)
    found = read(url, "digits_search/vae").trials[5]
    assert (found.state.name, found.datetime_start) == ("WAITING", None)
    assert found.intermediate_values == {1: 0.6}


def test_several_objectives_have_a_front(
    exported: dict[str, tuple[str, dict[str, int]]],
) -> None:
    url, _ = exported["sqlite"]
    found = read(url, "digits_search/cvae latent_dim=4")
    assert [d.name for d in found.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert [t.values for t in found.trials] == [[50.0, 0.5], [70.0, 0.7]]
    assert [t.number for t in found.best_trials] == [0, 1]
    assert found.metric_names == ["val/reconstruction", "val/probe_accuracy"]


def test_optuna_searches_on_where_the_sweep_was(
    exported: dict[str, tuple[str, dict[str, int]]], tmp_path: Path
) -> None:
    shutil.copy(exported["sqlite"][0].removeprefix("sqlite:///"), tmp_path)
    url = url_of("sqlite", tmp_path)
    found = read(url, "digits_search/vae")
    waiting = found.ask()
    assert waiting.number == 6
    assert waiting.suggest_float("beta", 1e-8, 1e-1, log=True) == 1e-7
    assert found.ask().number == 7


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_second_export_replaces_the_first(kind: str, ledger: Ledger, tmp_path: Path) -> None:
    url = url_of(kind, tmp_path)
    export_studies(url, ledger)
    before = [vars(t) for t in read(url, "digits_search/vae").trials]
    export_studies(url, ledger)
    again = [vars(t) for t in read(url, "digits_search/vae").trials]
    assert [t | {"_trial_id": 0} for t in before] == [t | {"_trial_id": 0} for t in again]
    ledger.save(trial("e", "finished", 0.6, 0.8))
    export_studies(url, ledger)
    assert names(url) == sorted(["digits_search/cvae latent_dim=4", "digits_search/vae"])
    found = read(url, "digits_search/vae")
    assert (len(found.trials), found.best_value) == (7, 0.8)


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_foreign_study_is_left_alone_and_nothing_is_written(
    kind: str, ledger: Ledger, tmp_path: Path
) -> None:
    url = url_of(kind, tmp_path)
    other = ledger_of(
        tmp_path / "other" / "digits_search", study("s9", "cvae latent_dim=4", "a", [ACCURACY])
    )
    export_studies(url, other)
    content = Path(url.removeprefix("sqlite:///")).read_bytes()
    with pytest.raises(UserError, match="'digits_search/cvae latent_dim=4' that is not of this"):
        export_studies(url, ledger)
    assert names(url) == ["digits_search/cvae latent_dim=4"]
    assert len(read(url, "digits_search/cvae latent_dim=4").trials) == 1
    if kind == "journal":
        assert Path(url).read_bytes() == content


@pytest.mark.parametrize("name", [*SOME, WORST], ids=ascii)
def test_a_folder_of_any_name(
    name: str,
    exported: dict[str, tuple[str, dict[str, int]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database is a copy: making one takes a while. From a working directory, whose name is no
    part of an address, with the worst name alone."""
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(exported["sqlite"][0].removeprefix("sqlite:///"), folder)
    addresses = [sqlite_address(folder / "studies.db"), f"{folder}/studies.log"]
    addresses += ["sqlite:///studies.db", "studies.log"] if name == WORST else []
    for number, url in enumerate(addresses):
        ledger = ledger_of(tmp_path / "ledgers" / f"own{number}", study("s1", "vae", "a", [ERROR]))
        assert export_studies(url, ledger) == {f"own{number}/vae": 1}
        assert f"own{number}/vae" in names(as_optuna_reads(url))
    assert {path.name for path in folder.iterdir()} == {"studies.db", "studies.log"}
    assert {path.name for path in tmp_path.iterdir()} == {"ledgers", name}


def test_braces_of_optunas_own_stay() -> None:
    url = "sqlite:////{x}/{SCHEMA_VERSION}/{}.db"
    assert as_optuna_reads(url) == "sqlite:////{{x}}/{SCHEMA_VERSION}/{{}}.db"
    assert as_optuna_reads("-{x}.log") == "./-{x}.log"


def test_of_an_export_that_fails_nothing_stays(ledger: Ledger, tmp_path: Path) -> None:
    url = url_of("sqlite", tmp_path)
    optuna.create_study(storage=url, study_name="digits_search/mine")
    with sqlite3.connect(tmp_path / "studies.db") as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON trials WHEN (SELECT COUNT(*) FROM trials) >= 8 "
            "BEGIN SELECT RAISE(ABORT, 'no room for this'); END"
        )
    with pytest.raises(UserError, match=r"cannot be written there .*no room for this"):
        export_studies(url, ledger)
    assert names(url) == ["digits_search/mine"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{folder}/missing/studies.db", "unable to open database file"),
        ("{folder}/missing/studies.log", "No such file or directory"),
        ("{folder}/studies.db", "neither a database's URL nor a journal's path"),
        ("sqlite:studies", "neither a database's URL nor a journal's path"),
        ("sqlite://", "in memory alone"),
        ("sqlite:///:memory:", "in memory alone"),
        ("nosql://me:secret@host/name", "nosql"),
        ("postgresql+nodriver://me:secret@host/name", "nodriver"),
        ("redis://:secret@127.0.0.1:1/0", "redis"),
        ("me:secret@host/name", "neither a database's URL nor a journal's path"),
        ("//me:secret@host/studies.log", "No such file or directory"),
        ("sqlite:///{folder}/text", "file is not a database"),
        ("{folder}/text", "no journal of Optuna's"),
        ("{folder}", "directory"),
        ("", "directory"),
    ],
)
def test_bad_storages_are_one_error_without_passwords(
    url: str, said: str, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("something of mine\n" * 300)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError) as caught:
        export_studies(url.format(folder=tmp_path), ledger)
    (line,) = caught.value.lines
    assert said.lower() in line.lower()
    assert "sqlite:///studies.db" in line  # what to write instead
    assert "\n" not in line
    assert "secret" not in line
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "text").read_text() == "something of mine\n" * 300


def test_a_question_mark_of_the_path_is_no_option(ledger: Ledger, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"no option 'x'; if the \? belongs to the path, write sql"):
        export_studies(f"sqlite:///{tmp_path}/why?x=1/studies.db", ledger)
    assert sorted(tmp_path.iterdir()) == before


def test_mlflows_database_is_refused_and_unchanged(ledger: Ledger, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mlflow.db"
    Tracker(url, MlflowConfig(), tmp_path).connect("mine")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        before = list(database.iterdump())
    with pytest.raises(UserError, match="database of another program, such as MLflow"):
        export_studies(url, ledger)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert list(database.iterdump()) == before


@pytest.mark.program
def test_the_dashboard_shows_it(
    exported: dict[str, tuple[str, dict[str, int]]], tmp_path: Path
) -> None:
    url, _ = exported["sqlite"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    server = subprocess.Popen(
        [program, url, "--port", str(port), "--server", "wsgiref"],
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        overview = fetch(port, "/api/studies", server)
        ids = {each["study_name"]: each["study_id"] for each in overview["study_summaries"]}
        assert sorted(ids) == ["digits_search/cvae latent_dim=4", "digits_search/vae"]
        shown = fetch(port, f"/api/studies/{ids['digits_search/vae']}", server)
    finally:
        server.terminate()
        server.wait(20)
    assert shown["directions"] == ["maximize"]
    assert shown["objective_names"] == ["val/probe_accuracy"]
    states = ["Complete", "Fail", "Pruned", "Complete", "Complete", "Running", "Waiting"]
    assert [each["state"] for each in shown["trials"]] == states
    assert shown["trials"][3]["values"] == [0.7]
    steps = [(each["step"], each["value"]) for each in shown["trials"][2]["intermediate_values"]]
    assert steps == [(1, 0.1), (2, 0.2)]
    attributes = {each["key"]: each["value"] for each in shown["trials"][0]["user_attrs"]}
    assert (attributes["key"], attributes["origin"]) == ("a", "enqueued")


def fetch(port: int, path: str, server: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + 60
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return json.load(answer)
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
