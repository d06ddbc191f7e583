"""MLflow's own server as a child process, which never outlives this one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable

import psutil

from orchestration.tracking.addresses import is_loopback, names_of

END_S = 5.0
OTHERS = (
    "UVICORN_",
    *("MLFLOW_STATIC_PREFIX", "MLFLOW_ARTIFACTS_ONLY", "MLFLOW_WORKERS"),
    *("MLFLOW_UVICORN_OPTS", "MLFLOW_GUNICORN_OPTS"),
)
"""How variables begin that are of somebody's own server: they would give this one other paths,
certificates and processes."""
PR_SET_PDEATHSIG = 1  # prctl(2)


class MlflowServer:
    """A server of MLflow's pages, started when this is made.

    Args:
        uri: of the database. It goes by the environment, as it may hold a password.
        artifact_root: where experiments that are made on the pages keep their artifacts.
        host: to listen on.
        port: to listen on.
    """

    def __init__(self, uri: str, artifact_root: str, host: str, port: int) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with this process
        own = {
            "MLFLOW_BACKEND_STORE_URI": uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes that nobody needs
            "PYTHONSAFEPATH": "1",  # a file of the working directory is no module of MLflow's
            "UVICORN_APP_DIR": os.devnull,  # its server would look there nevertheless
        }
        options = ["--default-artifact-root", artifact_root, "--host", host, "--port", str(port)]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OTHERS)}
        self._child = subprocess.Popen(  # noqa: S603 - no shell, and host and port are checked
            [sys.executable, "-m", "mlflow", "ui", *options, "--workers", "1"],
            env=_allowed(host, port) | inherited | own,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for this process alone, which then ends the server.
            start_new_session=True,
            preexec_fn=_end_with_this_process(),
        )
        self._family = {psutil.Process(self._child.pid)}

    def alive(self) -> bool:
        """Whether it runs; notes its processes, so that ``kill`` finds all of them."""
        try:
            self._family.update(psutil.Process(self._child.pid).children(recursive=True))
        except psutil.Error:
            return False
        return self._child.poll() is None

    def end(self) -> None:
        """Ask it to end, and wait for it."""
        self.alive()
        self._child.terminate()
        psutil.wait_procs(self._family, timeout=END_S)

    def kill(self) -> None:
        """End what is left of it, at once."""
        self.alive()
        for process in self._family:
            try:
                process.kill()
            except psutil.Error:
                continue  # it has ended
        psutil.wait_procs(self._family, timeout=END_S)
        self._child.wait(END_S)

    def last_words(self, lines: int = 15) -> list[str]:
        """The end of what it printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").rstrip().splitlines()[-lines:]


def _allowed(host: str, port: int) -> dict[str, str]:
    """MLflow refuses names and origins that it was not told of, its own page's included."""
    if is_loopback(host):
        return {}
    names = [*names_of(host), "localhost", "127.0.0.1"]
    return {
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(f"{name}:{port}" for name in names),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(f"http://{name}:{port}" for name in names),
    }


def _end_with_this_process() -> Callable[[], None] | None:
    """On Linux: what a child does first, so that it is told to end even by our SIGKILL."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died meanwhile
            os._exit(1)

    return prepare
