"""Sweeps on several hosts come out as on one, whatever happens to a host."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest

import cvae_core
import orchestration
from tests.cluster.conftest import (
    BIN,
    OFF,
    SWEEP,
    Quiet,
    RayHosts,
    check_told,
    hosts_of,
    make_used,
    metrics,
    other_version,
    wait_until,
)
from tests.cluster.hosts import Host

pytestmark = pytest.mark.timeout(1800)  # several hosts, on a machine that may be busy

GRID = SWEEP.replace("epochs: 20", "epochs: 8")
"""Of twelve trials."""
LONG = SWEEP.replace("epochs: 20", "epochs: 80").replace("seeds: [0, 1, 2]", "seeds: [0]")
"""Of four, for what happens in between."""
CUT_S = 30.0
TRIALS = 8
SEARCH = f"""\
name: small
baselines: false
base:
  model: cvae
  data: {{name: digits}}
  epochs: 36
  batch_size: 128
  architecture: {{channels: [4, 8], latent_dim: 4}}
search:
  trials: {TRIALS}
  sampler: random
  space:
    learning_rate: {{log: [1.0e-4, 1.0e-2]}}
    tau: {{range: [0.1, 1.0]}}
  objectives: [{{metric: val/reconstruction, direction: minimize}}]
scheduler: {{name: asha, metric: val/reconstruction, grace_epochs: 4, reduction: 3}}
checkpoints: {{min_interval_s: 0}}
evaluation: {{{OFF}}}
"""


@pytest.fixture(scope="module")
def alone(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Callable[[str], Quiet]]:
    """``alone(text)``: a sweep on this machine alone, begun when first asked for, once for all."""
    begun: dict[str, Quiet] = {}

    def begin(text: str) -> Quiet:
        if text not in begun:
            folder = tmp_path_factory.mktemp("alone")
            make_used(folder / "runs", empty_database)
            begun[text] = Quiet(folder, text)
        return begun[text]

    yield begin
    for quiet in begun.values():
        quiet.end()


def test_the_link_to_a_host_is_cut_and_restored(
    cluster: RayHosts, alone: Callable[[str], Quiet]
) -> None:
    other = cluster.add()
    file = cluster.write(LONG)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: other.name in hosts_of(cluster.trials()), "epoch on the second host")
    cluster.network.cut(other)
    restored = time.monotonic() + CUT_S
    quiet = alone(LONG)
    time.sleep(max(0.0, restored - time.monotonic()))
    cluster.network.restore(other)
    assert process.wait(900) == 0, cluster.log.read_text()
    # By whom it is missed first: the worker by its driver, or the node by Ray.
    assert re.search("worker lost.*(cannot be reached|is gone)", cluster.log.read_text())
    assert metrics(cluster.trials()) == quiet.metrics
    check_told(cluster, f"sqlite:///{cluster.storage}/mlflow.db")


def test_a_host_dies_and_another_one_joins(
    cluster: RayHosts, alone: Callable[[str], Quiet]
) -> None:
    second = cluster.add()
    file = cluster.write(LONG)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: second.name in hosts_of(cluster.trials()), "epoch on the second host")
    second.kill()
    gone = f"node {second.name} ({second.address}) is gone: 1 trial at a time now"
    wait_until(lambda: gone in cluster.log.read_text(), "word of the lost node")
    unfit = cluster.add(hidden=(cluster.storage,))
    kept_out = f"node {unfit.name} ({unfit.address}) has joined, and is given nothing: the sweep's"
    wait_until(lambda: kept_out in cluster.log.read_text(), "word of the unfit node")
    third = cluster.add()
    assert process.wait(900) == 0, cluster.log.read_text()
    said = cluster.log.read_text()
    assert f"node {third.name} ({third.address}) has joined: 2 trials at a time now" in said
    where = re.escape(f"node {second.name} ({second.address})")
    assert re.search(f"worker lost, and goes on from .*: its .*{where} (is gone|cannot be)", said)
    trials = cluster.trials()
    assert third.name in hosts_of(trials)
    assert unfit.name not in hosts_of(trials)
    assert metrics(trials) == alone(LONG).metrics
    nodes = {node["node"].split()[0]: node for node in cluster.status()["nodes"]}
    assert nodes.keys() == {host.name for host in (cluster.head, second, third)}
    assert nodes[second.name]["lost"] == 1
    assert sum(node["trials"] for node in nodes.values()) == len(trials)


@pytest.mark.monitors
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


def test_a_search_that_stops_trials_early_loses_a_host(
    cluster: RayHosts, alone: Callable[[str], Quiet]
) -> None:
    """What is stopped depends on who came to a rung when; what is asked for and found does not."""
    second = cluster.add()
    file = cluster.write(SEARCH)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: second.name in hosts_of(cluster.trials()), "epoch on the second host")
    second.kill()
    quiet = alone(SEARCH)
    assert process.wait(900) == 0, cluster.log.read_text()
    trials = cluster.trials()
    assert "lost" in {attempt.outcome for trial in trials.values() for attempt in trial.attempts}
    (study,) = cluster.status()["studies"]
    assert study["state"] == "complete"
    assert (study["asked"], study["finished"] + study["stopped"]) == (TRIALS, TRIALS)
    assert study["stopped"] > 0
    database = f"sqlite:///{cluster.folder}/studies.db"
    command = [str(BIN / "cvae-sweep"), "study", "small", "--export", database]
    subprocess.run([*command, "--storage", str(cluster.storage)], check=True, capture_output=True)
    (summary,) = optuna.get_all_study_summaries(database)
    told = optuna.load_study(study_name=summary.study_name, storage=database).trials
    assert len(told) == TRIALS
    assert all(trial.state.is_finished() for trial in told)
    expected, found = quiet.metrics, metrics(trials)
    assert found.keys() == expected.keys()
    for key, epochs in found.items():
        both = min(len(epochs), len(expected[key]))
        assert epochs[:both] == expected[key][:both]
    check_told(cluster, f"sqlite:///{cluster.storage}/mlflow.db")


def test_a_host_that_has_other_code_is_sent_this_one(
    cluster: RayHosts, alone: Callable[[str], Quiet]
) -> None:
    """Of the packages there are empty folders there, and the version is another: without
    ``--ship-code`` test_unfit_nodes.py has it refused."""
    installed = tuple(Path(package.__path__[0]) for package in (cvae_core, orchestration))
    other = cluster.add(hidden=installed, PYTHONPATH=other_version(cluster, "cvae_sweep-0.0.1"))
    file = cluster.write(GRID)
    command = ("run", str(file), "--address", cluster.address)
    process = cluster.start(cluster.head, *command, "--ship-code")
    quiet = alone(GRID)
    assert process.wait(900) == 0, cluster.log.read_text()
    assert "2 trials at a time" in cluster.log.read_text()
    trials = cluster.trials()
    assert len(trials) == 12
    assert hosts_of(trials) == {cluster.head.name, other.name}
    assert metrics(trials) == quiet.metrics


def test_the_driver_is_killed_and_continued_from_another_host(
    cluster: RayHosts, alone: Callable[[str], Quiet]
) -> None:
    other = cluster.add()
    file = cluster.write(LONG)
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: any(trial.epoch > 2 for trial in cluster.trials().values()), "third epoch")
    process.kill()
    process.wait()
    before = {key: trial.epoch for key, trial in cluster.trials().items()}
    assert any(0 < epoch < 80 for epoch in before.values())
    process = cluster.start(other, "resume", "small", "--storage", str(cluster.storage))
    assert process.wait(900) == 0, cluster.log.read_text()
    trials = cluster.trials()
    assert any(attempt.from_epoch for trial in trials.values() for attempt in trial.attempts)
    assert metrics(trials) == alone(LONG).metrics
