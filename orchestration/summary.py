"""What a command says at its end: the comparison, what failed, where to look."""

from __future__ import annotations

from orchestration.compare import comparison_table
from orchestration.console import Console
from orchestration.ledger import Ledger
from orchestration.mlflow_config import load_mlflow_config
from orchestration.programs import program
from orchestration.status import status_document
from orchestration.statusview import failure_lines


def say_summary(ledger: Ledger, console: Console, *, trained: bool) -> int:
    """Print how it stands; the exit code."""
    document = status_document(ledger)
    counts = document["counts"]
    console.line()
    if any(trial["state"] in ("finished", "stopped") for trial in document["trials"]):
        console.table(comparison_table(document["trials"]))
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    console.line(
        f"{ledger.sweep.name}: {', '.join(parts)}" + ("" if trained else "; nothing left to do")
    )
    failures = failure_lines(document, ledger.folder)
    for line in failures:
        console.line(line)
    console.line(f"results: {ledger.folder}")
    _say_how_to_look(ledger, console)
    return 1 if failures else 0


def _say_how_to_look(ledger: Ledger, console: Console) -> None:
    sweep = ledger.sweep
    uri = sweep.tracking_uri or ""
    page = f"/#/experiments/{sweep.experiment_id}/runs"
    if uri.startswith("http"):
        console.line(f"MLflow:  {uri.rstrip('/')}{page}")
    else:
        ui = load_mlflow_config().ui
        console.line("MLflow:  open its pages with")
        options = f"--backend-store-uri {uri} --host {ui.host} --port {ui.port}"
        console.line(f"  {program('mlflow')} ui {options}")
        console.line(f"  and go to http://{ui.host}:{ui.port}{page}")
        console.line("  (the + beside the sweep opens its trials)")
