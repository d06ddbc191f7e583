"""Seconds that a sweep takes besides its arithmetic, against what it cannot be without.

    python benchmarks/overhead.py

A sweep of short trials on the digits, without any evaluation and one trial at a time, is run with
the installed command, then run again with nothing left to do. What cannot be avoided is measured
in turns with it: Ray's bare start and an actor's import of PyTorch, and Python's own start. What
each row measures is printed below the table. Starts Ray; nothing else is to run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import results

from cvae_core.evaluation.parts import PARTS

COMMAND = Path(sys.executable).with_name("cvae-sweep")
PATIENCE_S = 120
SWEEP = """\
name: short
baselines: false
base:
  data: {{name: digits}}
  epochs: 1
  architecture: {{channels: [4, 8], latent_dim: 4}}
seeds: {seeds}
evaluation: {{probe_every: 0, {parts}}}
"""
BARE = """
import json, os, sys, time
import ray
imported = time.time()
ray.init(address="local", num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False,
         logging_level="ERROR", _temp_dir=sys.argv[1])
up = time.time()

@ray.remote
class Actor:
    def import_torch(self):
        import torch
        return torch.__version__

ray.get(Actor.remote().import_torch.remote())
ready = time.time()
ray.shutdown()
print(json.dumps({"imported": imported, "up": up, "ready": ready}))
"""
FOOTNOTE = """\
beside: Ray's bare start (import ray, ray.init without a dashboard) and an actor that imports torch,
for the first step; ray.shutdown and Python's end, for the end; for --help and nothing to do, Python
itself. first step: from the command's start until the first trial's first epoch begins. further
trial: from the end of a trial's epoch until the next trial's epoch begins, in the same worker; its
checkpoint, its entries in the ledger and its model are in it. end: from the last epoch's end until
the command is over; MLflow, the report and Ray's end are in it."""


class Row(NamedTuple):
    """What is measured, what it stands beside, and by how much it may be more."""

    name: str
    beside: str | None
    at_most: float
    """Seconds beyond what it stands beside, with --check."""


ROWS = (
    Row("first step", "ray and torch", 2.0),
    Row("further trial", None, 0.1),
    Row("end", "ray's end", 2.0),
    Row("nothing to do", "python", 1.0),
    Row("--help", "python", 0.2),
)
BASELINES = (
    *("python", "import ray", "ray's start", "an actor's torch"),
    *("ray and torch", "ray's end"),
)


def main() -> int:
    arguments = parse()
    about = results.machine()
    print(results.machine_line(about))
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="o-") as name:
        for repeat in range(arguments.repeats):
            folder = Path(name) / str(repeat)
            folder.mkdir()
            found.append(bare(folder) | sweep(folder, arguments.trials))
    medians = {row: statistics.median(each[row] for each in found) for row in found[0]}
    results.write(arguments.json, "overhead", about, {"medians_s": medians, "repeats": found})
    return report(medians, arguments.check)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="of which the median (default: 3)")
    parser.add_argument("--trials", type=int, default=8, help="of the sweep (default: 8)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed")
    results.add_option(parser)
    return parser.parse_args()


def bare(folder: Path) -> dict[str, float]:
    """Python's start, Ray's, an actor's import of PyTorch, and Ray's end."""
    python, _ = run(folder, sys.executable, "-c", "pass")
    began = time.time()
    whole, said = run(folder, sys.executable, "-c", BARE, str(folder / "ray"))
    at = json.loads(said)
    return {
        "python": python,
        "import ray": at["imported"] - began,
        "ray's start": at["up"] - at["imported"],
        "an actor's torch": at["ready"] - at["up"],
        "ray and torch": at["ready"] - began,
        "ray's end": began + whole - at["ready"],
    }


def sweep(folder: Path, trials: int) -> dict[str, float]:
    """The sweep, the sweep again, and a word of help."""
    parts = ", ".join(f"{part}: false" for part in PARTS)
    (folder / "sweep.yaml").write_text(SWEEP.format(seeds=list(range(trials)), parts=parts))
    command = (str(COMMAND), "run", "sweep.yaml", "--max-concurrent", "1")
    began = time.time()
    whole, _ = run(folder, *command)
    paths = (folder / "runs" / "short" / "trials").glob("*.json")
    timed = times(json.loads(path.read_text())["content"] for path in paths)
    assert timed["trials"] == trials
    again, _ = run(folder, *command)
    helped, _ = run(folder, str(COMMAND), "--help")
    return {
        "first step": timed["first"] - began,
        "further trial": timed["further"],
        "end": began + whole - timed["last"],
        "nothing to do": again,
        "--help": helped,
    }


def times(trials: Iterable[dict[str, Any]]) -> dict[str, float]:
    """When the first epoch of all began and the last one ended, and what lies between two.

    Args:
        trials: documents of a ledger, of one epoch each, that one worker trained one after another.
    """
    spans = sorted(
        (epoch["at"] - epoch["epoch_s"], epoch["at"])
        for trial in trials
        for epoch in trial["epochs"]
    )
    between = [begins - ended for (_, ended), (begins, _) in pairwise(spans)]
    return {
        "trials": len(spans),
        "first": spans[0][0],
        "last": spans[-1][1],
        "further": statistics.median(between),
    }


def run(folder: Path, *command: str) -> tuple[float, str]:
    """Run a program to its end: its seconds and what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY", "MLFLOW"))}
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - programs of this project
        command,
        cwd=folder,
        env=environment | {"RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{done.stderr}")
    return seconds, done.stdout


def report(found: dict[str, float], check: bool) -> int:
    print(f"\n{'what cannot be avoided':<24}{'seconds':>9}")
    for name in BASELINES:
        print(f"{name:<24}{found[name]:>9.2f}")
    print(f"\n{'a sweep':<16}{'seconds':>9}{'beside':>18}{'seconds':>9}{'more':>8}{'at most':>9}")
    missed = []
    for row in ROWS:
        beside = 0.0 if row.beside is None else found[row.beside]
        more = found[row.name] - beside
        print(
            f"{row.name:<16}{found[row.name]:>9.2f}{row.beside or '-':>18}{beside:>9.2f}"
            f"{more:>8.2f}{row.at_most:>9.1f}"
        )
        if more > row.at_most:
            missed.append(row.name)
    print(f"\n{FOOTNOTE}")
    if check and missed:
        print(f"goal missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
