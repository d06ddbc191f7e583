"""A Ray cluster of several hosts, and sweeps on it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from tests.cluster.hosts import Host, Network, NoNamespacesError
from tests.cluster.loopback import Loopback

BIN = Path(sys.executable).parent
PORT = 6379
PATIENCE_S = 300.0
OFF = "probe_every: 0, probe: false, umap: false, fd: false, pictures: false, diagnostics: false"
SWEEP = f"""\
name: small
base:
  data: {{name: digits}}
  epochs: 20
  batch_size: 128
  learning_rate: 3e-3
  architecture: {{channels: [4, 8], latent_dim: 4}}
grid:
  model: [vae, cvae]
  beta: [1e-3, 1e-5]
seeds: [0, 1, 2]
checkpoints: {{min_interval_s: 0}}
evaluation: {{{OFF}}}
"""


class RayHosts:
    """Hosts whose Ray is one cluster; the first one is its head.

    Args:
        network: on which there are no hosts yet.
        folder: that all hosts see.
        port: of the head.
        monitors: whether Ray has all the programs that it starts by itself.
    """

    def __init__(
        self,
        network: Network | Loopback,
        folder: Path,
        port: int = PORT,
        *,
        monitors: bool = False,
    ) -> None:
        self.network = network
        self._monitors = monitors
        self._port = port
        self.folder = folder
        self.token = folder / "token"
        self.token.write_text(secrets.token_hex(32))
        self.token.chmod(0o600)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environment = kept | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            "CVAE_SWEEP_CACHE": str(folder / "cache"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_period_ms": "1000",  # five times in vain, and a node has gone
        }
        self.head = self.add(cpus=1)

    @property
    def address(self) -> str:
        return f"{self.network.hosts[next(iter(self.network.hosts))].address}:{self._port}"

    def add(
        self,
        *,
        cpus: int = 1,
        labels: str = "",
        hidden: tuple[Path, ...] = (),
        **environment: str,
    ) -> Host:
        """One more host, whose Ray is up when this returns."""
        host = self.network.add(self.environment | environment)
        host.hidden += hidden
        first = len(self.network.hosts) == 1
        where = (
            ["--head", "--port", str(self._port), "--include-dashboard", "false"]
            if first
            else ["--address", self.address]
        )
        if first and not self._monitors:
            where.append("--no-monitor")
        # Below the temporary folder, where sockets have short paths.
        extra = ["--temp-dir", str(host.temporary / "ray")] if first else []
        # Neither log monitor nor autoscaler, unless a test has them: each takes seconds to start,
        # and nobody here reads what workers print or asks for more machines. `deploy/slurm.sh`
        # starts both, in its test as well.
        extra += [] if self._monitors else ["--include-log-monitor", "false"]
        # All other ports are free ones: hosts may be one machine.
        for port in ("min-worker-port", "max-worker-port", "dashboard-agent-listen-port"):
            extra += [f"--{port}", "0"]
        log = self.folder / f"{host.name}.log"
        process = host.start(
            *(str(BIN / "ray"), "start", *where, "--node-ip-address", host.address),
            *("--num-cpus", str(cpus), "--block", *extra),
            *(("--labels", labels) if labels else ()),
            log=log,
        )
        self._wait_for(host, process, log)
        return host

    def _wait_for(self, host: Host, process: subprocess.Popen[str], log: Path) -> None:
        until = time.monotonic() + PATIENCE_S
        while "Ray runtime started" not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"Ray did not start on {host.name}: {log.read_text()}")
            time.sleep(0.1)

    @property
    def storage(self) -> Path:
        return self.folder / "runs"

    def write(self, text: str = SWEEP, name: str = "small.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, host: Host, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of ours on a host; what it prints is in ``log``."""
        return host.start(str(BIN / "cvae-sweep"), *arguments, cwd=self.folder, log=self.log)

    @property
    def log(self) -> Path:
        return self.folder / "command.log"

    def status(self, name: str = "small") -> dict[str, Any]:
        done = subprocess.run(
            [str(BIN / "cvae-sweep"), "status", name, "--storage", str(self.storage), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def trials(self, name: str = "small") -> dict[str, Trial]:
        """Of a ledger, by key; empty where there is none yet."""
        return trials_of(self.storage / name)


class Quiet:
    """The same sweep on this machine alone, beside whatever goes on elsewhere.

    Args:
        folder: in which it runs; its storage folder may be there.
        text: of its file.
    """

    def __init__(self, folder: Path, text: str) -> None:
        self._folder = folder
        (folder / "small.yaml").write_text(text)
        self._process = subprocess.Popen(
            [str(BIN / "cvae-sweep"), "run", "small.yaml"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @cached_property
    def metrics(self) -> dict[str, list[Any]]:
        """What it has found, when it is done."""
        out, _ = self._process.communicate(timeout=900)
        assert self._process.returncode == 0, out
        return metrics(trials_of(self._folder / "runs" / "small"))

    def end(self) -> None:
        """End it, where nobody has waited for it."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.communicate(timeout=900)


def trials_of(sweep: Path) -> dict[str, Trial]:
    """Of a ledger, by key; empty where there is none yet."""
    return Ledger.open(sweep).trials if Ledger.exists(sweep) else {}


def metrics(trials: dict[str, Trial]) -> dict[str, list[Any]]:
    """Of every epoch of every trial."""
    return {key: [epoch.metrics for epoch in trial.epochs] for key, trial in trials.items()}


def hosts_of(trials: dict[str, Trial]) -> set[str]:
    """Where they were trained, as far as a worker has said so."""
    attempts = [attempt for trial in trials.values() for attempt in trial.attempts]
    return {attempt.worker["host"] for attempt in attempts if attempt.worker}


def other_version(cluster: RayHosts, *names: str) -> str:
    """A folder for PYTHONPATH, in which distributions are of other versions."""
    for name in names:
        package, _, version = name.partition("-")
        folder = cluster.folder / "other" / f"{name}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: {package}\nVersion: {version}\n")
    return str(cluster.folder / "other")


def check_told(cluster: RayHosts, uri: str) -> None:
    """One finished run in MLflow for each trial, with every epoch."""
    client = MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name = 'small'")
    runs = client.search_runs([experiment.experiment_id])
    by_key = {run.data.tags.get("trial_key"): run for run in runs}
    trials = cluster.trials()
    assert trials.keys() < by_key.keys()
    assert len(runs) == len(trials) + 1
    for key, trial in trials.items():
        run = by_key[key]
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "val/loss")
        told = [point.value for point in sorted(history, key=lambda point: point.step)]
        assert told == [epoch.metrics["val/loss"] for epoch in trial.epochs]


def wait_until(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for something that will come; else the test fails and says what it was."""
    until = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > until:
            pytest.fail(f"in {patience_s:.0f} s there was no: {what}")
        time.sleep(0.1)  # to read a ledger takes tens of milliseconds


@contextmanager
def switch() -> Iterator[Network]:
    """Hosts on a switch, and nothing of them afterwards."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        pytest.skip("hosts are made of network namespaces: that takes root, ip and unshare")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    try:
        made = Network(100 + int(worker))
    except NoNamespacesError as error:
        pytest.skip(f"no namespaces can be made here: {error}")
    try:
        yield made
    finally:
        made.remove()


def head_on(network: Network, folder: Path, *, monitors: bool = False) -> RayHosts:
    """A head with one CPU."""
    try:
        return RayHosts(network, folder, monitors=monitors)
    except NoNamespacesError as error:
        pytest.skip(f"no hosts can be made here: {error}")


@pytest.fixture
def network() -> Iterator[Network]:
    with switch() as made:
        yield made


@pytest.fixture
def cluster(
    network: Network, tmp_path: Path, empty_database: Path, request: pytest.FixtureRequest
) -> RayHosts:
    """A head with one CPU, and a storage folder that was used before.

    Where the test is marked ``monitors``, with all that Ray starts by itself.
    """
    marked = request.node.get_closest_marker("monitors") is not None
    made = head_on(network, tmp_path, monitors=marked)
    make_used(made.storage, empty_database)
    return made


def make_used(storage: Path, empty_database: Path) -> None:
    """Make a storage folder that has MLflow's database already: making one takes a second."""
    storage.mkdir()
    shutil.copy(empty_database, storage / "mlflow.db")
