"""What a local Ray starts: no more than is used, and none of it reached from another machine."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import tempfile

SCRIPT = """
import json, sys
from pathlib import Path
import psutil
from orchestration.engine.ray_environment import prepare_local

prepare_local(Path(sys.argv[1]))  # first: Ray reads it when it is imported
from orchestration.engine.ray_cluster import RaySession
from orchestration.spec.sweep import Resources
import ray

session = RaySession(None, Resources(), 1, 0, Path(sys.argv[1]))
session.start()
try:
    ray.get(ray.remote(lambda: 1).options(num_cpus=1).remote())
    own = psutil.Process()
    family = own.children(recursive=True)
    commands = [" ".join(process.cmdline()) for process in family]
    workers = [p.environ() for p in family if p.cmdline()[0].startswith("ray::IDLE")]
    threads = [environment.get("OMP_NUM_THREADS") for environment in workers]
    listening = [
        (process.name(), connection.laddr.ip)
        for process in (own, *family)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
finally:
    session.stop()
print(json.dumps([listening, commands, threads]))
"""


def test_a_local_ray_starts_what_is_used_and_listens_on_the_loopback_address_alone() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY")}
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, short],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    listening, commands, threads = json.loads(done.stdout.splitlines()[-1])
    programs = {name for name, _ in listening}
    assert {"gcs_server", "raylet"} <= programs
    for unused in ("dashboard/dashboard.py", "log_monitor.py", "/monitor.py"):
        assert not any(unused in command for command in commands)
    assert set(threads) == {"1"}, "a worker without a trial's environment is of no use"
    for name, address in listening:
        found = ipaddress.ip_address(address.removeprefix("::ffff:"))
        assert found.is_loopback, f"{name} listens on {address}"
