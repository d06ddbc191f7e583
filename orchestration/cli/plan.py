"""``cvae-sweep plan``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.options import (
    PlacePath,
    json_option,
    set_option,
    storage_option,
    sweep_file_argument,
)
from orchestration.cli.sweep_file import sweep_file
from orchestration.storage import storage_folder

if TYPE_CHECKING:
    from orchestration.plan.plan import Plan
    from orchestration.run.request import Request
    from orchestration.terminal.console import Console


@click.command(name="plan")
@sweep_file_argument()
@set_option
@click.option(
    "--estimate", is_flag=True, help="Say how long it will take here, from a short calibration."
)
@click.option("--data-root", type=PlacePath(), help="Folder of the data sets, as for run.")
@click.option("--max-concurrent", type=click.IntRange(min=1), help="Most trials that run at once.")
@storage_option
@json_option
def command(
    file: Path,
    overrides: tuple[str, ...],
    estimate: bool,
    storage: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """List the trials and studies that FILE means, with their states; runs nothing."""
    from orchestration.compare.seeds import too_few_seeds
    from orchestration.plan.view import plan_document, plan_tables
    from orchestration.run.preparation import plan_of
    from orchestration.run.request import Flags, Request
    from orchestration.spec.reading import load_spec
    from orchestration.terminal.console import Console

    spec = load_spec(sweep_file(file), overrides)
    request = Request(spec, storage_folder(storage), "", Flags(**flags))
    notes = Console(sys.stderr if as_json else None)
    plan = plan_of(request, notes)
    document = plan_document(spec.name, plan, request.storage)
    if not as_json:
        for table in plan_tables(document):
            Console().table(table)
        few = too_few_seeds(plan, spec.search.replicates if spec.search else 0)
        if few is not None:
            Console().line(few)
    if estimate:
        document["estimate"] = _estimate(request, plan, notes)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif estimate:
        from orchestration.plan.estimate_view import estimate_line, estimate_table, precision_line

        Console().table(estimate_table(document["estimate"]))
        Console().line(estimate_line(document["estimate"]))
        faster = precision_line(document["estimate"])
        if faster is not None:
            Console().line(faster)


def _estimate(request: Request, plan: Plan, console: Console) -> dict[str, Any]:
    from orchestration.ledger.ledger import Ledger
    from orchestration.plan.estimate import CALIBRATION_S, estimate, estimate_document, kinds_of
    from orchestration.plan.trials_to_come import expected_trials
    from orchestration.run.auto_cpu import as_begun, chosen
    from orchestration.run.foreseen import as_it_begins
    from orchestration.run.preparation import prepare
    from orchestration.words import count

    ledger = Ledger.open_or_empty(request.folder)
    request = as_begun(request, ledger)
    data = prepare(request, plan, ledger, console)
    request = chosen(request, plan, data, ledger, console)
    before = {key for key, trial in ledger.trials.items() if not trial.is_open}
    ledger = as_it_begins(request, plan, ledger, data.fingerprints)
    known = sum(not trial.is_open for trial in ledger.planned() if trial.key not in before)
    if known:
        console.line(f"{count(known, 'trial')} will be taken over: they were trained before")
    kinds = len(kinds_of(expected_trials(plan, ledger)))
    console.line(f"calibrating {kinds} kinds of trials, about {kinds * CALIBRATION_S} s …")
    made = estimate(request.spec, plan, data.sets, ledger, request.flags.max_concurrent)
    return estimate_document(made) | {"why_threads": request.why_threads}
