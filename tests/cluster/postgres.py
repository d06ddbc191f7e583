"""A real PostgreSQL that is stopped and started again."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres" if os.geteuid() == 0 else getpass.getuser()
"""PostgreSQL refuses to be root's."""


def programs() -> Path | None:
    """The folder of the newest one that is installed; None: there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return found[-1].parent if found else None


@contextmanager
def running() -> Iterator[Postgres]:
    """A server in a folder of its own, with nothing left of it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for the other user
        made = Postgres(Path(folder) / "postgres")
        try:
            yield made
        finally:
            made.stop()


class Postgres:
    """A server with one database, which listens on 127.0.0.1.

    Args:
        folder: of its files; it has to be reachable by another user.
    """

    def __init__(self, folder: Path) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._data = folder / "data"
        folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._run("initdb", "-D", str(self._data), "--auth", "trust", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "mlflow")

    @property
    def address(self) -> str:
        """As SQLAlchemy has it."""
        return f"postgresql+psycopg2://{USER}@127.0.0.1:{self.port}/mlflow"

    def start(self) -> None:
        """Start it, also again; its data are what they were."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self._data}"
        log = str(self._data / "log.txt")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """As when its machine fails: nobody is waited for."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        root = os.geteuid() == 0
        user = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"] if root else []
        # A server that was started keeps a pipe open, which nobody would ever have read.
        with (self._data.parent / f"{program}.txt").open("w") as said:
            done = subprocess.run(
                [*user, str(self._programs / program), *arguments],
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                cwd="/",
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
        assert done.returncode == 0, (self._data.parent / f"{program}.txt").read_text()
