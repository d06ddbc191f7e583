"""A folder in which a sweep runs by the installed command, and all that the command started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from orchestration import store
from orchestration.errors import UserError

from .kinds import Kind

COMMAND = Path(sys.executable).with_name("cvae-sweep")
MISSED_S = "20"
"""Seconds that Ray's processes wait for a GCS that was killed; of itself it waits a minute."""
GONE_S = 10.0
"""What a command leaves has so long to go by itself."""


class Place:
    """A working directory with a sweep file, and a folder for temporary files.

    Args:
        root: short: Ray's sockets lie below it.
        kind: what runs here.
        cache: shared by all places.
    """

    def __init__(self, root: Path, kind: Kind, cache: Path) -> None:
        self.root = root
        self.folder = root / "work"
        self.temporary = root / "t"
        self.folder.mkdir(parents=True)
        self.temporary.mkdir()
        (self.folder / "sweep.yaml").write_text(kind.spec)
        self._kind = kind
        self._cache = cache
        self._seen: set[psutil.Process] = set()
        self._pids: set[int] = set()
        """Of every driver and of every process that was seen below one."""
        self._shared_memory = _shared_memory()
        self.started = 0
        self.driver: subprocess.Popen[bytes] | None = None

    @property
    def sweep(self) -> Path:
        return self.folder / "runs" / "faults"

    @property
    def log(self) -> Path:
        """What the latest driver says."""
        return self.root / f"run{self.started}.txt"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/runs/mlflow.db"

    def start(self) -> subprocess.Popen[bytes]:
        """Run the sweep, or continue it: the same command each time."""
        self.started += 1
        with self.log.open("wb") as log:
            self.driver = subprocess.Popen(
                [str(COMMAND), *self._kind.arguments],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pids.add(self.driver.pid)
        return self.driver

    def status(self) -> dict[str, Any]:
        """What ``status --json`` prints."""
        done = subprocess.run(
            [str(COMMAND), "status", "faults", "--json"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            check=True,
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def documents(self, of: str = "trials") -> list[dict[str, Any]]:
        """The ledger's documents of trials or of studies; those that are there by now."""
        found = []
        for path in sorted((self.sweep / of).glob("*.json")):
            try:
                found.append(store.read_document(path))
            except (FileNotFoundError, UserError):
                continue
        return found

    def notice(self) -> list[psutil.Process]:
        """Descendants of the driver that live now; they are remembered."""
        if self.driver is None:
            return []
        try:
            found = psutil.Process(self.driver.pid).children(recursive=True)
        except psutil.Error:
            return []
        self._seen.update(found)
        self._pids.update(process.pid for process in found)
        return found

    def left(self) -> list[str]:
        """What is still there although nothing should be, after some seconds to go."""
        until = time.monotonic() + GONE_S
        while (found := self._left()) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def _left(self) -> list[str]:
        parts = [path.relative_to(self.folder) for path in self.folder.rglob(".*.part")]
        record = self.sweep / "processes.json"
        return [
            *(f"process {_described(process)}" for process in self._living()),
            *(f"/dev/shm/{name}" for name in self._new_shared_memory()),
            *(f"temporary: {path.name}" for path in self.temporary.iterdir()),
            *(f"unfinished write {part}" for part in parts),
            *(["processes.json"] if record.exists() else []),
        ]

    def _new_shared_memory(self) -> list[str]:
        """What is new there, but for what joblib says is of a process that is none of ours."""
        new = sorted(_shared_memory() - self._shared_memory)
        owners = {name: re.match(r"joblib_memmapping_folder_(\d+)_", name) for name in new}
        return [n for n, owner in owners.items() if not owner or int(owner[1]) in self._pids]

    def end(self) -> None:
        """End all that was started here."""
        for process in self._living():
            try:
                process.kill()
            except psutil.Error:
                continue
        if self.driver is not None:
            self.driver.kill()
            self.driver.wait()

    def _living(self) -> list[psutil.Process]:
        """Processes of this place: once seen below a driver, or with its temporary folder."""
        found = {process for process in self._seen if _lives(process)}
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR") == str(self.temporary) and _lives(process):
                    found.add(process)
            except psutil.Error:
                continue
        return sorted(found, key=lambda process: process.pid)

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "RAY", "CVAE"))}
        return kept | {
            "TMPDIR": str(self.temporary),
            "CVAE_SWEEP_CACHE": str(self._cache),
            "RAY_gcs_rpc_server_reconnect_timeout_s": MISSED_S,
        }


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _described(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({process.name()})"
    except psutil.Error:
        return str(process.pid)


def _shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
