"""What drivers that were killed have left behind."""

from __future__ import annotations

from orchestration.commands import sweep_command
from orchestration.doctor.finding import Finding, ok, warning
from orchestration.doctor.subject import Subject
from orchestration.ledger.paths import sweep_names
from orchestration.ledger.processes import left_behind


def check_leftovers(subject: Subject) -> list[Finding]:
    """Every sweep in the storage folder whose driver is gone and whose processes are not."""
    findings = []
    for name in sweep_names(subject.storage):
        folder = subject.storage / name
        processes, temporary = left_behind(folder)
        left = [f"processes {', '.join(str(p.pid) for p in processes)}"] if processes else []
        left += [f"folder {temporary}"] if temporary else []
        if left:
            findings.append(
                warning(
                    f"left by {name}",
                    f"its driver is gone and has left {' and '.join(left)}",
                    f"`{sweep_command('resume', folder)}` ends them and continues the sweep.",
                )
            )
    return findings or [ok("leftovers", "none of interrupted sweeps")]
