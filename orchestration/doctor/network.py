"""Sockets on this machine: Ray's, and those of MLflow's pages."""

from __future__ import annotations

import errno
import socket
import tempfile

import psutil

from orchestration.doctor.finding import Finding, ok, problem, reason, warning
from orchestration.doctor.subject import Subject
from orchestration.errors import UserError
from orchestration.ledger.processes import PREFIX
from orchestration.tracking.config import load_mlflow_config
from orchestration.tracking.health import is_mlflow

LOOPBACK = "127.0.0.1"
LONGEST_SOCKET = 107
# What Ray puts below the driver's temporary folder, whose name mkdtemp ends with 8 characters.
BELOW = f"/{PREFIX}12345678/session_2026-01-31_12-00-00_123456_1234567/sockets/plasma_store"


def check_loopback(subject: Subject) -> list[Finding]:
    """Whether processes of this machine can talk to each other."""
    name = "local network"
    try:
        with socket.create_server((LOOPBACK, 0)):
            pass
    except OSError as error:
        return [
            problem(
                name,
                f"no socket can be opened on {LOOPBACK}: {reason(error)}",
                "Switch the loopback interface on: `ip link set lo up` (in a container: start it "
                "with a network).",
            )
        ]
    try:
        addresses = {str(info[4][0]) for info in socket.getaddrinfo("localhost", None)}
    except OSError:
        addresses = set()
    if not addresses & {LOOPBACK, "::1"}:
        return [
            warning(
                name,
                f"localhost is {', '.join(sorted(addresses)) or 'unknown'}",
                f"Add the line `{LOOPBACK} localhost` to /etc/hosts.",
            )
        ]
    return [ok(name, f"sockets open on {LOOPBACK}, which is localhost")]


def check_port(subject: Subject) -> list[Finding]:
    """Whether MLflow's pages can be served, or are being served."""
    try:
        ui = load_mlflow_config(subject.tracking_uri).ui
    except UserError:
        return []  # the tracking check tells of it
    name, where = "port of MLflow's pages", f"{ui.host}:{ui.port}"
    other = "Choose another port: ui.port in mlflow.yaml, or `export MLFLOW_PORT={}`."
    try:
        family = socket.getaddrinfo(ui.host, ui.port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((ui.host, ui.port), family=family):
            return [ok(name, f"{where} is free")]
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            advice = other.format(5000) if ui.port < 1024 else "Mend ui.host in mlflow.yaml."
            return [warning(name, f"{where} cannot be used: {reason(error)}", advice)]
    if is_mlflow(f"http://{where}"):
        return [ok(name, f"an MLflow is there already: http://{where}")]
    return [warning(name, f"{where} is taken{_by(ui.port)}", other.format(ui.port + 1))]


def _by(port: int) -> str:
    """Who listens there, as far as this user may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if (
                listens
                and getattr(connection.laddr, "port", None) == port
                and connection.pid is not None
            ):
                name = psutil.Process(connection.pid).name()
                return f" by {name} (process {connection.pid})"
    except psutil.Error:
        pass
    return " by another program"


def check_temporary(subject: Subject) -> list[Finding]:
    """Whether the paths of Ray's sockets are short enough for the system."""
    folder = tempfile.gettempdir()
    length = len(f"{folder}{BELOW}".encode())
    found = f"{folder}; Ray's sockets there: paths of {length} of at most {LONGEST_SOCKET} bytes"
    if length <= LONGEST_SOCKET:
        return [ok("temporary folder", found)]
    advice = "Use one with a shorter path: `export TMPDIR=/tmp`."
    return [problem("temporary folder", found, advice)]
