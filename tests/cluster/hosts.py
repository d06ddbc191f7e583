"""Hosts on one machine: network namespaces with an address, a hostname and a temporary folder each.

They are joined by a bridge, as by a switch; the tests themselves are on it too, as another host
that runs what is no part of a cluster: MLflow's server and its database.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

OUTSIDE = 254
"""The last number of the tests' own address."""
PATIENCE_S = 20.0


class NoNamespacesError(Exception):
    """This machine or container does not let us make hosts."""


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise NoNamespacesError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass
class Host:
    """One host, a network namespace."""

    name: str
    address: str
    temporary: Path
    """Its own; short, as sockets lie in it."""
    environment: dict[str, str]
    hidden: list[Path] = field(default_factory=list)
    """Folders of this machine in whose place that host has empty ones of its own."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        """What runs a command there, with a hostname of its own."""
        mounts = [f"mount -t tmpfs tmpfs '{path}'" for path in self.hidden]
        script = "; ".join(["set -e", f"hostname {self.name}", *mounts, 'exec "$@"'])
        inside = ["unshare", "--uts", "--mount", "sh", "-c", script, "sh", *arguments]
        return ["ip", "netns", "exec", self.name, *inside]

    def run(
        self, *arguments: str, timeout: float = 300.0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def start(self, *arguments: str, cwd: Path | None = None, log: Path) -> subprocess.Popen[str]:
        """Start a command; what it prints goes into a file."""
        with log.open("a") as file:
            process = subprocess.Popen(
                self.command(*arguments),
                env=self.environment,
                cwd=cwd,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is not for it
                text=True,
            )
        self.started.append(process)
        return process

    def kill(self) -> None:
        """As when its power fails: every process there is gone at once."""
        for _ in range(10):
            processes = self.processes()
            if not processes:
                break
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(processes, 5)
        for process in self.started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)

    def processes(self) -> list[psutil.Process]:
        """Everything that runs there."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True
        ).stdout.split()
        found = []
        for number in map(int, listed):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(number)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


class Network:
    """Hosts on a switch.

    Args:
        number: tells networks that are there at once apart, in (0, 255).
    """

    def __init__(self, number: int) -> None:
        self._prefix = f"10.77.{number}"
        self._bridge = f"cvae{number}"
        self._number = number
        self.hosts: dict[str, Host] = {}
        self.outside = f"{self._prefix}.{OUTSIDE}"
        self._remains()
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self.outside}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def add(self, environment: Mapping[str, str]) -> Host:
        """One more host.

        Args:
            environment: of its processes.
        """
        number = len(self.hosts) + 1
        name, link = f"c{self._number}h{number}", f"c{self._number}v{number}"
        address = f"{self._prefix}.{number}"
        _ip("netns", "add", name)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", link, "master", self._bridge, "up")
        for arguments in (
            ("addr", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", name, *arguments)
        temporary = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
        home = temporary / "home"
        home.mkdir()
        own = {"TMPDIR": str(temporary), "HOME": str(home)}
        self.hosts[name] = Host(name, address, temporary, {**environment, **own})
        return self.hosts[name]

    def cut(self, host: Host) -> None:
        """Pull a host's cable."""
        _ip("link", "set", host.name.replace("h", "v"), "down")

    def restore(self, host: Host) -> None:
        """Put it back."""
        _ip("link", "set", host.name.replace("h", "v"), "up")

    def remove(self) -> None:
        """End everything on every host, and leave nothing."""
        for host in self.hosts.values():
            host.kill()
            shutil.rmtree(host.temporary, ignore_errors=True)
        self._remains()

    def _remains(self) -> None:
        """Take away what this network, or one before it that was cut off, has left."""
        names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        for line in names.splitlines():
            name = line.split()[0]
            if name.startswith(f"c{self._number}h"):
                for number in subprocess.run(
                    ["ip", "netns", "pids", name], capture_output=True, text=True
                ).stdout.split():
                    with suppress(ProcessLookupError):
                        os.kill(int(number), signal.SIGKILL)
                # By itself it would go with the namespace, but some time later.
                cable = name.replace("h", "v")
                subprocess.run(["ip", "link", "del", cable], capture_output=True)
                _ip("netns", "del", name)
        subprocess.run(["ip", "link", "del", self._bridge], capture_output=True)
