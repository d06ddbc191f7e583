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
from orchestration.tracking.config import MlflowConfig, is_server, load_mlflow_config, resolved_uri

USUAL = "probe/accuracy"
HINT = "(all trials, the best first; Columns adds metrics, the chart icon draws them)"


@dataclass(frozen=True)
class SweepPage:
    """Where MLflow shows a sweep."""

    name: str
    tracking_uri: str
    path: str
    """Of the page, below the server's address."""


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
            pages.append(SweepPage(name, sweep.tracking_uri, _path(sweep)))
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
        return [f"MLflow:  {uri.rstrip('/')}{_path(sweep)}", f"  {_hint(sweep)}"]
    try:
        config = load_mlflow_config()
        same = without_credentials(resolved_uri(config, storage)) == uri
    except UserError:  # what is wrong there was not in force while the sweep ran
        config, same = MlflowConfig(), False
    elsewhere = [] if same else ["--tracking-uri", uri]
    return [
        f"MLflow:  {command_line('ui', *elsewhere, storage=storage)}",
        f"  then {base_url(config.ui.host, config.ui.port)}{_path(sweep)}",
        f"  {_hint(sweep)}",
    ]


def _hint(sweep: Sweep) -> str:
    metric, _ = _best_by(sweep)
    return HINT.replace("the best", f"the best {'probe' if metric == USUAL else metric}")


def _path(sweep: Sweep) -> str:
    # Without "runs" MLflow opens an overview that has none; unless they are sorted by a metric, it
    # folds the trials into the sweep's own run.
    metric, ascending = _best_by(sweep)
    by = f"orderByKey=metrics.%60{metric}%60&orderByAsc={str(ascending).lower()}"
    return f"/#/experiments/{sweep.experiment_id}/runs?{by}"


def _best_by(sweep: Sweep) -> tuple[str, bool]:
    """By what trials are sorted, and whether the smallest is first: a search has its own metric."""
    for objective in (sweep.spec.get("search") or {}).get("objectives", ()):
        return objective["metric"], objective["direction"] == "minimize"
    return USUAL, False
