"""``make cluster-demo``: a sweep on two hosts that are made on this machine, and what to look at.

The hosts are those of the tests, network namespaces; without root they are two addresses of this
machine. Nothing of it is left when it ends, also by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from orchestration.ledger.paths import REPORT_PAGE
from orchestration.words import count
from tests.cluster.conftest import BIN, PORT, RayHosts
from tests.cluster.hosts import Network, NoNamespacesError
from tests.cluster.loopback import Loopback
from tests.cluster.postgres import programs, running
from tests.tracking_server import TrackingServer

NETWORK = 99
"""Beside those of tests that may be running."""
NAME = "digits_beta"
FILE = Path(__file__).parents[2] / "sweeps" / f"{NAME}.yaml"


def main() -> int:
    """Exit code: the sweep's."""
    parser = argparse.ArgumentParser(prog="make cluster-demo")
    parser.add_argument("--loopback", action="store_true", help="make no namespaces")
    loopback = parser.parse_args().loopback
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    code = 130
    with ExitStack() as up:
        up.callback(say, "all of it has ended, and nothing is left")
        try:
            code = demo(up, loopback=loopback)
            if sys.stdin.isatty():
                say("\nCtrl-C ends it all.")
                signal.pause()
        except KeyboardInterrupt:
            say()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it takes seconds, and is not to be cut
            say("ending Ray and MLflow")
    return code


def demo(up: ExitStack, *, loopback: bool) -> int:
    """Start it all, and run the sweep; its exit code.

    Args:
        up: what is to be ended.
        loopback: whether to do without namespaces.
    """
    folder = Path(tempfile.mkdtemp(prefix="cvae-demo-", dir="/tmp"))
    up.callback(shutil.rmtree, folder, ignore_errors=True)
    network = make_network(loopback=loopback)
    up.callback(network.remove)
    say("starting Ray on two hosts")
    hosts = RayHosts(network, folder, PORT if isinstance(network, Network) else free_port())
    hosts.add()
    for host in network.hosts.values():
        say(f"  {host.name}, {host.address}: a Ray node with 1 CPU")
    server = start_server(up, folder, network.outside)
    status = f"{BIN / 'cvae-sweep'} status {NAME} --storage {hosts.storage}"
    say(f"\nWhile it runs, in another terminal:\n  {status}\n      how far it is")
    if isinstance(network, Network):
        *_, last = network.hosts
        say(f"  ip netns pids {last} | xargs kill -9\n      a host dies, and its trials go on")
    say()
    code = run(hosts, server)
    say_results(hosts, server)
    return code


def make_network(*, loopback: bool) -> Network | Loopback:
    """Namespaces where they can be made."""
    tools = shutil.which("ip") and shutil.which("unshare")
    if not loopback and os.geteuid() == 0 and tools:
        try:
            return Network(NETWORK)
        except NoNamespacesError as error:
            say(f"no namespaces can be made here ({error})")
    say("without namespaces (they take root, ip and unshare): both hosts are this machine")
    return Loopback()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def start_server(up: ExitStack, folder: Path, address: str) -> TrackingServer:
    """MLflow's server; on PostgreSQL where that is installed."""
    database, kept = None, "SQLite, as PostgreSQL is not installed"
    say("starting MLflow's server")
    if programs() is not None:
        database, kept = up.enter_context(running()).address, "PostgreSQL"
    server = TrackingServer(folder / "mlflow", address, database)
    up.callback(server.kill)
    server.start()
    say(f"  {server.uri}, its runs in {kept}")
    return server


def run(hosts: RayHosts, server: TrackingServer) -> int:
    """Run the sweep from the first host, with what it shows; its exit code."""
    where = ("--storage", str(hosts.storage), "--address", hosts.address)
    command = (str(BIN / "cvae-sweep"), "run", str(FILE), *where, "--tracking-uri", server.uri)
    terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS") if name in os.environ}
    with sigint_is_for_others():
        process = subprocess.Popen(
            hosts.head.command(*command),
            env=hosts.head.environment | terminal,
            cwd=hosts.folder,
            text=True,
        )
        hosts.head.started.append(process)
        return process.wait()


@contextmanager
def sigint_is_for_others() -> Iterator[None]:
    """Ctrl-C brings the sweep to rest, which takes its time."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def say_results(hosts: RayHosts, server: TrackingServer) -> None:
    """What a person should look at."""
    trained = Counter(
        attempt.worker["host"]
        for trial in hosts.trials(NAME).values()
        for attempt in trial.attempts[-1:]
        if attempt.worker
    )
    say("\nWhere trials were trained:")
    for name, trials in sorted(trained.items()):
        say(f"  {name}: {count(trials, 'trial')}")
    compare = f"{BIN / 'cvae-sweep'} compare {NAME} --storage {hosts.storage}"
    say(f"Look at:\n  {server.uri}\n      the runs of all hosts, and the sweep's two saved views")
    say(f"  {hosts.storage / NAME / REPORT_PAGE}\n      the report, in a browser")
    say(f"  {compare}\n      VAE and CVAE side by side")


def say(text: str = "") -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
