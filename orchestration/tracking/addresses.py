"""Where a server can listen, and under which addresses it is then reached."""

from __future__ import annotations

import errno
import ipaddress
import socket
from itertools import chain

import psutil

from orchestration.errors import UserError
from orchestration.tracking.health import is_mlflow

PORTS = range(1024, 65536)


def base_url(host: str, port: int) -> str:
    """Address of a server on this machine, as a browser here has to be given it."""
    if host in ("", "0.0.0.0"):  # noqa: S104 - it is compared with, not listened on
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on a host."""
    return all(ipaddress.ip_address(address).is_loopback for _, address in _resolve(host))


def names_of(host: str) -> list[str]:
    """What other machines may call the one that listens on a host, as it stands in a URL."""
    if host not in ("", "0.0.0.0", "::"):  # noqa: S104
        names = [host]
    else:
        interfaces = chain.from_iterable(psutil.net_if_addrs().values())
        families = (socket.AF_INET, socket.AF_INET6)
        own = [a.address.split("%")[0] for a in interfaces if a.family in families]
        names = [socket.gethostname(), "localhost", *own]
    return sorted({f"[{name}]" if ":" in name else name for name in names})


def check_can_listen(host: str, port: int) -> None:
    """Refuse a host and port on which nothing can be started.

    Raises:
        UserError: the port is taken, or the host is none of this machine's.
    """
    error = _bind_error(host, port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        url = base_url(host, port)
        occupant = (
            f"an MLflow listens there already; {url} may be the address that you want"
            if is_mlflow(url)
            else "something else listens there"
        )
        free = _free_port(host, port)
        raise UserError(
            f"port {port} of {host} is taken: {occupant}; "
            f"for another port, add --port {free} or set MLFLOW_PORT={free}"
        )
    if error.errno == errno.EACCES:
        raise UserError(f"port {port} needs the rights of root; choose one with --port 5000")
    raise UserError(
        f"host {host}: cannot be listened on ({error.strerror or error}); "
        "choose one of this machine, such as --host 127.0.0.1"
    )


def _free_port(host: str, taken: int) -> int:
    """The next port above that is free, else any."""
    above = range(taken + 1, PORTS.stop)
    return next(port for port in chain(above, PORTS) if _bind_error(host, port) is None)


def _bind_error(host: str, port: int) -> OSError | None:
    """Why a server could not listen; one address of a host that can be had is enough."""
    errors: list[OSError] = []
    addresses = _resolve(host)
    for family, address in addresses:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                # As servers do: a connection that has just ended does not block its port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return error
            errors.append(error)
    return errors[0] if len(errors) == len(addresses) else None


def _resolve(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Addresses that a host stands for.

    Raises:
        UserError: it stands for none.
    """
    try:
        resolved = socket.getaddrinfo(
            host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"host {host!r}: is not known here ({error}); use an address of this machine, "
            "such as --host 127.0.0.1"
        ) from None
    return [(family, str(address[0])) for family, _, _, _, address in resolved]
