"""What all benchmarks say of the machine and of their memory, and their figures as a file."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from orchestration.machine import bfloat16_instructions, processor

PACKAGES = ("torch", "ray", "mlflow", "optuna", "numpy")


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def machine() -> dict[str, Any]:
    return {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "bfloat16": bfloat16_instructions(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": dict(installed()),
    }


def installed() -> Iterator[tuple[str, str]]:
    """Names and versions; a benchmark of the training alone needs neither Ray nor MLflow."""
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def peak_mib() -> float:
    """Largest memory of this process so far; ``getrusage`` begins with that of its parent."""
    try:
        status = Path("/proc/self/status").read_text()
        line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def machine_line(about: dict[str, Any]) -> str:
    bfloat16 = about["bfloat16"] or "no instructions for bfloat16"
    return (
        f"{about['cpus']} × {about['processor']}, {bfloat16}; load before {about['load_before']}; "
        f"torch {about['versions']['torch']}, ray {about['versions'].get('ray', 'absent')}"
    )


def write(path: Path | None, benchmark: str, about: dict[str, Any], figures: Any) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"benchmark": benchmark, "machine": about, "figures": figures}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
