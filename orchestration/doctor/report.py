"""All checks, one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from orchestration.doctor.checkpoints import check_budget, check_weights
from orchestration.doctor.data import check_data
from orchestration.doctor.disk import check_disk
from orchestration.doctor.filesystem import check_storage
from orchestration.doctor.finding import Finding, problem, reason
from orchestration.doctor.leftovers import check_leftovers
from orchestration.doctor.memory import check_memory, check_models, check_shared_memory
from orchestration.doctor.network import check_loopback, check_port, check_temporary
from orchestration.doctor.processors import check_bfloat16, check_cpus, check_gpus, check_load
from orchestration.doctor.subject import Subject
from orchestration.doctor.threads import check_thread_variables, check_threads
from orchestration.doctor.tracking import check_tracking
from orchestration.doctor.versions import check_versions

Check = Callable[[Subject], list[Finding]]

# The load comes first: the checks themselves are work.
CHECKS: tuple[Check, ...] = (
    check_load,
    check_versions,
    check_data,
    check_storage,
    check_disk,
    check_budget,
    check_weights,
    check_memory,
    check_models,
    check_shared_memory,
    check_cpus,
    check_bfloat16,
    check_thread_variables,
    check_threads,
    check_gpus,
    check_loopback,
    check_port,
    check_temporary,
    check_tracking,
    check_leftovers,
)
WAITING = frozenset({check_port, check_threads, check_tracking})
"""These wait for other processes, and do so beside the others."""


def examine(subject: Subject, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Findings of all checks, in their order. A check that fails itself is a problem."""
    with ThreadPoolExecutor(len(WAITING)) as pool:
        beside = {check: pool.submit(_run, check, subject) for check in checks if check in WAITING}
        by_check = [
            beside[check].result() if check in beside else _run(check, subject) for check in checks
        ]
    return [finding for findings in by_check for finding in findings]


def document(findings: list[Finding]) -> dict[str, Any]:
    """What ``doctor --json`` prints."""
    counts = Counter(finding.status for finding in findings)
    return {
        "checks": [asdict(finding) for finding in findings],
        "problems": counts["problem"],
        "warnings": counts["warning"],
    }


def _run(check: Check, subject: Subject) -> list[Finding]:
    try:
        return check(subject)
    except Exception as error:  # the other checks are still worth reading
        name = check.__name__.removeprefix("check_").replace("_", " ")
        found = f"could not be checked: {type(error).__name__}: {reason(error)}"
        return [problem(name, found, "Mend that first; if it makes no sense, report this line.")]
