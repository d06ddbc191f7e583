"""As many threads as a trial has CPUs: set, asserted and recorded."""

from __future__ import annotations

import os
import sys
from typing import Any

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def thread_environment(count: int) -> dict[str, str]:
    """Environment of a process whose libraries are to start ``count`` threads each."""
    return dict.fromkeys(VARIABLES, str(count))


def limit_threads(count: int) -> dict[str, Any]:
    """Hold PyTorch, OpenMP, BLAS and numba to ``count`` threads in this process.

    numba reads its variable when it is first imported, so the environment settles it where that
    has not happened yet. A library that is built for fewer has as many as it can: OpenBLAS of
    numpy's and SciPy's wheels has 64 at most.

    Returns:
        What is in force, by library.

    Raises:
        RuntimeError: a library does not obey, and has more.
    """
    os.environ.update(thread_environment(count))
    import sklearn  # noqa: F401 - brings BLAS and OpenMP in, so that they can be held
    import torch
    from threadpoolctl import ThreadpoolController

    if "numba" in sys.modules:
        import numba

        config: Any = numba.config
        try:
            config.reload_config()
        except RuntimeError:
            # Its threads run already: they can be held, and whatever it compiles next would
            # refuse another number in the environment.
            os.environ["NUMBA_NUM_THREADS"] = str(config.NUMBA_NUM_THREADS)
        # First: starting its thread pool changes what OpenMP, and with it PyTorch, was set to.
        numba.set_num_threads(min(count, config.NUMBA_NUM_THREADS))
    torch.set_num_threads(count)
    pools = ThreadpoolController()  # looking for them takes longer than all else
    pools.limit(limits=count)
    in_force: dict[str, Any] = {"torch": torch.get_num_threads()}
    for pool in pools.info():
        name = f"{pool['user_api']}:{pool['internal_api']}"
        in_force[name] = max(pool["num_threads"], in_force.get(name, 0))
    if "numba" in sys.modules:
        in_force["numba"] = numba.get_num_threads()
    else:
        in_force["numba"] = int(os.environ["NUMBA_NUM_THREADS"])
    wrong = {name: threads for name, threads in in_force.items() if threads > count}
    if wrong:
        raise RuntimeError(f"{count} threads were asked for, but these are in force: {wrong}")
    return in_force
