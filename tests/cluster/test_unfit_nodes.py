"""What is wrong with a node is said before the first trial, with its name, and nothing is begun."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import cvae_core
import orchestration
from tests.cluster.conftest import BIN, RayHosts, head_on, other_version, switch
from tests.cluster.hosts import Host

pytestmark = pytest.mark.timeout(1800)  # several hosts, on a machine that may be busy


class Unfit(NamedTuple):
    """A cluster whose head alone is fit, so that nothing is ever begun in its storage folder."""

    cluster: RayHosts
    unshared: Host
    """Does not see the storage folder."""
    outdated: Host
    """Has other versions, and nothing of this code."""


@pytest.fixture(scope="module")
def unfit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unfit]:
    with switch() as network:
        cluster = head_on(network, tmp_path_factory.mktemp("unfit"))
        cluster.storage.mkdir()
        unshared = cluster.add(cpus=3, hidden=(cluster.storage,))
        versions = other_version(cluster, "cvae_sweep-0.0.1", "numpy-1.2.3")
        installed = tuple(Path(package.__path__[0]) for package in (cvae_core, orchestration))
        yield Unfit(cluster, unshared, cluster.add(hidden=installed, PYTHONPATH=versions))


def test_all_that_is_wrong_is_said_at_once(unfit: Unfit) -> None:
    cluster, unshared, outdated = unfit
    file = cluster.write()
    command = [str(BIN / "cvae-sweep"), "run", str(file), "--storage", str(cluster.storage)]
    done = cluster.head.run(*command, "--address", cluster.address)
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 2
    (folder,) = (line for line in lines if line.startswith(f"error: node {unshared.name} "))
    assert f"the sweep's folder {cluster.storage}/small cannot be read there" in folder
    assert "--storage" in folder
    (versions,) = (line for line in lines if line.startswith(f"error: node {outdated.name} "))
    assert "cvae-sweep 0.0.1 (here 0." in versions
    assert "numpy 1.2.3 (here " in versions
    assert list(cluster.storage.glob("small*")) == [], "nothing was begun"


def test_doctor_looks_at_every_node(unfit: Unfit) -> None:
    cluster, unshared, outdated = unfit
    before = sorted(cluster.storage.iterdir())
    command = [str(BIN / "cvae-sweep"), "doctor", "--address", cluster.address]
    done = cluster.head.run(*command, "--storage", str(cluster.storage), "--json")
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    found = {check["name"]: check for check in report["checks"]}
    fit = found[f"node {cluster.head.name} ({cluster.head.address})"]
    assert fit["status"] == "ok"
    assert "1 CPU, 0 GPUs: 1 trial at a time" in fit["found"]
    hidden = found[f"node {unshared.name} ({unshared.address})"]
    assert hidden["status"] == "problem"
    assert "cannot be read there" in hidden["found"]
    assert found[f"node {outdated.name} ({outdated.address})"]["status"] == "problem"
    assert sorted(cluster.storage.iterdir()) == before
