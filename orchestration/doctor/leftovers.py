"""What drivers that were killed have left behind."""

from __future__ import annotations

import shlex
from pathlib import Path

from orchestration.commands import program
from orchestration.doctor.finding import Finding, ok, warning
from orchestration.doctor.subject import Wanted
from orchestration.ledger.folders import sweep_names
from orchestration.ledger.processes import left_behind
from orchestration.storage import storage_flags


def check_leftovers(wanted: Wanted) -> list[Finding]:
    """Every sweep in the storage folder whose driver is gone and whose processes are not."""
    findings = []
    for name in sweep_names(wanted.storage):
        processes, temporary = left_behind(wanted.storage / name)
        left = [f"processes {', '.join(str(p.pid) for p in processes)}"] if processes else []
        left += [f"folder {temporary}"] if temporary else []
        if left:
            findings.append(
                warning(
                    f"left by {name}",
                    f"its driver is gone and has left {' and '.join(left)}",
                    f"`{_resume(name, wanted.storage)}` ends them and continues the sweep.",
                )
            )
    return findings or [ok("leftovers", "none of interrupted sweeps")]


def _resume(name: str, storage: Path) -> str:
    return shlex.join([program("cvae-sweep"), "resume", name, *storage_flags(storage)])
