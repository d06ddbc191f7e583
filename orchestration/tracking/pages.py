"""Addresses of MLflow's pages, and the command that opens them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestration.commands import command_line
from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep
from orchestration.ledger.folders import last_change, read_sweep
from orchestration.ledger.paths import sweep_names
from orchestration.redact import without_credentials
from orchestration.tracking.addresses import base_url
from orchestration.tracking.best import USUAL, best_by
from orchestration.tracking.config import MlflowConfig, is_server, load_mlflow_config, resolved_uri
from orchestration.tracking.views import CURVES, TRIED, installed_version, view_path

HINT = "(all trials, the best first; Columns adds metrics, the chart icon draws them)"


@dataclass(frozen=True)
class SweepPage:
    """Where MLflow shows a sweep."""

    name: str
    tracking_uri: str
    path: str
    """Of the page, below the server's address."""
    curves: str | None = None
    """The same, of the saved view with its curves."""


def sweep_pages(storage: Path) -> list[SweepPage]:
    """Pages of the sweeps of a storage folder that MLflow knows; the latest change first."""
    names = sorted(sweep_names(storage), key=lambda name: -last_change(storage / name))
    pages = []
    for name in names:
        try:
            sweep = read_sweep(storage / name)
        except (UserError, OSError):
            continue  # `list` shows what is wrong with it
        if sweep.tracking_uri and sweep.experiment_id:
            curves = dict(_views(sweep)).get(CURVES)
            pages.append(SweepPage(name, sweep.tracking_uri, _path(sweep), curves))
    return pages


def how_to_look(sweep: Sweep, storage: Path) -> list[str]:
    """What to type, or where to go, to see a sweep in MLflow.

    Args:
        sweep: the sweep; of one that MLflow does not know yet nothing is said.
        storage: the folder of all sweeps that it lies in.
    """
    uri = sweep.tracking_uri or ""
    if sweep.experiment_id is None:
        return []
    if is_server(uri):
        base = uri.rstrip("/")
        return [f"MLflow:  {base}{_path(sweep)}", f"  {_hint(sweep)}", *_view_lines(sweep, base)]
    try:
        config = load_mlflow_config()
        same = without_credentials(resolved_uri(config, storage)) == uri
    except UserError:  # what is wrong there was not in force while the sweep ran
        config, same = MlflowConfig(), False
    elsewhere = [] if same else ["--tracking-uri", uri]
    base = base_url(config.ui.host, config.ui.port)
    return [
        f"MLflow:  {command_line('ui', *elsewhere, storage=storage)}",
        f"  then {base}{_path(sweep)}",
        f"  {_hint(sweep)}",
        *_view_lines(sweep, base),
    ]


def _view_lines(sweep: Sweep, base: str) -> list[str]:
    return [f"  {f'{key}:':<9} {base}{path}" for key, path in _views(sweep)]


def _views(sweep: Sweep) -> list[tuple[str, str]]:
    """Keys and pages of the saved views that MLflow's pages open."""
    uri, experiment = sweep.tracking_uri or "", sweep.experiment_id or ""
    if not is_server(uri) and installed_version() not in TRIED:
        return []  # it was another one that wrote them
    return [(key, view_path(experiment, key)) for key in sweep.views]


def _hint(sweep: Sweep) -> str:
    metric, _ = best_by(sweep)
    return HINT.replace("the best", f"the best {'probe' if metric == USUAL else metric}")


def _path(sweep: Sweep) -> str:
    # Without "runs" MLflow opens an overview that has none; unless they are sorted by a metric, it
    # folds the trials into the sweep's own run.
    metric, ascending = best_by(sweep)
    by = f"orderByKey=metrics.%60{metric}%60&orderByAsc={str(ascending).lower()}"
    return f"/#/experiments/{sweep.experiment_id}/runs?{by}"
