"""What a command says at its end: the comparison, what failed, where to look."""

from __future__ import annotations

from orchestration.commands import sweep_command
from orchestration.compare.comparison import summary_view
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import REPORT
from orchestration.ledger.paths import REPORT_PAGE
from orchestration.status.status import status_document
from orchestration.status.view import absent_lines, failure_lines, warning_lines
from orchestration.study.view import study_lines
from orchestration.terminal.console import Console
from orchestration.tracking.pages import how_to_look
from orchestration.words import states_text


def say_summary(ledger: Ledger, console: Console, nothing: str = "") -> int:
    """Print how it stands; the exit code.

    Args:
        ledger: of the sweep.
        console: where it goes.
        nothing: what is said where there was nothing to do.
    """
    document = status_document(ledger)
    console.line()
    for part in summary_view(ledger, document["trials"]):
        console.show(part)
    stands = f"{ledger.sweep.name}: {states_text(document['counts'])}"
    console.line(f"{stands}; {nothing}" if nothing else stands)
    brief = not nothing  # what has just happened was told then
    failures = failure_lines(document, ledger.folder, brief=brief)
    absent = absent_lines(document, brief=brief)
    for line in [*failures, *absent, *warning_lines(document), *study_lines(document)]:
        console.line(line)
    if brief and (failures or absent):
        console.line(f"more of that: {sweep_command('status', ledger.folder)}")
    console.line(f"results: {ledger.folder}")
    if REPORT in ledger.sweep.evaluations:
        console.line(f"report:  {ledger.folder / REPORT_PAGE}")
    for line in how_to_look(ledger.sweep, ledger.folder.parent):
        console.line(line)
    return 1 if failures else 0
