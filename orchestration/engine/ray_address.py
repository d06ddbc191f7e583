"""Where a running Ray cluster is, and which token it would be sent; Ray itself is not needed."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from orchestration.commands import ray_start
from orchestration.engine.ray_environment import TLS, TOKEN, TOKEN_PATH
from orchestration.errors import UserError
from orchestration.ledger.processes import PREFIX

CONNECT_TIMEOUT_S = 5.0
HOME = "~/.ray/auth_token"
VARIABLE = "RAY_ADDRESS"
LOOPBACK = "127."
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a client of gRPC begins: HTTP/2 (RFC 9113, 3.4), and a frame of settings without one."""
SETTINGS = 4
"""Type of the frame with which a server begins, in its fourth byte."""


def check_address(address: str) -> None:
    """Refuse, in seconds, an address at which no Ray answers.

    What ``auto`` means is put into ``RAY_ADDRESS``, so that Ray joins what was asked here.

    Raises:
        UserError: the form of the address is wrong, nothing answers there, or ``auto`` means none.
    """
    shown = f"--address {address}"
    if address == "auto":
        address, source = _of_auto()
        shown = f"--address auto ({source})"
        os.environ[VARIABLE] = address
    if "://" in address:
        raise UserError(
            f"{shown}: Ray client addresses are not supported, because Tune would then "
            "run elsewhere; give the address of the head node, such as 10.0.0.1:6379"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"{shown}: give host:port, such as 10.0.0.1:6379, or auto")
    try:
        speaks = _speaks_grpc(host.strip("[]"), int(port))
    except TimeoutError:
        raise UserError(
            f"{shown}: nothing answers there within {CONNECT_TIMEOUT_S:g} s; see whether that host "
            "is up and its Ray not halted, and whether a firewall lets the port through"
        ) from None
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{shown}: no Ray cluster answers there ({error}); "
            f"start one with `{ray_start('--head')}`, "
            "or leave --address out"
        ) from error
    if not speaks:
        raise UserError(
            f"{shown}: what answers there is no Ray cluster; give the port of its head node, 6379 "
            "unless it was started with another (8265 is that of its pages)"
        )


def _of_auto() -> tuple[str, str]:
    """The cluster that this machine belongs to, and what says so, as Ray would find it.

    Raises:
        UserError: nothing says so, or several clusters run here.
    """
    given = os.environ.get(VARIABLE)
    if given and given != "auto":
        return given, f"{VARIABLE}={given}"
    temporary = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
    kept = Path(temporary, "ray", "ray_current_cluster")
    with suppress(OSError, UnicodeDecodeError):
        if address := kept.read_text(encoding="utf-8").strip():
            return address, f"{address}, by {kept}"
    running = _running_here()
    if len(running) == 1:
        return running[0], f"{running[0]}, which runs on this machine"
    what = (
        f"several Ray clusters run on this machine ({', '.join(running)})"
        if running
        else "no Ray cluster runs on this machine"
    )
    raise UserError(
        f"--address auto: {what}, and {VARIABLE} names none; give host:port of the cluster's head "
        "node, such as 10.0.0.1:6379"
    )


def _running_here() -> list[str]:
    """Addresses of the clusters of which a node runs on this machine, sorted.

    A Ray that a sweep has started for itself is none: it listens on the loopback alone.
    """
    found = set()
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "raylet":
            words = (word.partition("=") for word in process.info["cmdline"] or ())
            flags = {flag: value for flag, _, value in words}
            address, temporary = flags.get("--gcs-address"), flags.get("--temp_dir", "")
            of_a_sweep = Path(temporary).name.startswith(PREFIX)
            if address and not (of_a_sweep and address.startswith(LOOPBACK)):
                found.add(address)
    return sorted(found)


def _speaks_grpc(host: str, port: int) -> bool:
    """Whether what listens there answers as a server of gRPC does; with TLS that is not asked.

    Raises:
        OSError: nothing listens there, or it says nothing in time.
    """
    with socket.create_connection((host, port), CONNECT_TIMEOUT_S) as connection:
        if os.environ.get(TLS, "0") not in ("", "0"):
            return True
        connection.sendall(PREFACE)
        try:
            answer = connection.recv(4, socket.MSG_WAITALL)
        except ConnectionResetError:
            return False
    return len(answer) == 4 and answer[3] == SETTINGS


def find_token() -> str | None:
    """The place of the token that Ray would send; None: there is none.

    Raises:
        UserError: a variable names a file that cannot be read.
    """
    if os.environ.get(TOKEN):
        return TOKEN
    named = os.environ.get(TOKEN_PATH)
    try:
        content = Path(os.path.expanduser(named or HOME)).read_text(encoding="utf-8")  # noqa: PTH111
    except (OSError, UnicodeDecodeError) as error:
        if named:
            raise UserError(f"{TOKEN_PATH}: {named} cannot be read ({error})") from error
        return None
    return (named or HOME) if content.strip() else None
