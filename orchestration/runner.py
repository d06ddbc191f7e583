"""``run``: from a sweep file to finished trials, continuing whatever is there already."""

from __future__ import annotations

import importlib
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import __version__, store
from orchestration.compare import comparison_table
from orchestration.console import Console
from orchestration.datasets import default_data_root
from orchestration.door import Door
from orchestration.errors import UserError
from orchestration.interrupt import Interrupted, InterruptHandler
from orchestration.ledger import Evaluated, Ledger, Sweep, end_attempt, locked
from orchestration.mlflow_config import (
    MlflowConfig,
    check_reachable,
    load_mlflow_config,
    resolved_uri,
    without_credentials,
)
from orchestration.plan import Plan, make_plan
from orchestration.processes import ProcessRecord, end_left_behind, recorded
from orchestration.programs import program
from orchestration.progress import Progress
from orchestration.queue import Queue
from orchestration.spec import SweepSpec
from orchestration.status import status_document

if TYPE_CHECKING:
    from cvae_core.data import Dataset
    from orchestration.engine import Cluster
    from orchestration.tracking import Tracker
    from orchestration.tracking_thread import TrackingThread

TRACKING_END_S = 120.0


@dataclass(frozen=True)
class Request:
    """What ``run`` was asked to do."""

    spec: SweepSpec
    storage: Path
    command: str
    """The command line that continues."""
    data_root: Path | None = None
    tracking_uri: str | None = None
    address: str | None = None
    max_concurrent: int | None = None

    @property
    def folder(self) -> Path:
        """The sweep's folder."""
        return self.storage / self.spec.name


def run_sweep(request: Request, console: Console) -> int:
    """Run or continue a sweep.

    Returns:
        Exit code: 0, 1 where trials failed, 130 where it was interrupted.

    Raises:
        UserError: the request is wrong; nothing was created.
    """
    plan = make_plan(request.spec)
    config = load_mlflow_config(request.tracking_uri)
    uri = resolved_uri(config, request.storage)
    ledger = Ledger.open(request.folder) if Ledger.exists(request.folder) else None
    if ledger is not None and _complete(request.spec, plan, ledger, uri):
        with _lock(request.folder):
            _enter_plan(Ledger.open(request.folder), request, plan, {}, console)
        return _summary(Ledger.open(request.folder), request, console, trained=False)

    datasets, fingerprints = _prepare(request, plan, ledger)
    _check_tracking(uri, first=ledger is None, console=console)
    with _lock(request.folder):
        left = end_left_behind(request.folder)
        if left:
            console.line(f"ended {left} processes that an interrupted run had left behind")
        return _run_locked(request, console, plan, config, uri, datasets, fingerprints)


def _complete(spec: SweepSpec, plan: Plan, ledger: Ledger, uri: str) -> bool:
    """Whether every trial has ended and been evaluated, and MLflow has been told so."""
    from orchestration.tracking_thread import up_to_date

    if ledger.sweep.outcome not in ("finished", "failed"):
        return False
    if ledger.sweep.tracking_uri != without_credentials(uri) or not up_to_date(ledger):
        return False
    for key in plan.trials:
        trial = ledger.trials.get(key)
        if trial is None or trial.state in ("pending", "running"):
            return False
        evaluated = trial.evaluations.get("probe", Evaluated()).state != "pending"
        if trial.state != "failed" and spec.evaluation.probe and not evaluated:
            return False
    return True


def _prepare(
    request: Request, plan: Plan, ledger: Ledger | None
) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Load the data and check what can be checked before anything is created."""
    from joblib import cpu_count

    from cvae_core.data import load_dataset
    from cvae_core.errors import DataError
    from orchestration.engine import check_address

    if request.address is not None:
        check_address(request.address)
    elif request.spec.resources.cpu > cpu_count():
        raise UserError(
            f"resources.cpu: a trial asks for {request.spec.resources.cpu} CPUs, and this machine "
            f"has {cpu_count()}; lower it in the sweep file or with --set resources.cpu=1"
        )
    _check_gpus(request)
    root = request.data_root or default_data_root()
    datasets = {}
    for name in plan.data_names:
        try:
            datasets[name] = load_dataset(name, root)
        except DataError as error:
            raise UserError(str(error)) from error
    fingerprints = {name: dataset.fingerprint() for name, dataset in datasets.items()}
    if ledger is not None:
        for name, fingerprint in fingerprints.items():
            if ledger.sweep.data.get(name, fingerprint) != fingerprint:
                raise UserError(
                    f"{name} under {root} is not the data that {request.folder} was begun with; "
                    "name that data with --data-root, or give the sweep another name"
                )
    return datasets, fingerprints


def _check_gpus(request: Request) -> None:
    import torch

    asked, there = request.spec.resources.gpu, torch.cuda.device_count()
    if request.address is None and asked > there:
        raise UserError(
            f"resources.gpu: a trial asks for {asked:g} GPUs, and PyTorch finds {there} on this "
            "machine; lower it in the sweep file or with --set resources.gpu=0"
        )


def _check_tracking(uri: str, *, first: bool, console: Console) -> None:
    try:
        check_reachable(uri)
    except UserError as error:
        if first:
            raise
        console.line(f"warning: {error}")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """The sweep's folder, locked; removed again where nothing came of it."""
    fresh = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); see --storage") from None
    try:
        with locked(folder):
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
        connected = _connect(uri, config, request, first=first, console=console)
        ledger = _open(request, fingerprints)
        _enter_plan(ledger, request, plan, fingerprints, console)
        lost = ledger.recover()
        if lost:
            console.line(f"{len(lost)} trials were cut off and continue")
        _note_tracking(ledger, uri, connected)
        thread = _follow(connected, ledger, console)
        interrupted = _work(request, console, plan, cluster, datasets, ledger, processes)
        _end(ledger, interrupted=interrupted)
        if thread is not None and not thread.finish(TRACKING_END_S):
            console.line("warning: MLflow is not up to date; run the same command again later")
    code = _summary(ledger, request, console, trained=True)
    if interrupted:
        console.line("interrupted; nothing is lost. To continue:")
        console.line(request.command)
        return 130
    return code


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

    where = f"the cluster at {request.address}" if request.address else "Ray on this machine"
    console.line(f"{request.spec.name}: {len(plan.trials)} trials; starting {where} …")
    session = RaySession(
        request.address,
        request.spec.resources,
        request.max_concurrent,
        sum(d.train.pixels.nbytes + d.test.pixels.nbytes for d in datasets.values()),
        processes.temporary,
    )
    log = request.folder / "logs" / "ray.log"
    try:
        with ThreadPoolExecutor(1) as pool:
            # Importing MLflow takes seconds, which starting Ray leaves idle on another core.
            pool.submit(importlib.import_module, "orchestration.tracking")
            with console.others_to(log):
                cluster = session.start()
        processes.update()
        yield cluster
    finally:
        with console.others_to(log):
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
        console.line(f"warning: {error}; training goes on without MLflow")
        return None


def _open(request: Request, fingerprints: dict[str, str]) -> Ledger:
    if Ledger.exists(request.folder):
        return Ledger.open(request.folder)
    sweep = Sweep(
        name=request.spec.name,
        sweep_id=uuid.uuid4().hex,
        created=time.time(),
        spec={},
        plan=[],
        data=fingerprints,
    )
    return Ledger.create(request.folder, sweep)


def _enter_plan(
    ledger: Ledger,
    request: Request,
    plan: Plan,
    fingerprints: dict[str, str],
    console: Console,
) -> None:
    """Note the plan in force; say so where it is not the one before."""
    sweep = ledger.sweep
    before, now = set(sweep.plan), set(plan.trials)
    if before and before != now:
        console.line(
            f"the plan has changed: {len(now - before)} trials are new, "
            f"{len(before - now)} have left it (their results stay)"
        )
    sweep.plan = list(plan.trials)
    sweep.spec = request.spec.model_dump(mode="json")
    sweep.flags = {
        "data_root": None if request.data_root is None else str(request.data_root),
        "address": request.address,
        "max_concurrent": request.max_concurrent,
        "tracking_uri": request.tracking_uri and without_credentials(request.tracking_uri),
    }
    sweep.data |= fingerprints
    sweep.code = {"version": __version__, "git_commit": _git_commit()}
    ledger.save_sweep()


def _note_tracking(ledger: Ledger, uri: str, tracker: tuple[Tracker, str, str] | None) -> None:
    sweep = ledger.sweep
    shown = without_credentials(uri)
    if sweep.tracking_uri != shown:
        from orchestration.tracking_thread import forget_signatures

        forget_signatures(ledger.folder)
    sweep.tracking_uri = shown
    if tracker is not None:
        sweep.experiment, sweep.experiment_id = tracker[1], tracker[2]
    sweep.outcome = "running"
    ledger.save_sweep()


def _follow(
    tracker: tuple[Tracker, str, str] | None, ledger: Ledger, console: Console
) -> TrackingThread | None:
    if tracker is None:
        return None
    from orchestration.tracking_thread import TrackingThread

    thread = TrackingThread(tracker[0], ledger, lambda text: console.line(f"warning: {text}"))
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
    queue = Queue(spec, plan, ledger)
    progress = Progress(console, ledger, cluster.slots)
    door = Door(ledger, queue, spec.checkpoints, progress)
    if queue.done:
        return False

    def stop() -> None:
        queue.closed = True
        door.stopping = True
        console.line("stopping after the epochs under way; press Ctrl-C again to end at once")

    console.line(f"{cluster.slots} trials at a time, {spec.resources.cpu} thread(s) each")
    folder = request.folder.resolve()
    log = folder / "logs" / "ray.log"
    with console.others_to(log), InterruptHandler(stop) as interrupt, suppress(Interrupted):
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
    ledger.sweep.outcome = "interrupted" if interrupted else "failed" if failed else "finished"
    ledger.save_sweep()


def _summary(ledger: Ledger, request: Request, console: Console, *, trained: bool) -> int:
    """Print how it stands; the exit code."""
    document = status_document(ledger)
    counts = document["counts"]
    console.line()
    if any(trial["state"] in ("finished", "stopped") for trial in document["trials"]):
        console.table(comparison_table(document["trials"]))
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    console.line(
        f"{ledger.sweep.name}: {', '.join(parts)}" + ("" if trained else "; nothing left to do")
    )
    failures = [
        (trial.key, failure)
        for trial in ledger.planned()
        for failure in (trial.error, *(part.error for part in trial.evaluations.values()))
        if failure is not None and (trial.state == "failed" or failure is not trial.error)
    ]
    for key, failure in failures:
        console.line(f"  {key}: {failure.kind}: {failure.message}")
    console.line(f"results: {request.folder}")
    _say_how_to_look(ledger, console)
    return 1 if failures else 0


def _say_how_to_look(ledger: Ledger, console: Console) -> None:
    sweep = ledger.sweep
    uri = sweep.tracking_uri or ""
    page = f"/#/experiments/{sweep.experiment_id}/runs"
    if uri.startswith("http"):
        console.line(f"MLflow:  {uri.rstrip('/')}{page}")
    else:
        ui = load_mlflow_config().ui
        console.line("MLflow:  open its pages with")
        options = f"--backend-store-uri {uri} --host {ui.host} --port {ui.port}"
        console.line(f"  {program('mlflow')} ui {options}")
        console.line(f"  and go to http://{ui.host}:{ui.port}{page}")
        console.line("  (the + beside the sweep opens its trials)")


def _git_commit() -> str:
    """Commit of the checkout that this program runs from; empty where there is none."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git is installed
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
