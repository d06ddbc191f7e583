"""Where a running Ray cluster is, and whether it lets this program in. Ray itself is not needed
for the first, which takes no time."""

from __future__ import annotations

import os
import socket
from importlib import import_module
from pathlib import Path
from typing import Any

from cvae_core.shell import shell_line
from orchestration.commands import program
from orchestration.engine.ray_environment import MODE, TOKEN, TOKEN_PATH
from orchestration.errors import UserError

CONNECT_TIMEOUT_S = 5.0
HOME = "~/.ray/auth_token"
COPY = (
    f"copy the file {HOME} of the cluster's head node to the same place here, "
    f"or name a copy with {TOKEN_PATH}"
)


def check_address(address: str) -> None:
    """Refuse, in seconds, an address at which no Ray answers.

    Raises:
        UserError: the form of the address is wrong, or nothing answers there.
    """
    shown = f"--address {address}"
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "")
        if not address:
            return
        shown = f"--address auto (RAY_ADDRESS={address})"
    if "://" in address:
        raise UserError(
            f"{shown}: Ray client addresses are not supported, because Tune would then "
            "run elsewhere; give the address of the head node, such as 10.0.0.1:6379"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"{shown}: give host:port, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{shown}: no Ray cluster answers there ({error}); "
            f"start one with `{shell_line(program('ray'), 'start', '--head')}`, "
            "or leave --address out"
        ) from error


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


def let_in(address: str) -> None:
    """Send a token to the cluster where it asks for one.

    Ray itself would try for twenty seconds, or abort the interpreter.

    Raises:
        UserError: the cluster asks for a token, and there is none, or another one.
    """
    mode, token = os.environ.get(MODE, "").lower(), find_token()
    if mode == "token" and token is None:
        raise UserError(f"{MODE}=token, and there is no token here: {COPY}")
    if not _asks_for_token(address):
        return
    asks = f"the Ray cluster at {address} asks for a token"
    if mode == "disabled":
        raise UserError(f"{asks}, and {MODE}=disabled forbids to send one: unset {MODE}")
    if token is None:
        raise UserError(f"{asks}, and there is none here: {COPY}")
    if not mode:
        os.environ[MODE] = "token"
        _read_mode_again()
    if _asks_for_token(address):
        raise UserError(f"{asks}, and does not accept the one in {token}: {COPY}")


def _asks_for_token(address: str) -> bool:
    """Whether the cluster refuses this process for want of a token; False also where that is not
    to be known: joining it says more."""
    from ray import exceptions
    from ray._private import services

    refused: Any = getattr(exceptions, "AuthenticationError", ())
    try:
        _raylet().GcsClient(address=services.canonicalize_bootstrap_address(address, None))
    except refused:
        return True
    except Exception:
        return False
    return False


def _read_mode_again() -> None:
    """Ray keeps in mind what it read when it was imported."""
    _raylet().Config.initialize("")


def _raylet() -> Any:
    return import_module("ray._raylet")
