"""What a trial costs the driver, and whether it costs more where there are many of them.

    python benchmarks/scale.py

Trials that train next to nothing (made-up images of 8x8 pixels, one step) go through the whole
program, from sweep file to report: in one process, then on Ray clusters of several nodes on this
machine. Each sweep has a process of its own. Costs are processor time, which other work on the
machine disturbs least; trials per second are by the clock, and are disturbed by it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from ray_nodes import ray_nodes

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
CELLS = 10
"""Trials for each seed: two models, five values of beta."""
GROWTH, MEMORY_MIB, PLAN_S, STATUS_S = 1.3, 1e9 / 2**20, 5.0, 2.0
"""What --check allows: the cost of a trial of the largest sweep by that of the smallest, the
driver's memory, and seconds of ``plan`` and ``status`` of the largest."""
SWEEP = """\
name: scale
base:
  data: {{name: folder, path: images, image_size: 8}}
  epochs: {epochs}
  batch_size: 64
  architecture: {{channels: [4, 8], latent_dim: 2, projection: [4]}}
grid:
  model: [vae, cvae]
  beta: [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
seeds: {seeds}
baselines: false
evaluation: {evaluation}
"""
FOOTNOTE = """\
driver: all that the driver's process takes but training and MLflow, start and end of the sweep
included; of it the ledger's documents, by the clock, with fsync. start: from the sweep file to the
first job (on Ray all imports are in it); end: from the last job to the summary, report included.
told: of how many trials MLflow knew when the sweep ended; a dash: nobody told it."""


class Kind(NamedTuple):
    """Where a sweep runs, and how large it is."""

    trials: int
    nodes: int = 0
    """Of a Ray cluster; 0: in one process."""
    mlflow: bool = False

    @property
    def place(self) -> str:
        return f"Ray, {self.nodes} nodes" if self.nodes else "in process"


def main() -> int:
    arguments = parse()
    kinds = [Kind(n) for n in arguments.trials]
    kinds += [Kind(n, mlflow=True) for n in arguments.mlflow]
    kinds += [Kind(n, nodes, True) for nodes in arguments.nodes for n in arguments.ray]
    load = f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
    print(f"{load}; milliseconds are of a trial\n{head()}", flush=True)
    sweeps, commands = [], {}
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=arguments.folder) as name:
            folder = Path(name)
            found = measure(kind, folder, arguments)
            print(row(found), flush=True)
            sweeps.append(found)
            if kind == Kind(max(arguments.trials, default=0)):
                commands = time_commands(folder)
    for command, seconds in commands.items():
        told = f"{seconds['cpu_s']:.2f} s of a processor, {seconds['wall_s']:.2f} s by the clock"
        print(f"{command} of {max(arguments.trials):,} trials: {told}")
    print(f"\n{FOOTNOTE}")
    if arguments.json is not None:
        document = {"cpus": os.cpu_count(), "sweeps": sweeps, "commands": commands}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=2))
    missed = goals_missed(sweeps, commands)
    if arguments.check and missed:
        print(f"goal missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--trials", type=int, nargs="*", help="of sweeps in one process  [100 1000 5000]")
    add("--mlflow", type=int, nargs="*", help="the same with MLflow told of them  [1000]")
    add("--ray", type=int, nargs="*", help="of sweeps on Ray, with MLflow  [200 1000]")
    add("--nodes", type=int, nargs="+", default=[2], help="of Ray's clusters  [2]")
    add("--epochs", type=int, default=1, help="of each trial: what a further one costs  [1]")
    add("--curves", action="store_true", help="pictures and curves of each trial are drawn")
    add("--quick", action="store_true", help="100 and 500 in one process and nothing else")
    add("--check", action="store_true", help="exit 1 if a goal is missed")
    add("--json", type=Path, metavar="FILE", help="write all figures there as well")
    add("--folder", type=Path, help="where the sweeps are; else the temporary folder")
    add("--profile", type=Path, metavar="FOLDER", help="write what cProfile finds there")
    arguments = parser.parse_args()
    usual = {"trials": [100, 500] if arguments.quick else [100, 1000, 5000]}
    usual |= (
        {"mlflow": [], "ray": []} if arguments.quick else {"mlflow": [1000], "ray": [200, 1000]}
    )
    for name, sizes in usual.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, sizes)
        if any(size < CELLS or size % CELLS for size in getattr(arguments, name)):
            parser.error(f"--{name}: give multiples of {CELLS}")
    return arguments


def measure(kind: Kind, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one sweep, and say what it took."""
    write_images(folder / "images")
    (folder / "sweep.yaml").write_text(sweep_file(kind.trials, arguments))
    command = [sys.executable, str(HERE / "measured_sweep.py"), str(folder)]
    command += ["--mlflow"] if kind.mlflow else []
    if (profile := arguments.profile) is not None:
        profile.mkdir(parents=True, exist_ok=True)
        name = f"{kind.trials}-{kind.nodes}{'-mlflow' if kind.mlflow else ''}.prof"
        command += ["--profile", str(profile / name)]
    with ray_nodes(kind.nodes) if kind.nodes else nullcontext({}) as joining:
        command += ["--address", joining["RAY_ADDRESS"]] if joining else []
        with (folder / "log").open("w") as log:
            done = subprocess.run(  # noqa: S603
                command, env=environment(folder) | joining, cwd=folder, stdout=log, stderr=log
            )
    if done.returncode:
        raise SystemExit(f"{kind} failed:\n{(folder / 'log').read_text()[-5000:]}")
    found = json.loads((folder / "measured.json").read_text())
    return kind._asdict() | {"place": kind.place} | found


def sweep_file(trials: int, arguments: argparse.Namespace) -> str:
    from cvae_core.evaluation.parts import PARTS

    evaluation = {"probe_every": 0} | dict.fromkeys(PARTS, False)
    evaluation |= {"pictures": arguments.curves}
    seeds = list(range(trials // CELLS))
    return SWEEP.format(seeds=seeds, epochs=arguments.epochs, evaluation=json.dumps(evaluation))


def write_images(folder: Path) -> None:
    """A handful of images of 8x8 pixels, in two classes."""
    random = np.random.default_rng(0)
    for split, number in (("train", 20), ("test", 4)):
        for label in ("dark", "bright"):
            place = folder / split / label
            place.mkdir(parents=True)
            for index in range(number):
                pixels = random.integers(0, 128, (8, 8)) + 127 * (label == "bright")
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{index}.png")


def environment(folder: Path) -> dict[str, str]:
    """With one thread, and caches that are empty."""
    own = {"CVAE_SWEEP_CACHE": str(folder / "cache"), "COLUMNS": "120"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    return kept | dict.fromkeys(THREADS, "1") | own


def time_commands(folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of commands that look at a sweep, each a process of its own; the faster of two."""
    storage = ("--storage", str(folder / "runs"))
    commands = {
        "plan": ("plan", "sweep.yaml", "--data-root", str(folder), *storage),
        "status": ("status", "scale", *storage),
        "list": ("list", *storage),
    }
    program = [sys.executable, "-c", "from orchestration.cli.main import main; main()"]
    found = {}
    for name, words in commands.items():
        tries = []
        for _ in range(2):
            before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(  # noqa: S603
                [*program, *words],
                check=True,
                env=environment(folder),
                cwd=folder,
                stdout=subprocess.DEVNULL,
            )
            wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            tries.append({"cpu_s": cpu, "wall_s": wall})
        found[name] = min(tries, key=lambda seconds: seconds["cpu_s"])
    return found


def head() -> str:
    return (
        f"{'where':<14}{'trials':>7}{'per s':>8}{'driver':>10}{'ledger':>10}{'training':>10}"
        f"{'MLflow':>10}{'told':>7}{'start':>8}{'end':>8}{'memory':>11}"
    )


def row(found: dict[str, Any]) -> str:
    cpu, wall, trials = found["cpu_s"], found["wall_s"], found["trials"]

    def each(seconds: float) -> str:
        return f"{seconds / trials * 1e3:.1f} ms" if seconds else "-"

    told = f"{found['told']:,}" if found["mlflow"] else "-"
    costs = driver_s(found), wall["ledger"], cpu.get("worker", 0.0), cpu.get("mlflow", 0.0)
    return (
        f"{found['place']:<14}{trials:>7,}{found['per_s']:>8.1f}"
        f"{''.join(f'{each(seconds):>10}' for seconds in costs)}"
        f"{told:>7}{wall['before']:>6.1f} s{wall['after']:>6.1f} s{found['peak_mib']:>7.0f} MiB"
    )


def driver_s(found: dict[str, Any]) -> float:
    """Processor seconds of all but training and MLflow."""
    cpu = found["cpu_s"]
    return float(cpu["all"] - cpu.get("worker", 0.0) - cpu.get("mlflow", 0.0))


def goals_missed(sweeps: list[dict[str, Any]], commands: dict[str, dict[str, float]]) -> list[str]:
    """Say of each goal whether it holds; which do not."""
    alone = [found for found in sweeps if not found["nodes"] and not found["mlflow"]]
    goals = []
    if len(alone) > 1:
        small, large = (pick(alone, key=lambda f: f["trials"]) for pick in (min, max))
        small_s, large_s = (found["cpu_s"]["all"] / found["trials"] for found in (small, large))
        goals.append(
            (
                f"a trial of {large['trials']:,} costs at most {GROWTH:g} times one of "
                f"{small['trials']:,} ({large_s / small_s:.2f} times)",
                large_s <= GROWTH * small_s,
            )
        )
    if sweeps:
        peak = max(found["peak_mib"] for found in sweeps)
        goals.append((f"the driver's memory is under 1 GB ({peak:.0f} MiB)", peak < MEMORY_MIB))
    for name, most in (("plan", PLAN_S), ("status", STATUS_S)):
        if name in commands:
            took = commands[name]["cpu_s"]
            goals.append((f"{name} takes under {most:g} s ({took:.2f} s)", took < most))
    for goal, holds in goals:
        print(f"goal: {goal}: {'holds' if holds else 'MISSED'}")
    return [goal for goal, holds in goals if not holds]


if __name__ == "__main__":
    sys.exit(main())
