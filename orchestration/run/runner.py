"""``run``: from a sweep file to finished trials, continuing whatever is there already."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestration import store
from orchestration.compare.figure_files import note_search
from orchestration.engine.checkpoints import Retention
from orchestration.engine.early_stopping import EarlyStopping
from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.errors import StorageError, UserError
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import made_and_locked
from orchestration.ledger.paths import CHECKPOINT_NOW, RAY_LOG
from orchestration.ledger.processes import ProcessRecord, end_left_behind, recorded
from orchestration.ledger.recovery import recover, remove_unfinished
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import missing
from orchestration.run.end import end, ended_early, say_behind
from orchestration.run.left_to_do import is_complete, was_told
from orchestration.run.preparation import plan_of, prepare
from orchestration.run.ray_session import ray_up
from orchestration.run.request import Request
from orchestration.run.rescue import Rescue, begin_anew
from orchestration.run.restart import deaths
from orchestration.run.resume import check_stored_plan, say_what_changed
from orchestration.run.start import enter_plan, mend, new_ledger, note_tracking
from orchestration.run.stop import stoppable
from orchestration.run.summary import say_summary
from orchestration.run.sync import catch_up
from orchestration.signals import Heard, InterruptHandler, uninterrupted
from orchestration.status.live.board import Board
from orchestration.status.live.lines import Progress
from orchestration.status.live.table import LiveView
from orchestration.terminal.console import Console
from orchestration.tracking.config import load_mlflow_config, resolved_uri
from orchestration.tracking.place import Place
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.syncer import Bringer
from orchestration.tracking.thread import TrackingThread
from orchestration.words import count

if TYPE_CHECKING:
    from cvae_core.data import Dataset
    from orchestration.engine.ray_cluster import Cluster
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
        UserError: the request is wrong; nothing is left of it.
    """
    evaluation = request.spec.evaluation.located(request.flags.directory)
    spec = request.spec.model_copy(update={"evaluation": evaluation})
    config = load_mlflow_config(request.flags.tracking_uri)
    uri = resolved_uri(config, request.storage)
    # The ledger keeps what is in force, whether a flag, the file or the environment says so.
    named = uri if config.tracking_uri else None
    flags = replace(request.flags, tracking_uri=named)
    request = replace(request, spec=spec, flags=flags)
    place = Place(uri, config, request.storage)
    with made_and_locked(request.folder, keep_request=deaths() > 0):
        if deaths() and not begin_anew(request, place, console):
            return 130
        with stoppable(request.folder):
            return _run(request, console, heard, place)


def _run(request: Request, console: Console, heard: Heard, place: Place) -> int:
    """Run or continue a sweep whose lock is held."""
    left = end_left_behind(request.folder)
    if left:
        console.line(f"ended {left} processes that an interrupted run had left behind")
    ledger = None
    if Ledger.exists(request.folder):
        ledger = Ledger.open(request.folder)
        mend(ledger, console)
    plan = plan_of(request, console)
    if ledger is not None and request.stored_plan:
        check_stored_plan(ledger, plan)
        say_what_changed(ledger, console)
    if ledger is not None and is_complete(request, plan, ledger):
        enter_plan(ledger, request, plan, {}, console)
        if not was_told(request, ledger, place.uri):
            catch_up(place, ledger, console)
        console.quiet = False
        nothing = "nothing left to do" if request.wish is None else "no evaluation is missing"
        return say_summary(ledger, console, nothing)

    datasets, fingerprints = prepare(
        request, plan, ledger or Ledger.open_or_empty(request.folder), console
    )
    if ledger is None:
        check_reachable(place.uri)
    elif request.retry is not None:
        # Before Ray is there, under whose death it might be done by halves and then forgotten.
        ledger.put_back_failed(request.retry, request.spec.evaluation.wanted())
    rescue = Rescue(request, console, heard)
    code = _train(request, console, plan, place, ledger, datasets, fingerprints, rescue)
    if code == 130 and Ledger.exists(request.folder):
        with suppress(UserError):  # what workers were still writing; the next command would
            recover(Ledger.open(request.folder))
    return code


def _train(
    request: Request,
    console: Console,
    plan: Plan,
    place: Place,
    ledger: Ledger | None,
    datasets: dict[str, Dataset],
    fingerprints: dict[str, str],
    rescue: Rescue,
) -> int:
    with (
        recorded(request.folder) as processes,
        ray_up(request, console, plan, datasets, processes, rescue) as cluster,
    ):
        opened = None
        if ledger is None:  # later MLflow may be down
            with console.busy("connecting MLflow"):
                opened = place.open(request.spec.name)
            ledger = new_ledger(request, fingerprints)
        enter_plan(ledger, request, plan, fingerprints, console)
        if request.wish is not None:
            ledger.forget_missing(missing(ledger, request.spec.evaluation, request.wish))
        lost = recover(ledger)
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
    from orchestration.engine.ray_tune import run_on_ray

    spec = request.spec
    retention = Retention(spec, console.warning)
    if request.wish is None:
        retention.make_room(ledger)  # less may be allowed now, because the disk was full
    queue = Queue(spec, plan, ledger, request.wish, slots=cluster.slots)
    board = Board(ledger, cluster.slots, spec.evaluation, request.wish)
    live = console.live
    view = LiveView(console, board, spec.name) if live else Progress(console, board)
    early = EarlyStopping(spec.scheduler, ledger) if spec.scheduler else None
    results = rescue.results = Results(ledger, queue, spec.checkpoints, view, early, retention)
    if queue.done:
        return False

    def stop() -> None:
        results.stop()
        view.stopping()

    console.line(
        f"{count(cluster.slots, 'trial')} at a time, {count(spec.resources.cpu, 'thread')} each"
    )
    folder = request.folder.resolve()
    log = folder / RAY_LOG
    store.remove(folder / CHECKPOINT_NOW)  # of a run that was killed when it was to stop
    rescue.heard.check()
    with console.others_to(log), view.shown(), InterruptHandler(stop) as interrupt:
        run_on_ray(
            cluster,
            queue,
            results,
            datasets,
            folder,
            spec.resources,
            processes.temporary,
            processes.update,
        )
    store.remove(folder / CHECKPOINT_NOW)
    remove_unfinished(ledger)
    if results.broken is not None:
        raise results.broken
    return interrupt.seen
