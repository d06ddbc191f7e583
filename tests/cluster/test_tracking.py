"""MLflow's server on PostgreSQL, both stopped and started again while hosts are at work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.conftest import SWEEP, RayHosts, check_told, wait_until
from tests.cluster.postgres import Postgres, programs, running
from tests.tracking_server import TrackingServer

pytestmark = pytest.mark.timeout(1800)  # several hosts, on a machine that may be busy

LONG = SWEEP.replace("epochs: 20", "epochs: 60").replace("seeds: [0, 1, 2]", "seeds: [0, 1]")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with running() as made:
        yield made


def test_server_and_database_stop_and_start_again(cluster: RayHosts, postgres: Postgres) -> None:
    cluster.add()
    server = TrackingServer(cluster.folder / "mlflow", cluster.network.outside, postgres.address)
    server.start()
    try:
        run_while_they_fail(cluster, server, postgres)
        check_told(cluster, server.uri)
    finally:
        server.kill()


def run_while_they_fail(cluster: RayHosts, server: TrackingServer, postgres: Postgres) -> None:
    file, tracking = cluster.write(LONG), ("--tracking-uri", server.uri)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address, *tracking)

    def epochs() -> int:
        return sum(trial.epoch for trial in cluster.trials().values())

    wait_until(lambda: epochs() > 20, "twentieth epoch")
    server.kill()
    seen = epochs()
    wait_until(lambda: epochs() > seen + 40, "further epoch without a server")
    server.start()
    postgres.stop()
    seen = epochs()
    wait_until(lambda: epochs() > seen + 40, "further epoch without a database")
    postgres.start()
    assert process.wait(900) == 0, cluster.log.read_text()
