"""In place of hosts, where no namespaces can be made: this machine under several addresses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.cluster.hosts import Host


class LoopbackHost(Host):
    """One address of this machine, with a temporary folder of its own."""

    def command(self, *arguments: str) -> list[str]:
        return list(arguments)

    def processes(self) -> list[psutil.Process]:
        """Everything that was started there, and has not left its parents."""
        found = []
        for started in self.started:
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(started.pid)
                found += [*parent.children(recursive=True), parent]
        return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]


class Loopback:
    """Addresses of this machine in the place of hosts on a switch."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.outside = "127.0.0.1"

    def add(self, environment: Mapping[str, str]) -> Host:
        """One more of them.

        Args:
            environment: of its processes.
        """
        number = len(self.hosts) + 2
        name = f"node{number - 1}"
        temporary = Path(tempfile.mkdtemp(prefix=f"cvae{name}-", dir="/tmp"))
        home = temporary / "home"
        home.mkdir()
        own = {"TMPDIR": str(temporary), "HOME": str(home)}
        host = LoopbackHost(name, f"127.0.0.{number}", temporary, {**environment, **own})
        self.hosts[name] = host
        return host

    def remove(self) -> None:
        """End everything, and leave nothing."""
        for host in self.hosts.values():
            host.kill()
            shutil.rmtree(host.temporary, ignore_errors=True)
