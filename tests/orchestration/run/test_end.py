"""How a sweep has ended: one rule, whoever asks."""

from __future__ import annotations

import io
import itertools
import os
import signal
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.compare.loaded import load_sweep
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.engine.worker import Worker
from orchestration.errors import UserError
from orchestration.ledger.documents import Ask, Attempt, Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import ERROR_LOG
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.evaluation_tasks import Wish
from orchestration.run.end import bring_to_rest, end, ended_early
from orchestration.run.request import Flags, Request
from orchestration.run.resume import stored_request
from orchestration.run.runner import run_sweep
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.status.sweeps import list_document
from orchestration.terminal.console import Console
from tests.mlflow_content import content

STATES = ("pending", "running", "finished", "stopped", "failed")
KINDS = (*STATES, "to come")
COMBINATIONS = [
    combination for n in range(len(KINDS) + 1) for combination in itertools.combinations(KINDS, n)
]


def ledger_of(folder: Path, kinds: tuple[str, ...]) -> Ledger:
    """A search that has asked for a trial in each of these states, and has perhaps one to come."""
    sweep = Sweep(name=folder.name, sweep_id="1", created=0.0, spec={}, plan=[], outcome="running")
    ledger = Ledger.create(folder, sweep)
    states = [kind for kind in kinds if kind != "to come"]
    for seed, state in enumerate(states):
        config = TrialConfig.from_settings({"seed": seed}).to_settings()
        trial = Trial.model_validate({"key": state, "config": config, "state": state})
        trial.attempts = [Attempt(number=1, from_epoch=0, began=0.0)]
        ledger.save(trial)
    asks = [Ask(number=number, params={}, key=state) for number, state in enumerate(states)]
    common: dict[str, Any] = {"sampler": "tpe", "seed": 0, "startup": 1, "fixed": {}, "space": {}}
    objective = {"metric": "val/loss", "direction": "minimize"}
    # A search makes up for a failed trial with another one.
    trials = len(set(kinds) - {"failed"})
    study = Study(key="s", name="s", trials=trials, objectives=[objective], asks=asks, **common)
    ledger.save_study(study)
    ledger.sweep.studies = ["s"]
    ledger.save_sweep()
    return ledger


def expected(kinds: tuple[str, ...]) -> str:
    if not kinds or {"pending", "running", "to come"} & set(kinds):
        return "interrupted"
    return "failed" if "failed" in kinds else "finished"


@pytest.mark.parametrize("kinds", COMBINATIONS, ids=lambda kinds: "+".join(kinds) or "none")
def test_all_say_the_same(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    for bring in (end, bring_to_rest):
        folder = tmp_path / bring.__name__
        ledger = ledger_of(folder, kinds)
        before = load_sweep(folder.name, tmp_path).document["state"]
        bring(ledger)
        assert Ledger.open(folder).sweep.outcome == expected(kinds)
        assert before == load_sweep(folder.name, tmp_path).document["state"] == expected(kinds)
    assert {row["state"] for row in list_document(tmp_path)["sweeps"]} == {expected(kinds)}


class StoppedAfterOneTrial(InProcessEngine):
    """Ctrl-C between the first trial and the second one."""

    def work(self, queue: Queue, results: Results) -> None:
        job = queue.next()
        assert job is not None
        self._worker.start(job)
        results.begun(job)
        while not results.report(job, self._worker.step()):
            pass
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
def test_what_only_the_search_could_show_is_said_as_a_request_to_mend(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger = ledger_of(tmp_path / "s", ("finished", "to come"))
    request: Any = SimpleNamespace(folder=ledger.folder, command="cvae-sweep resume s")
    error = UserError("search.space: a=1 was suggested, which is not allowed")
    assert ended_early(error, request, ledger, Console()) == 2
    said = "".join(capfd.readouterr())
    assert "search.space: a=1 was suggested" in said
    assert "an error of cvae-sweep itself" not in said
    assert "cvae-sweep resume s" in said
    assert not (ledger.folder / ERROR_LOG).exists()


def test_an_evaluation_does_not_finish_a_search_that_was_stopped(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first trial is trained, two are to be asked for still: MLflow says what status says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    objective = {"metric": "val/reconstruction", "direction": "minimize"}
    sections = {
        "name": "search",
        "base": {"data": {"name": "digits"}, "epochs": 1, "architecture": {"latent_dim": 4}},
        "search": {
            "trials": 3,
            "space": {"beta": {"log": [1e-8, 1e-1]}},
            "objectives": [objective],
        },
        "evaluation": {**dict.fromkeys(PARTS, False), "probe_every": 0},
    }
    spec = parse_spec(Layers(Path("search.yaml"), sections, {}))
    flags = Flags(tracking_uri=uri)

    def run(request: Request, engine: type[InProcessEngine]) -> int:
        def start(run: SweepRun, _: ProcessRecord) -> AbstractContextManager[Engine]:
            worker = Worker(run.data.sets, run.request.folder, threads=1, gpu=False)
            return nullcontext(engine(worker))

        with ended_by_signals() as signals:
            return run_sweep(request, Console(io.StringIO(), quiet=True), signals, start)

    def said() -> tuple[str, str, str]:
        document = load_sweep("search", tmp_path).document
        parent = content(uri, "search")["parent"]["status"]
        return document["state"], Ledger.open(tmp_path / "search").sweep.outcome, parent

    command = "cvae-sweep run search.yaml"
    assert run(Request(spec, tmp_path, command, flags), StoppedAfterOneTrial) == 130
    assert said() == ("interrupted", "interrupted", "KILLED")
    wish = Wish(only=("diagnostics",))
    request = stored_request("search", tmp_path, flags, wish=wish)
    assert run(request, InProcessEngine) == 0
    (trial,) = Ledger.open(tmp_path / "search").trials.values()
    assert trial.evaluations["diagnostics"].state == "finished"
    assert said() == ("interrupted", "interrupted", "KILLED")
