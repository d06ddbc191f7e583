"""``run``: from a sweep file to finished trials, continuing whatever is there already."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from orchestration.commands import sweep_command
from orchestration.errors import INTERRUPTED, UserError
from orchestration.ledger.draft import Draft
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import made_and_locked
from orchestration.ledger.processes import end_left_behind
from orchestration.ledger.recovery import recover
from orchestration.run.auto_cpu import as_begun, chosen
from orchestration.run.left_to_do import is_complete, was_told
from orchestration.run.numerics import check_numerics
from orchestration.run.preparation import plan_of, prepare
from orchestration.run.ray_session import start_ray
from orchestration.run.request import Request
from orchestration.run.rescue import begin_anew, not_started_again
from orchestration.run.restart import deaths
from orchestration.run.resume import check_name, check_stored_plan, say_what_changed
from orchestration.run.start import enter_plan, mend, say_new_plan
from orchestration.run.stop import stoppable
from orchestration.run.summary import say_summary
from orchestration.run.sweep_run import StartEngine, SweepRun
from orchestration.run.sync import catch_up
from orchestration.signals import ReceivedSignals
from orchestration.terminal.console import Console
from orchestration.tracking.config import load_mlflow_config, resolved_uri
from orchestration.tracking.place import Place
from orchestration.tracking.reachable import check_reachable


def run_sweep(
    request: Request,
    console: Console,
    signals: ReceivedSignals,
    start_engine: StartEngine = start_ray,
) -> int:
    """Run or continue a sweep.

    Args:
        request: what is wanted.
        console: where it is told.
        signals: that have come so far.
        start_engine: has up what trains and evaluates.

    Returns:
        Exit code: 0, 1 where trials failed, 130 where it was interrupted.

    Raises:
        UserError: the request is wrong; nothing is left of it.
    """
    request, place = _in_force(request)
    with made_and_locked(request.folder, keep_request=deaths() > 0):
        if deaths() and not begin_anew(request, place, console):
            return INTERRUPTED
        with stoppable(request.folder, console.warning):
            prepared = _prepare(request, console, signals, place)
            if isinstance(prepared, int):
                return prepared
            try:
                code = prepared.carry_out(start_engine)
            except UserError as error:
                if prepared.up or not deaths():
                    raise
                not_started_again(prepared, error)
            if code == INTERRUPTED and prepared.ledger.is_begun:
                with suppress(UserError):  # what workers were still writing; else the next command
                    recover(Ledger.open(request.folder))
            return code


def _in_force(request: Request) -> tuple[Request, Place]:
    """The request with every place that flags, files and environment leave open."""
    for path in (request.flags.directory, request.flags.data_root):
        _check_name(path)
    evaluation = request.spec.evaluation.located(request.flags.directory)
    spec = request.spec.model_copy(update={"evaluation": evaluation})
    config = load_mlflow_config(request.flags.tracking_uri)
    uri = resolved_uri(config, request.storage)
    # The ledger keeps what is in force, whether a flag, the file or the environment says so.
    named = uri if config.tracking_uri else None
    flags = replace(request.flags, tracking_uri=named)
    return replace(request, spec=spec, flags=flags), Place(uri, config, request.storage)


def _check_name(path: Path | None) -> None:
    try:
        str(path and path.resolve()).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{path}: the ledger keeps the working directory and --data-root, and this name is not "
            "UTF-8; rename it, or choose another one"
        ) from None


def _prepare(
    request: Request, console: Console, signals: ReceivedSignals, place: Place
) -> SweepRun | int:
    """The run of a sweep whose lock is held; the exit code where nothing is left to do."""
    left = end_left_behind(request.folder)
    if left:
        console.line(f"ended {left} processes that an interrupted run had left behind")
    ledger = Ledger.open_or_empty(request.folder)
    if ledger.is_begun:
        check_numerics(ledger)
        check_name(request.folder, ledger.sweep.name)
    mend(ledger, console)
    request = as_begun(request, ledger)
    plan = plan_of(request, console)
    if request.stored_plan:
        check_stored_plan(ledger, plan)
        say_what_changed(ledger, console)
    draft = Draft.of(ledger)
    enter_plan(draft, request, plan, {})
    if ledger.is_begun and is_complete(request, draft):
        say_new_plan(ledger, plan, console)
        enter_plan(ledger, request, plan, {})
        if not was_told(request, ledger, place.uri):
            catch_up(place, ledger, console)
        console.quiet = False
        nothing = "nothing left to do" if request.wish is None else "no evaluation is missing"
        return say_summary(ledger, console, nothing)
    data = prepare(request, plan, ledger, console)
    request = chosen(request, plan, data, ledger, console)
    if not ledger.is_begun:
        check_reachable(place.uri)
    if request.retry is not None:
        # Before Ray is there, under whose death it might be done by halves and then forgotten.
        ledger.put_back_failed(request.retry, request.spec.evaluation.wanted())
        # By the time it is interrupted, those that it names may not be failed ones any more.
        request = replace(request, command=sweep_command("resume", request.folder))
    return SweepRun(request, console, signals, place, plan, data, ledger)
