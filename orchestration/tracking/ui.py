"""``ui``: MLflow's pages of the sweeps in a storage folder, for as long as one looks at them."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.commands import EXAMPLE, command_line
from orchestration.errors import UserError
from orchestration.redact import without_credentials, without_secrets
from orchestration.signals import Interrupted, InterruptHandler
from orchestration.sqlite import sqlite_path
from orchestration.terminal.console import Console
from orchestration.tracking.addresses import base_url, check_can_listen, is_loopback
from orchestration.tracking.config import (
    artifact_root,
    is_server,
    load_mlflow_config,
    resolved_uri,
)
from orchestration.tracking.database import check_readable
from orchestration.tracking.health import is_mlflow
from orchestration.tracking.pages import HINT, sweep_pages
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.refusals import refusal_of
from orchestration.tracking.server import MlflowServer

START_S = 120.0
LOOK_S = 0.2
MOST_PAGES = 10


@dataclass(frozen=True)
class UiRequest:
    """What ``ui`` was asked to do; what is None is taken from ``mlflow.yaml``."""

    storage: Path
    tracking_uri: str | None = None
    host: str | None = None
    port: int | None = None


def run_ui(request: UiRequest, console: Console) -> int:
    """Serve MLflow's pages until interrupted; where a server has them already, say where.

    Returns:
        Exit code: 0 where it ended because it was asked to, 1 where the server ended by itself.

    Raises:
        UserError: there is nothing to show, or the port is taken.
    """
    config = load_mlflow_config(request.tracking_uri)
    uri = resolved_uri(config, request.storage)
    if uri.startswith("databricks"):
        shown = without_credentials(uri)
        raise UserError(f"tracking URI {shown}: its pages are in your Databricks workspace")
    _check_database(uri, request.storage)
    check_reachable(uri)
    if is_server(uri):
        _say_pages(console, without_credentials(uri).rstrip("/"), uri, request.storage)
        return 0
    host = config.ui.host if request.host is None else request.host
    port = config.ui.port if request.port is None else request.port
    check_can_listen(host, port)
    console.line(f"starting MLflow on {without_credentials(uri)}; this takes some ten seconds")
    if not is_loopback(host):
        console.line(f"warning: on {host} anybody in the network can read and change the runs")
    url = base_url(host, port)

    def say_ready() -> None:
        _say_pages(console, url, uri, request.storage)
        console.line("Ctrl-C ends it")

    with InterruptHandler(lambda: console.line("ending MLflow")) as interrupt:
        server = MlflowServer(uri, artifact_root(config, request.storage), host, port)
        try:
            code = _serve(server, interrupt, url, say_ready)
            server.end()
        except Interrupted:
            code = 0
        finally:
            server.kill()
    return code


def _serve(
    server: MlflowServer, interrupt: InterruptHandler, url: str, say_ready: Callable[[], None]
) -> int:
    """Wait until the server answers, and then until somebody has had enough."""
    until = time.monotonic() + START_S
    ready = False
    while not interrupt.seen:
        if not server.alive():
            return _fail("MLflow ended by itself", server)
        if not ready:
            ready = is_mlflow(url)
            if ready:
                say_ready()
            elif time.monotonic() > until:
                return _fail(f"MLflow does not answer after {START_S:g} s", server)
        time.sleep(LOOK_S)
    return 0


def _fail(what: str, server: MlflowServer) -> int:
    errors = Console(sys.stderr)
    errors.line(f"error: {what}. The last lines that it printed:")
    for line in server.last_words():
        errors.line(f"    {without_secrets(line)}")
    return 1


def _check_database(uri: str, storage: Path) -> None:
    """Refuse what is no database, or one that no run has made yet: MLflow would make it empty."""
    path = sqlite_path(uri)
    if path is None:
        return
    if path.exists():
        try:
            check_readable(path)
        except sqlite3.DatabaseError as error:
            refusal = refusal_of(error, uri, storage)
            raise UserError(f"{path}: {refusal.reason}; {refusal.advice}") from None
        return
    elsewhere = sorted({page.tracking_uri for page in sweep_pages(storage)} - {uri})
    if elsewhere:
        look = (command_line("ui", "--tracking-uri", each, storage=storage) for each in elsewhere)
        raise UserError(
            f"{path}: there is no such database; the sweeps in {storage} were tracked elsewhere; "
            f"choose: {', '.join(f'`{each}`' for each in look)}"
        )
    raise UserError(
        f"{path}: there is no such database, as no sweep has been run in the storage folder "
        f"{storage}; run one, such as `{command_line('run', EXAMPLE)}`, "
        "or name another folder with --storage"
    )


def _say_pages(console: Console, url: str, uri: str, storage: Path) -> None:
    console.line(f"MLflow:  {url}")
    here = [p for p in sweep_pages(storage) if p.tracking_uri == without_credentials(uri)]
    width = max((len(page.name) for page in here), default=0)
    for page in here[:MOST_PAGES]:
        console.line(f"  {page.name:<{width}}  {url}{page.path}")
        if page.curves is not None:
            console.line(f"  {'':<{width}}  {url}{page.curves}  (its curves)")
    if len(here) > MOST_PAGES:
        console.line(f"  and {len(here) - MOST_PAGES} older sweeps, from the first page")
    if here:
        console.line(f"  {HINT}")
