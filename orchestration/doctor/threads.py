"""Threads of the numerical libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.threads import VARIABLES

TIMEOUT_S = 60.0
AFFINITY = ("GOMP_CPU_AFFINITY", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY")
SCRIPT = """
import json, os, sys
from orchestration.threads import limit_threads
before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
in_force = limit_threads(int(sys.argv[1]))
after = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
print(json.dumps({"in_force": in_force, "before": len(before), "after": len(after)}))
"""


def check_thread_variables(subject: Subject) -> list[Finding]:
    """Variables that say something else than the sweep: harmless, and good to know."""
    count = str(subject.resources.threads)
    other = [f"{name}={os.environ[name]}" for name in VARIABLES if os.environ.get(name, "") != ""]
    other = [setting for setting in other if setting.partition("=")[2] != count]
    if not other:
        return [ok("thread variables", f"none that contradicts {count} per trial")]
    return [
        ok(
            "thread variables",
            f"{', '.join(other)}; harmless: cvae-sweep sets {count} for its workers",
        )
    ]


def check_threads(subject: Subject) -> list[Finding]:
    """In a process like a worker's: do the libraries obey, and does it keep all its CPUs?"""
    count = min(subject.resources.threads, subject.cpus)
    # -P: a file of the working directory must not pass for a library.
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", SCRIPT, str(count)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [
            problem(
                "threads",
                last,
                "Install the tested versions of the libraries (see versions, in this report).",
            )
        ]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    in_force = ", ".join(sorted(name.partition(":")[0] for name in seen["in_force"]))
    found = f"{count} per trial, in force in {in_force}"
    if seen["after"] < seen["before"]:
        found += f"; but each trial is bound to {seen['after']} of {seen['before']} CPUs"
        named = [name for name in AFFINITY if name in os.environ] or ["OMP_PROC_BIND"]
        return [
            warning(
                "threads",
                found,
                f"Trials would share the same CPU; start with `unset {' '.join(named)}`.",
            )
        ]
    return [ok("threads", found)]
