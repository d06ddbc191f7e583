"""Before a cluster is joined it is asked whether it answers, lets this program in, and fits it.

Ray itself would try for a minute, or abort the interpreter, and says neither cause nor cure.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from itertools import chain
from platform import python_version
from textwrap import shorten
from typing import Any

import psutil

from orchestration.commands import ray_start
from orchestration.engine.ray_address import HOME, find_token
from orchestration.engine.ray_environment import MODE, TOKEN_PATH
from orchestration.errors import UserError

COPY = (
    f"copy the file {HOME} of the cluster's head node to the same place here, "
    f"or name a copy with {TOKEN_PATH}"
)
NODE_S = 5.0
"""Seconds that a node of this machine is waited for: it may be starting."""
ALIVE = 0
"""A node's state, as Ray numbers them."""
LONGEST = 200
"""Characters of what Ray says."""


def greet(address: str) -> None:
    """See whether a cluster can be joined; from then on it is sent a token where it wants one.

    Raises:
        UserError: it does not answer, asks for a token that is not here, is of another version, or
            this machine is none of its nodes.
    """
    client = _let_in(address)
    for check in (_check_versions, _check_this_machine):
        check(address, client)


def _let_in(address: str) -> Any:
    """A client of the cluster's head, which is sent a token where it asks for one."""
    mode, token = os.environ.get(MODE, "").lower(), find_token()
    if mode == "token" and token is None:
        raise UserError(f"{MODE}=token, and there is no token here: {COPY}")
    client = _client(address)
    if client is not None:
        return client
    asks = f"the Ray cluster at {address} asks for a token"
    if mode == "disabled":
        raise UserError(f"{asks}, and {MODE}=disabled forbids to send one: unset {MODE}")
    if token is None:
        raise UserError(f"{asks}, and there is none here: {COPY}")
    if not mode:
        os.environ[MODE] = "token"
        _read_mode_again()
        client = _client(address)
    if client is None:
        raise UserError(f"{asks}, and does not accept the one in {token}: {COPY}")
    return client


def _client(address: str) -> Any:
    """A client of the cluster's head; None: that one asks for a token, or another one.

    Raises:
        UserError: it does not answer.
    """
    from ray import exceptions
    from ray._private import services

    refused: Any = getattr(exceptions, "AuthenticationError", ())
    where = services.canonicalize_bootstrap_address(address, None)
    if where is None:
        raise UserError(
            f"--address {address}: no Ray runs on this machine, and RAY_ADDRESS names none; give "
            "host:port of the cluster's head node"
        )
    try:
        return _raylet().GcsClient(address=where)
    except refused:
        return None
    except Exception as error:  # Ray has no class of its own for what can happen here
        raise UserError(
            f"the Ray cluster at {address} does not answer ({_said(error)}); see whether its head "
            "node is up, and whether that is its port"
        ) from error


def _check_versions(address: str, client: Any) -> None:
    there = _known(lambda: _metadata(client))
    if there is None or _fits(there):
        return
    from ray import __version__

    raise UserError(
        f"the Ray cluster at {address} has Ray {there.get('ray_version')} and Python "
        f"{there.get('python_version')}, and here are Ray {__version__} and Python "
        f"{python_version()}: use the same on all nodes, such as one environment on a folder that "
        "all of them see"
    )


def _metadata(client: Any) -> Any:
    from ray._common.usage import usage_lib

    return usage_lib.get_cluster_metadata(client)


def _fits(there: Any) -> bool:
    """Whether Ray itself would go on with these versions."""
    from ray._private import utils

    try:
        utils.check_version_info(there, "this machine")
    except RuntimeError:
        return False
    except Exception:  # it is nobody's promise: joining says more
        return True
    return True


def _check_this_machine(address: str, client: Any) -> None:
    """A program goes by a node of its own machine, for which Ray would wait a minute."""
    until = time.monotonic() + NODE_S
    while _known(lambda: _nodes_here(client)) == set():
        if time.monotonic() > until:
            raise UserError(
                f"this machine is no node of the Ray cluster at {address}; run the command on one "
                f"of them, or make it one: `{ray_start('--address', address)}`"
            )
        time.sleep(0.5)


def _nodes_here(client: Any) -> set[str]:
    """Ids of the cluster's nodes whose processes run on this machine, or that have its address."""
    from ray._private import services

    processes, nodes = set(services.find_node_ids()), set()
    interfaces = chain.from_iterable(psutil.net_if_addrs().values())
    addresses = {interface.address for interface in interfaces}
    for info in client.get_all_node_info(timeout=NODE_S).values():
        number = info.node_id.hex()
        alive = info.state == ALIVE
        if alive and (number in processes or info.node_manager_address in addresses):
            nodes.add(number)
    return nodes


def _known(ask: Callable[[], Any]) -> Any:
    """What Ray's own functions say, which are nobody's promise; None: they do not."""
    try:
        return ask()
    except Exception:
        return None


def _said(error: Exception) -> str:
    return shorten(str(error).partition("Traceback")[0], LONGEST) or type(error).__name__


def _read_mode_again() -> None:
    """Ray keeps in mind what it read when it was imported."""
    _raylet().Config.initialize("")


def _raylet() -> Any:
    return import_module("ray._raylet")
