"""``run``: from a sweep file to finished trials, continuing whatever is there already."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import store
from orchestration.board import Board
from orchestration.console import Console
from orchestration.counting import count
from orchestration.documents import end_attempt
from orchestration.door import Door
from orchestration.early_stopping import EarlyStopping
from orchestration.entry import enter_plan, note_tracking, open_ledger
from orchestration.errors import UserError
from orchestration.interrupt import InterruptHandler
from orchestration.ledger import Ledger, locked
from orchestration.live import LiveView
from orchestration.mlflow_config import (
    MlflowConfig,
    load_mlflow_config,
    resolved_uri,
    without_credentials,
)
from orchestration.plan import Plan
from orchestration.preparation import Request, check_tracking, plan_of, prepare
from orchestration.processes import ProcessRecord, end_left_behind, recorded
from orchestration.progress import Progress
from orchestration.queue import Queue
from orchestration.resume import check_stored_plan, say_what_changed
from orchestration.retention import Retention
from orchestration.searchreport import note_search
from orchestration.shared import missing, shared_tasks
from orchestration.summary import say_summary
from orchestration.wanted import open_tasks

if TYPE_CHECKING:
    from cvae_core.data import Dataset
    from orchestration.engine import Cluster
    from orchestration.tracking import Tracker
    from orchestration.tracking_thread import TrackingThread

TRACKING_END_S = 120.0


def run_sweep(request: Request, console: Console) -> int:
    """Run or continue a sweep.

    Returns:
        Exit code: 0, 1 where trials failed, 130 where it was interrupted.

    Raises:
        UserError: the request is wrong; nothing was created.
    """
    evaluation = request.spec.evaluation.located(request.flags.directory)
    spec = request.spec.model_copy(update={"evaluation": evaluation})
    request = replace(request, spec=spec)
    plan = plan_of(request, console)
    config = load_mlflow_config(request.flags.tracking_uri)
    uri = resolved_uri(config, request.storage)
    # The ledger keeps what is in force, whether a flag, the file or the environment says so.
    named = uri if config.tracking_uri else None
    request = replace(request, flags=replace(request.flags, tracking_uri=named))
    ledger = Ledger.open(request.folder) if Ledger.exists(request.folder) else None
    if ledger is not None and request.stored_plan:
        with locked(request.folder):
            pass  # a plan that another command changes right now cannot be judged
        check_stored_plan(ledger, plan)
        say_what_changed(ledger, console)
    if ledger is not None and _complete(request, plan, ledger, uri):
        with _lock(request.folder):
            end_left_behind(request.folder)
            enter_plan(Ledger.open(request.folder), request, plan, {}, console)
        console.quiet = False
        nothing = "nothing left to do" if request.wish is None else "no evaluation is missing"
        return say_summary(Ledger.open(request.folder), console, nothing)

    datasets, fingerprints = prepare(request, plan, ledger, console)
    check_tracking(uri, first=ledger is None, console=console)
    with _lock(request.folder):
        left = end_left_behind(request.folder)
        if left:
            console.line(f"ended {left} processes that an interrupted run had left behind")
        return _run_locked(request, console, plan, config, uri, datasets, fingerprints)


def _complete(request: Request, plan: Plan, ledger: Ledger, uri: str) -> bool:
    """Whether every trial has ended and been evaluated, and MLflow has been told so."""
    from orchestration.tracking_thread import up_to_date

    if ledger.sweep.tracking_uri != without_credentials(uri) or not up_to_date(ledger):
        return False
    if request.wish is not None:
        left = missing(ledger, request.spec.evaluation, request.wish)
        return ledger.sweep.outcome != "running" and not left
    if ledger.sweep.outcome not in ("finished", "failed") or request.retry is not None:
        return False
    if plan.studies and not _searched(request, plan, ledger):
        return False
    for key in ledger.planned_keys() if plan.studies else plan.trials:
        trial = ledger.trials.get(key)
        if trial is None or trial.state in ("pending", "running"):
            return False
        if open_tasks(trial, request.spec.evaluation):
            return False
    return not shared_tasks(ledger, request.spec.evaluation)


def _searched(request: Request, plan: Plan, ledger: Ledger) -> bool:
    """Whether every study has ended with as many trials and replicates as it is to have."""
    if list(plan.studies) != ledger.sweep.studies or request.spec.search is None:
        return False
    for key, wanted in plan.studies.items():
        study = ledger.studies[key]
        replicated = len(study.replicates) == request.spec.search.replicates
        if study.end is None or study.trials != wanted.trials:
            return False
        if study.winner is not None and not replicated:
            return False
    return True


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """The sweep's folder, locked; removed again where nothing came of it."""
    fresh = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); see --storage") from None
    with locked(folder):
        try:
            yield
        finally:
            if not Ledger.exists(folder):
                for path in fresh:
                    if path == folder or not any(path.iterdir()):
                        store.remove_folder(path)


def _run_locked(
    request: Request,
    console: Console,
    plan: Plan,
    config: MlflowConfig,
    uri: str,
    datasets: dict[str, Dataset],
    fingerprints: dict[str, str],
) -> int:
    first = not Ledger.exists(request.folder)
    with (
        recorded(request.folder) as processes,
        _ray(request, console, plan, datasets, processes) as cluster,
    ):
        with console.busy("connecting MLflow"):
            connected = _connect(uri, config, request, first=first, console=console)
        ledger = open_ledger(request, fingerprints)
        enter_plan(ledger, request, plan, fingerprints, console)
        if request.retry is not None:
            ledger.put_back_failed(request.retry, request.spec.evaluation.wanted())
        if request.wish is not None:
            ledger.forget_missing(missing(ledger, request.spec.evaluation, request.wish))
        lost = ledger.recover()
        if lost:
            then = "continue" if request.wish is None else "stay so: resume continues them"
            console.line(f"{len(lost)} trials were cut off and {then}")
        note_tracking(ledger, uri, connected and connected[1:])
        thread = _follow(connected, ledger, console)
        interrupted = _work(request, console, plan, cluster, datasets, ledger, processes)
        note_search(ledger)
        _end(ledger, interrupted=interrupted)
        with console.busy("MLflow is catching up", plain=False):
            up_to_date = thread is None or thread.finish(TRACKING_END_S)
        if not up_to_date:
            console.warning("MLflow is not up to date; run the same command again later")
    console.quiet = False
    code = say_summary(ledger, console)
    if interrupted:
        console.line("interrupted; nothing is lost. To continue:")
        console.line(request.command)
        return 130
    return code


def _what(request: Request, plan: Plan) -> str:
    """What is to be done, in a few words."""
    if request.wish is None:
        studies = f" in {count(len(plan.studies), 'study')}" if plan.studies else ""
        return count(plan.size, "trial") + studies
    ledger = Ledger.open(request.folder)
    keys = [key for key, _ in missing(ledger, request.spec.evaluation, request.wish)]
    adding = f"{count(len(keys), 'evaluation')} of {count(len(set(keys) - {''}), 'trial')}"
    kept = max((len(trial.checkpoints) for trial in ledger.planned()), default=0)
    if request.wish.every_checkpoint and kept <= 1:
        adding += (
            "; one checkpoint of each trial was kept, so there is no convergence to be seen "
            "(set checkpoints.every_epochs before training)"
        )
    untrained = sum(trial.state in ("pending", "running") for trial in ledger.planned())
    if not untrained:
        return adding
    return f"{adding} ({count(untrained, 'trial')} not trained yet, see cvae-sweep resume)"


@contextmanager
def _ray(
    request: Request,
    console: Console,
    plan: Plan,
    datasets: dict[str, Dataset],
    processes: ProcessRecord,
) -> Iterator[Cluster]:
    """Ray, with what it prints kept in the sweep's log."""
    from orchestration.engine import RaySession

    address = request.flags.address
    where = f"the cluster at {address}" if address else "Ray on this machine"
    starting = f"{request.spec.name}: {_what(request, plan)}; starting {where}"
    session = RaySession(
        request.flags.address,
        request.spec.resources,
        request.flags.max_concurrent,
        sum(d.train.pixels.nbytes + d.test.pixels.nbytes for d in datasets.values()),
        processes.temporary,
    )
    log = request.folder / "logs" / "ray.log"
    try:
        with ThreadPoolExecutor(1) as pool:
            # Importing MLflow takes seconds, which starting Ray leaves idle on another core.
            pool.submit(importlib.import_module, "orchestration.tracking")
            with console.others_to(log), console.busy(starting):
                cluster = session.start()
        processes.update()
        yield cluster
    finally:
        with console.others_to(log), console.busy("ending Ray", plain=False):
            session.stop()


def _connect(
    uri: str, config: MlflowConfig, request: Request, *, first: bool, console: Console
) -> tuple[Tracker, str, str] | None:
    """Tracker, experiment and its id; later than at the first start MLflow may fail."""
    from orchestration.tracking import Tracker

    try:
        tracker = Tracker(uri, config, request.storage)
        return (tracker, *tracker.connect(request.spec.name))
    except UserError as error:
        if first:
            raise
        console.warning(f"{error}; training goes on without MLflow")
        return None


def _follow(
    tracker: tuple[Tracker, str, str] | None, ledger: Ledger, console: Console
) -> TrackingThread | None:
    if tracker is None:
        return None
    from orchestration.tracking_thread import TrackingThread

    thread = TrackingThread(tracker[0], ledger, console.warning)
    thread.start()
    return thread


def _work(
    request: Request,
    console: Console,
    plan: Plan,
    cluster: Cluster,
    datasets: dict[str, Dataset],
    ledger: Ledger,
    processes: ProcessRecord,
) -> bool:
    """Work the queue off; whether it was interrupted."""
    from orchestration.engine import run_on_ray

    spec = request.spec
    queue = Queue(spec, plan, ledger, request.wish)
    board = Board(ledger, cluster.slots, spec.evaluation, request.wish)
    live = console.live
    view = LiveView(console, board, spec.name) if live else Progress(console, board)
    early = EarlyStopping(spec.scheduler, ledger) if spec.scheduler else None
    retention = Retention(spec, console.warning)
    door = Door(ledger, queue, spec.checkpoints, view, early, retention)
    if queue.done:
        return False

    def stop() -> None:
        queue.closed = True
        door.stopping = True
        view.stopping()

    console.line(
        f"{count(cluster.slots, 'trial')} at a time, {count(spec.resources.cpu, 'thread')} each"
    )
    folder = request.folder.resolve()
    log = folder / "logs" / "ray.log"
    with console.others_to(log), view.shown(), InterruptHandler(stop) as interrupt:
        run_on_ray(
            cluster,
            queue,
            door,
            datasets,
            folder,
            spec.resources,
            processes.temporary,
            processes.update,
        )
    return interrupt.seen


def _end(ledger: Ledger, *, interrupted: bool) -> None:
    """Bring every state to rest."""
    for trial in list(ledger.trials.values()):
        if trial.state == "running":
            ledger.change(trial.key, lambda t: end_attempt(t, "interrupted", "pending"))
    failed = any(trial.state == "failed" for trial in ledger.planned())
    # An evaluation of a sweep that was interrupted does not finish it.
    interrupted |= any(trial.state == "pending" for trial in ledger.planned())
    ledger.sweep.outcome = "interrupted" if interrupted else "failed" if failed else "finished"
    ledger.save_sweep()
