"""Ray, up for as long as a sweep is worked on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import RAY_LOG
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import missing
from orchestration.run.request import Request
from orchestration.run.rescue import Rescue
from orchestration.run.restart import watching
from orchestration.signals import handlers_kept, uninterrupted
from orchestration.terminal.console import Console
from orchestration.words import count

if TYPE_CHECKING:
    from cvae_core.data import Dataset
    from orchestration.engine.ray_cluster import Cluster


@contextmanager
def ray_up(
    request: Request,
    console: Console,
    plan: Plan,
    datasets: dict[str, Dataset],
    processes: ProcessRecord,
    rescue: Rescue,
) -> Iterator[Cluster]:
    """Ray for as long as a sweep is worked on, with what it prints kept in the sweep's log.

    Args:
        rescue: what saves the sweep if Ray dies.
    """
    from orchestration.engine.ray_cluster import RaySession

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
    log = request.folder / RAY_LOG
    try:
        with ThreadPoolExecutor(1) as pool:
            # Importing MLflow takes seconds, which starting Ray leaves idle on another core.
            pool.submit(importlib.import_module, "orchestration.tracking.tracker")
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
    untrained = sum(trial.is_open for trial in ledger.planned())
    if not untrained:
        return adding
    return f"{adding} ({count(untrained, 'trial')} not trained yet, see cvae-sweep resume)"
