"""Sweeps on several hosts come out as on one, whatever happens to a host."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from typing import Any

import pytest

from orchestration.ledger.documents import Trial
from tests.cluster.conftest import BIN, SWEEP, RayHosts, wait_until
from tests.cluster.hosts import Host

pytestmark = pytest.mark.timeout(1800)  # several hosts, on a machine that may be busy

LONG = SWEEP.replace("epochs: 20", "epochs: 80").replace("seeds: [0, 1, 2]", "seeds: [0]")


def metrics(trials: dict[str, Trial]) -> dict[str, list[Any]]:
    """Of every epoch of every trial."""
    return {key: [epoch.metrics for epoch in trial.epochs] for key, trial in trials.items()}


def hosts_of(trials: dict[str, Trial]) -> set[str]:
    """Where they were trained, as far as a worker has said so."""
    attempts = [attempt for trial in trials.values() for attempt in trial.attempts]
    return {attempt.worker["host"] for attempt in attempts if attempt.worker}


def quiet(cluster: RayHosts, text: str) -> dict[str, list[Any]]:
    """What one run on this machine alone finds."""
    folder = cluster.folder / "quiet"
    folder.mkdir()
    (folder / "small.yaml").write_text(text)
    command = [str(BIN / "cvae-sweep"), "run", "small.yaml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return metrics(cluster.trials(runs=folder / "runs"))


def test_a_grid_on_two_hosts(cluster: RayHosts) -> None:
    other = cluster.add()
    file = cluster.write()
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    assert process.wait(900) == 0, cluster.log.read_text()
    trials = cluster.trials()
    assert len(trials) == 12
    assert hosts_of(trials) == {cluster.head.name, other.name}
    assert "2 trials at a time" in cluster.log.read_text()
    assert metrics(trials) == quiet(cluster, SWEEP)


def test_a_host_dies_and_another_one_joins(cluster: RayHosts) -> None:
    second = cluster.add()
    file = cluster.write(LONG)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: second.name in hosts_of(cluster.trials()), "epoch on the second host")
    second.kill()
    gone = f"node {second.name} ({second.address}) is gone: 1 trial at a time now"
    wait_until(lambda: gone in cluster.log.read_text(), "word of the lost node")
    third = cluster.add()
    assert process.wait(900) == 0, cluster.log.read_text()
    said = cluster.log.read_text()
    assert f"node {third.name} ({third.address}) has joined: 2 trials at a time now" in said
    where = re.escape(f"node {second.name} ({second.address})")
    assert re.search(f"worker lost, and goes on from .*: its .*{where} (is gone|cannot be)", said)
    trials = cluster.trials()
    assert third.name in hosts_of(trials)
    assert metrics(trials) == quiet(cluster, LONG)
    nodes = {node["node"].split()[0]: node for node in cluster.status()["nodes"]}
    assert nodes.keys() == {host.name for host in (cluster.head, second, third)}
    assert nodes[second.name]["lost"] == 1
    assert sum(node["trials"] for node in nodes.values()) == len(trials)


def test_the_driver_is_killed_and_continued_from_another_host(cluster: RayHosts) -> None:
    other = cluster.add()
    file = cluster.write(LONG)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: any(trial.epoch > 2 for trial in cluster.trials().values()), "third epoch")
    process.kill()
    process.wait()
    before = {key: trial.epoch for key, trial in cluster.trials().items()}
    assert min(before.values()) < 80
    process = cluster.start(other, "resume", "small", "--storage", str(cluster.storage))
    assert process.wait(900) == 0, cluster.log.read_text()
    assert metrics(cluster.trials()) == quiet(cluster, LONG)


def test_where_trials_are_placed(cluster: RayHosts) -> None:
    """On a pool's nodes alone; and not again where one has died twice, as long as others are."""
    other = cluster.add(labels="pool=fast")
    file = cluster.write(LONG.replace("beta: [1e-3, 1e-5]", "beta: [1e-3]"))
    run = ("run", str(file), "--address", cluster.address)
    fast = ("--set", "resources.pool=fast")

    def refused(*settings: str) -> str:
        command = [str(BIN / "cvae-sweep"), *run, "--storage", str(cluster.storage), *settings]
        done = cluster.head.run(*command)
        assert done.returncode == 2, done.stderr
        assert list(cluster.storage.glob("small*")) == [], "nothing was begun"
        return done.stderr

    head = f"{cluster.head.name} ({cluster.head.address}): none"
    labels = f"labels there are: {head}; {other.name} ({other.address}): pool=fast"
    slow = refused("--set", "resources.pool=slow")
    assert f"no node has Ray's label pool=slow ({labels})" in slow
    assert "no node of the pool fast has that many" in refused(*fast, "--set", "resources.cpu=2")
    process = cluster.start(cluster.head, *run, *fast, "--set", "epochs=2")
    assert process.wait(900) == 0, cluster.log.read_text()
    assert hosts_of(cluster.trials()) == {other.name}
    shutil.rmtree(cluster.storage)
    process = cluster.start(cluster.head, *run)
    for number in (1, 2):
        os.kill(worker_on(cluster, other, number), signal.SIGKILL)
    assert process.wait(900) == 0, cluster.log.read_text()
    (died,) = (trial for trial in cluster.trials().values() if len(trial.attempts) > 1)
    hosts = [attempt.worker["host"] for attempt in died.attempts]
    assert hosts == [other.name, other.name, cluster.head.name]


def worker_on(cluster: RayHosts, host: Host, attempt: int) -> int:
    """Process of the worker that trains a trial there in this attempt, once it has reported."""
    found: list[int] = []

    def seen() -> bool:
        last = [t.attempts[-1] for t in cluster.trials().values() if len(t.attempts) == attempt]
        found[:] = [each.worker["pid"] for each in last if each.worker.get("host") == host.name]
        return bool(found)

    wait_until(seen, f"attempt {attempt} on {host.name}")
    return found[0]
