"""Ray, up for as long as a sweep is worked on."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from orchestration.engine.engine import Engine
from orchestration.ledger.paths import RAY_LOG
from orchestration.ledger.processes import ProcessRecord
from orchestration.run.left_to_do import in_words
from orchestration.run.rescue import Rescue
from orchestration.run.restart import watching
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import handlers_restored, uninterrupted


@contextmanager
def start_ray(run: SweepRun, processes: ProcessRecord) -> Iterator[Engine]:
    """Ray for as long as a sweep is worked on, with what it prints kept in the sweep's log.

    Args:
        run: that is worked on; it is begun anew where Ray dies under it.
        processes: the record of those that Ray starts.
    """
    from orchestration.engine import ray_environment

    request, console = run.request, run.console
    address, resources = request.flags.address, request.spec.resources
    if address is None:
        ray_environment.prepare_local(processes.temporary)
    else:
        ray_environment.prepare_joining()
    from orchestration.engine import ray_patches
    from orchestration.engine.node_checks import check_nodes, problems_at
    from orchestration.engine.ray_cluster import RaySession

    to_do = in_words(request, run.plan, run.ledger)
    differs = ray_patches.warning()
    if differs is not None:
        console.warning(differs)
    where = f"joining the cluster at {address}" if address else "starting Ray on this machine"
    ships = address is not None and bool(request.flags.ship_code)
    session = RaySession(
        address,
        resources,
        request.flags.max_concurrent,
        run.data.nbytes,
        processes.temporary,
        ship_code=ships,
    )
    log = request.folder / RAY_LOG
    try:
        with ThreadPoolExecutor(1) as pool:
            # Importing MLflow takes seconds, which starting Ray leaves idle on another core.
            pool.submit(importlib.import_module, "orchestration.tracking.tracker")
            with (
                console.others_to(log),
                console.busy(f"{request.spec.name}: {to_do}; {where}"),
                processes.following(),
                handlers_restored(),  # Ray sets its own
            ):
                cluster = session.start()
                if address is not None:
                    check_nodes(request.folder, resources.pool, shipped=ships)
                if cluster.nodes is not None:
                    cluster.nodes.ask_joining(partial(problems_at, request.folder, shipped=ships))
        run.signals.check()
        processes.update()
        with watching(cluster.died, Rescue(run)):
            with console.others_to(log):  # it takes a second, in which Ray may die
                from orchestration.engine.ray_tune import RayEngine
            folder = request.folder.resolve()
            yield RayEngine(cluster, run.data.sets, folder, resources, processes)
    finally:
        with uninterrupted(), console.others_to(log), console.busy("ending Ray", plain=False):
            session.stop()
            processes.clear()
