"""``run``: from a sweep file to finished trials, continuing whatever is there already."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import store
from orchestration.board import Board
from orchestration.bringing import Bringer, Place, up_to_date
from orchestration.console import Console
from orchestration.counting import count
from orchestration.door import Door
from orchestration.early_stopping import EarlyStopping
from orchestration.ending import Rescue, begin_anew, end, ended_early
from orchestration.entry import enter_plan, mend, note_tracking, open_ledger
from orchestration.errors import StorageError, UserError
from orchestration.interrupt import Heard, InterruptHandler, handlers_kept, uninterrupted
from orchestration.jobs import CHECKPOINT_NOW
from orchestration.ledger import Ledger
from orchestration.live import LiveView
from orchestration.lock import locked
from orchestration.mlflow_config import load_mlflow_config, resolved_uri, without_credentials
from orchestration.plan import Plan
from orchestration.preparation import Request, plan_of, prepare
from orchestration.processes import ProcessRecord, end_left_behind, recorded
from orchestration.progress import Progress
from orchestration.queue import Queue
from orchestration.reachable import check_reachable
from orchestration.restart import deaths, watching
from orchestration.resume import check_stored_plan, say_what_changed
from orchestration.retention import Retention
from orchestration.searchreport import note_search
from orchestration.shared import missing, shared_tasks
from orchestration.stopping import stoppable
from orchestration.summary import say_summary
from orchestration.sync import catch_up, say_behind
from orchestration.tracking_thread import TrackingThread
from orchestration.wanted import open_tasks

if TYPE_CHECKING:
    from cvae_core.data import Dataset
    from orchestration.cluster import Cluster

TRACKING_END_S = 120.0
INTERRUPTED_END_S = 30.0
CUT_OFF_S = 5.0


def run_sweep(request: Request, console: Console, heard: Heard) -> int:
    """Run or continue a sweep.

    Args:
        request: what is wanted.
        console: where it is told.
        heard: which signals have come.

    Returns:
        Exit code: 0, 1 where trials failed, 130 where it was interrupted.

    Raises:
        UserError: the request is wrong; nothing was created.
    """
    evaluation = request.spec.evaluation.located(request.flags.directory)
    spec = request.spec.model_copy(update={"evaluation": evaluation})
    request = replace(request, spec=spec)
    # Where Ray has died, what it left behind goes before anything else is done.
    plan = None if deaths() else plan_of(request, console)
    config = load_mlflow_config(request.flags.tracking_uri)
    uri = resolved_uri(config, request.storage)
    # The ledger keeps what is in force, whether a flag, the file or the environment says so.
    named = uri if config.tracking_uri else None
    request = replace(request, flags=replace(request.flags, tracking_uri=named))
    place = Place(uri, config, request.storage)
    if plan is not None:
        return _run(request, console, heard, plan, place)
    # Held from here to the end, so that nobody else comes in between.
    with locked(request.folder):
        if not begin_anew(request, place, console):
            return 130
        return _run(request, console, heard, plan_of(request, console), place)


def _run(request: Request, console: Console, heard: Heard, plan: Plan, place: Place) -> int:
    """Run or continue a sweep whose plan was made."""
    ledger = Ledger.open(request.folder) if Ledger.exists(request.folder) else None
    if ledger is not None and request.stored_plan:
        with locked(request.folder, already=deaths() > 0):
            pass  # a plan that another command changes right now cannot be judged
        check_stored_plan(ledger, plan)
        say_what_changed(ledger, console)
    if ledger is not None and _complete(request, plan, ledger):
        with _lock(request.folder):
            end_left_behind(request.folder)
            ledger = Ledger.open(request.folder)
            mend(ledger, console)
            enter_plan(ledger, request, plan, {}, console)
            if not _told(request, ledger, place.uri):
                catch_up(place, ledger, console)
        console.quiet = False
        nothing = "nothing left to do" if request.wish is None else "no evaluation is missing"
        return say_summary(Ledger.open(request.folder), console, nothing)

    datasets, fingerprints = prepare(request, plan, ledger, console)
    if ledger is None:
        check_reachable(place.uri)
    with _lock(request.folder):
        left = end_left_behind(request.folder)
        if left:
            console.line(f"ended {left} processes that an interrupted run had left behind")
        if request.retry is not None:
            _put_back_failed(request, request.retry, console)
        rescue = Rescue(request, console, heard)
        code = _run_locked(request, console, plan, place, datasets, fingerprints, rescue)
        if code == 130 and Ledger.exists(request.folder):
            with suppress(UserError):  # what workers were still writing; the next command would
                Ledger.open(request.folder).recover()
        return code


def _put_back_failed(request: Request, keys: tuple[str, ...], console: Console) -> None:
    """Before Ray is there, under whose death it might be done by halves and then forgotten."""
    ledger = Ledger.open(request.folder)
    mend(ledger, console)
    ledger.put_back_failed(keys, request.spec.evaluation.wanted())


def _told(request: Request, ledger: Ledger, uri: str) -> bool:
    """Whether it is noted how the sweep ended, and MLflow has been told that and all else."""
    at_rest = ["finished", "failed"] + ["interrupted"] * (request.wish is not None)
    same = ledger.sweep.tracking_uri == without_credentials(uri)
    return ledger.sweep.outcome in at_rest and same and up_to_date(ledger)


def _complete(request: Request, plan: Plan, ledger: Ledger) -> bool:
    """Whether every trial has ended and been evaluated."""
    if request.wish is not None:
        return not missing(ledger, request.spec.evaluation, request.wish)
    if request.retry is not None:
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
    already = deaths() > 0
    fresh = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); see --storage") from None
    with locked(folder, already=already), stoppable(folder, already=already):
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
    place: Place,
    datasets: dict[str, Dataset],
    fingerprints: dict[str, str],
    rescue: Rescue,
) -> int:
    first = not Ledger.exists(request.folder)
    with (
        recorded(request.folder) as processes,
        _ray(request, console, plan, datasets, processes, rescue) as cluster,
    ):
        opened = None
        if first:  # later MLflow may be down
            with console.busy("connecting MLflow"):
                opened = place.open(request.spec.name)
        ledger = open_ledger(request, fingerprints)
        mend(ledger, console)
        enter_plan(ledger, request, plan, fingerprints, console)
        if request.wish is not None:
            ledger.forget_missing(missing(ledger, request.spec.evaluation, request.wish))
        lost = ledger.recover()
        if lost:
            then = "continue" if request.wish is None else "stay so: resume continues them"
            console.line(f"{len(lost)} trials were cut off and {then}")
        ledger.sweep.outcome = "running"
        note_tracking(ledger, place.uri)
        thread = TrackingThread(Bringer(place, ledger, opened), console.warning, console.line)
        thread.start()
        try:
            interrupted = _work(
                request, console, plan, cluster, datasets, ledger, processes, rescue
            )
            note_search(ledger)
            end(ledger, interrupted=interrupted)
        except Exception as error:
            thread.finish(INTERRUPTED_END_S)
            return ended_early(error, request, ledger, console)
        except BaseException:  # a signal before the first job, or after the last one
            with uninterrupted():
                _cut_off(ledger, thread, console)
            raise
        with console.busy("MLflow is catching up", plain=False):
            told = thread.finish(INTERRUPTED_END_S if interrupted else TRACKING_END_S)
        if not told:
            say_behind(ledger, console)
    console.quiet = False
    code = say_summary(ledger, console)
    if interrupted:
        console.line("interrupted; nothing is lost. To continue:")
        console.line(request.command)
        return 130
    return code


def _cut_off(ledger: Ledger, thread: TrackingThread, console: Console) -> None:
    """Bring a sweep to rest that is not given the time to end by itself."""
    with suppress(StorageError):
        if ledger.sweep.outcome == "running":
            end(ledger, interrupted=True)
    if not thread.finish(CUT_OFF_S):
        say_behind(ledger, console)


def _what(request: Request, plan: Plan) -> str:
    """What is to be done, in a few words."""
    if request.wish is None:
        studies = f" in {count(len(plan.studies), 'study')}" if plan.studies else ""
        return count(plan.size, "trial") + studies
    ledger = Ledger.open(request.folder)
    keys = [key for key, _ in missing(ledger, request.spec.evaluation, request.wish)]
    adding = f"{count(len(keys), 'evaluation')} of {count(len(set(keys) - {''}), 'trial')}"
    kept = max(
        (sum(not ref.spare for ref in trial.checkpoints) for trial in ledger.planned()), default=0
    )
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
    rescue: Rescue,
) -> Iterator[Cluster]:
    """Ray, with what it prints kept in the sweep's log.

    Args:
        rescue: what saves the sweep if Ray dies.
    """
    from orchestration.cluster import RaySession

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
            with (
                console.others_to(log),
                console.busy(starting),
                processes.following(),
                handlers_kept(),  # Ray sets its own
            ):
                cluster = session.start()
        rescue.heard.check()
        processes.update()
        with watching(cluster.died, rescue):
            yield cluster
    finally:
        with uninterrupted(), console.others_to(log), console.busy("ending Ray", plain=False):
            session.stop()
            processes.clear()


def _work(
    request: Request,
    console: Console,
    plan: Plan,
    cluster: Cluster,
    datasets: dict[str, Dataset],
    ledger: Ledger,
    processes: ProcessRecord,
    rescue: Rescue,
) -> bool:
    """Work the queue off; whether it was interrupted.

    Raises:
        StorageError: something could not be written down.
    """
    from orchestration.engine import run_on_ray

    spec = request.spec
    retention = Retention(spec, console.warning)
    if request.wish is None:
        retention.make_room(ledger)  # less may be allowed now, because the disk was full
    queue = Queue(spec, plan, ledger, request.wish, slots=cluster.slots)
    board = Board(ledger, cluster.slots, spec.evaluation, request.wish)
    live = console.live
    view = LiveView(console, board, spec.name) if live else Progress(console, board)
    early = EarlyStopping(spec.scheduler, ledger) if spec.scheduler else None
    door = rescue.door = Door(ledger, queue, spec.checkpoints, view, early, retention)
    if queue.done:
        return False

    def stop() -> None:
        door.stop()
        view.stopping()

    console.line(
        f"{count(cluster.slots, 'trial')} at a time, {count(spec.resources.cpu, 'thread')} each"
    )
    folder = request.folder.resolve()
    log = folder / "logs" / "ray.log"
    store.remove(folder / CHECKPOINT_NOW)  # of a run that was killed when it was to stop
    rescue.heard.check()
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
    store.remove(folder / CHECKPOINT_NOW)
    ledger.remove_unfinished()
    if door.broken is not None:
        raise door.broken
    return interrupt.seen
