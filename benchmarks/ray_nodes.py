"""A Ray cluster of several nodes on this machine, for ``scale.py``; it ends with its block.

    python benchmarks/ray_nodes.py NUMBER       # until standard input is closed

It is a process of its own, as Ray keeps in mind what it was first told of tokens.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60.0


@contextmanager
def ray_nodes(number: int) -> Iterator[dict[str, str]]:
    """So many nodes with one CPU each; the environment of who joins, ``RAY_ADDRESS`` in it.

    They ask for a token, as a cluster does that is not open to everybody.
    """
    # Paths of sockets may not be long.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as temporary:
        own = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_TMPDIR": temporary,
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        log = Path(temporary, "log")
        with log.open("w") as errors:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, __file__, str(number)],
                env=os.environ | own,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise SystemExit(f"Ray has not started:\n{log.read_text()[-5000:]}")
            yield own | {"RAY_ADDRESS": address}
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    try:
        for _ in range(int(sys.argv[1])):
            cluster.add_node(num_cpus=1, include_dashboard=False)
        print(cluster.address, flush=True)
        sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
