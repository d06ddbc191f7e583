"""A command that goes on after Ray has died under it, as its environment says."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.engine import Engine, Idle
from orchestration.errors import UserError
from orchestration.ledger.documents import Attempt
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.plan import make_plan
from orchestration.run.request import Flags, Request
from orchestration.run.rescue import Rescue
from orchestration.run.restart import NOTED_IN, SIGNALS_FD, VARIABLE, Program
from orchestration.run.runner import run_sweep
from orchestration.run.start import enter_plan, new_ledger
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import ReceivedSignals, ended_by_signals, unblock
from orchestration.spec.reading import load_spec
from orchestration.terminal.console import Console

OFF = ", ".join(f"{part}: false" for part in PARTS)
TEXT = f"""
name: small
baselines: false
base: {{data: {{name: digits}}, epochs: 2, architecture: {{latent_dim: 4}}}}
evaluation: {{{OFF}, probe_every: 0}}
"""


class AgainError(Exception):
    """In place of a process that is replaced."""


class Replaced(Program):
    def again(self, died: int, descriptor: int, noted_in: Path | None) -> NoReturn:
        unblock()
        raise AgainError(died, noted_in)


@pytest.fixture
def signals_before() -> Iterator[int]:
    """What the program before has left: nobody has asked it to end."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    yield reader.detach()
    writer.close()


@pytest.fixture
def begun(
    tmp_path: Path, signals_before: int, monkeypatch: pytest.MonkeyPatch, small: Dataset
) -> Request:
    """A sweep under whose one trial Ray has died once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setenv(SIGNALS_FD, str(signals_before))
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    file = tmp_path / "sweep.yaml"
    file.write_text(TEXT)
    flags = Flags(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    request = Request(load_spec(file), tmp_path / "runs", "the command", flags, program=Replaced())
    ledger = new_ledger(request, {})
    enter_plan(ledger, request, make_plan(request.spec), {})
    (trial,) = ledger.trials.values()
    trial.state = "running"
    trial.attempts = [Attempt(number=1, from_epoch=0, began=0.0)]
    ledger.save(trial)
    return request


def test_ray_that_cannot_be_started_again_has_died_once_more(
    begun: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not the command, which would leave a trial that nobody trains as running."""

    def start(_: SweepRun, __: ProcessRecord) -> AbstractContextManager[Engine]:
        raise UserError("a local Ray could not be started")

    with pytest.raises(AgainError) as raised, ended_by_signals() as received:
        run_sweep(begun, Console(), received, start)
    assert raised.value.args == (2, None)
    said = capsys.readouterr().out
    assert "Ray is started anew" in said
    assert "warning: a local Ray could not be started" in said


def test_for_the_first_time_it_is_said_and_nothing_more(
    begun: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: SweepRun, __: ProcessRecord) -> AbstractContextManager[Engine]:
        raise UserError("a local Ray could not be started")

    monkeypatch.delenv(VARIABLE)
    with pytest.raises(UserError, match="could not be started"), ended_by_signals() as received:
        run_sweep(begun, Console(quiet=True), received, start)


def test_what_fails_once_it_is_up_is_no_death(
    begun: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_: SweepRun) -> NoReturn:
        raise UserError("MLflow does not answer")

    def start(_: SweepRun, __: ProcessRecord) -> AbstractContextManager[Engine]:
        return nullcontext(Idle())

    monkeypatch.setattr(SweepRun, "_open", begin)
    with pytest.raises(UserError, match="does not answer"), ended_by_signals() as received:
        run_sweep(begun, Console(quiet=True), received, start)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Request]:
    """``asked("run", …)``: what a command is about to do."""
    from orchestration.cli import main

    def ask(*arguments: str) -> Request:
        found: list[Request] = []

        def carry_out(request: Request, *, quiet: bool) -> int:
            found.append(request)
            return 0

        monkeypatch.setattr("orchestration.cli.running.carry_out", carry_out)
        monkeypatch.setattr(sys, "argv", ["cvae-sweep", *arguments])
        with pytest.raises(SystemExit):
            main.carry_out()
        return found[0]

    return ask


def test_a_file_that_was_edited_meanwhile_changes_nothing(
    begun: Request, asked: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Path("sweep.yaml")
    file.write_text(TEXT.replace("epochs: 2", "epochs: 9").replace("small", "other"))
    before = asked("run", "sweep.yaml")
    assert (before.spec.name, before.spec.base["epochs"]) == ("other", 9), "no plan was noted"
    monkeypatch.setenv(NOTED_IN, str(begun.folder))
    file.unlink()
    request = asked("run", "sweep.yaml", "--max-concurrent", "1")
    assert request.folder.resolve() == begun.folder
    assert make_plan(request.spec).trials.keys() == Ledger.open(begun.folder).trials.keys()
    assert request.flags.max_concurrent == 1
    assert not request.stored_plan
    file.write_text(TEXT.replace("epochs: 2", "epochs: 9"))
    monkeypatch.delenv(VARIABLE)
    assert asked("run", "sweep.yaml").spec.base["epochs"] == 9, "nobody has died"


@pytest.mark.parametrize("noted", [True, False])
def test_the_program_that_comes_then_is_told_where_the_plan_is_noted(
    begun: Request, noted: bool
) -> None:
    """Not before: what is noted there may be of an earlier command, with another file."""
    with ended_by_signals() as received:
        run: Any = Run(begun, received, noted)
        with pytest.raises(AgainError) as raised:
            Rescue(run)("Ray's process 1")
    assert raised.value.args == (2, begun.folder if noted else None)


class Run:
    """As much of a run as is asked for when Ray has died."""

    results = None

    def __init__(self, request: Request, signals: ReceivedSignals, noted: bool) -> None:
        self.request = request
        self.signals = signals
        self.console = Console(quiet=True)
        self.reuse = object() if noted else None


def test_the_environment_tells_it(begun: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def execve(path: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
        raise AgainError({k: v for k, v in environment.items() if k.startswith("CVAE_SWEEP_")})

    monkeypatch.setattr(os, "execve", execve)
    program = Program(environment={NOTED_IN: "/before"})
    for noted, told in ((begun.folder, str(begun.folder)), (None, "/before")):
        with pytest.raises(AgainError) as raised:
            program.again(2, 7, noted)
        assert raised.value.args == ({VARIABLE: "2", SIGNALS_FD: "7", NOTED_IN: told},)
