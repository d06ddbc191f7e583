"""The proxy by which a tracking server is asked: as requests has it, whose rules are MLflow's."""

from __future__ import annotations

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

from orchestration.redact import without_credentials

PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def spare_loopback(uri: str) -> None:
    """Have no proxy asked for a server on this machine: there, its address means another machine.

    requests does that only for what ``NO_PROXY`` names, and MLflow has no setting for it.
    """
    host = _host(uri)
    if not _is_loopback(host) or proxy_for(uri) is None:
        return
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    os.environ["no_proxy"] = ",".join(filter(None, [spared, host]))


def proxy_for(uri: str) -> str | None:
    """The proxy by which an address is asked; None: it is asked directly."""
    if not any(name.lower() in PROXIES for name in os.environ):
        return None
    from requests.utils import get_environ_proxies, select_proxy

    address = without_credentials(uri)
    try:
        proxy: str | None = select_proxy(address, get_environ_proxies(address))
    except ValueError:  # that is no address, which somebody else says
        return None
    return proxy or None


def _host(uri: str) -> str:
    try:
        return urlsplit(without_credentials(uri)).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
