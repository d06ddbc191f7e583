"""Seconds of a trial's evaluation against the straightforward calls for the same results.

    python benchmarks/evaluate.py --data-root DIR

A VAE with 10 latents is trained for one epoch on images of MNIST's number and shape, made up
unless a folder with MNIST is named. Then each part that is on by default is timed on one thread,
in processor time, which other work on the machine disturbs least. Both sides have to come to the
same results, else it exits 1; ``--check`` also asks for the goal. ``make bench`` runs it without
``--check``: it takes minutes. What either side does is printed below the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PARTS = ("probe", "diagnostics", "pictures", "umap", "fd")
FASTER = 4.0
PEAK_MIB = 1536
ABSOLUTE = {
    "probe/accuracy": 0.01,
    "probe/accuracy_paper": 0.01,
    "probe/knn_accuracy": 0.002,
    "latent/active_units": 0.0,
    "umap/trustworthiness": 0.02,
}
"""How far results may lie apart; the two maps are made with other random numbers."""
RELATIVE = {
    "latent/kl": 1e-5,
    "test/reconstruction_mse": 1e-5,
    "test/elbo": 1e-5,
    "fd/mnist-cnn": 1e-6,
    "kid/mnist-cnn": 1e-5,
}
"""The same as shares; images, noise and classifier are the same on both sides."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
FOOTNOTE = """\
ours: a worker that has evaluated a trial before, so that everything is imported and compiled, the
classifier is trained and the real side of the distances is in the cache; latents are shared by
the parts. straightforward: each part encodes for itself; scikit-learn's LogisticRegression with
max_iter=1000 and KNeighborsClassifier(20), trustworthiness by scikit-learn on all test images,
UMAP with random_state=0 in a process of its own, its import and compilation counted (what numba
keeps on disk is there), Frechet distance by pytorch-fid and KID by scikit-learn's kernel in
float64, the real side computed again, pictures with pyplot; the classifier is given, and the
distances' floors, which no trial changes, are left out. Its imports and first calls are not
timed but for UMAP's."""


def main() -> int:
    arguments = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Each in a process of its own: peaks of memory cannot be told apart within one.
        run(folder, "evaluated_trial.py", arguments.images, *data_root(arguments))
        run(folder, "our_evaluation.py", arguments.repeats)
        run(folder, "plain_evaluation.py", arguments.plain_repeats, "warm")
        run(folder, "plain_evaluation.py", 1, "umap")
        found = {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}
    ours, warm, umap = found["ours"], found["plain_warm"], found["plain_umap"]
    print(describe(arguments))
    differ = agreement(ours["metrics"], warm["metrics"] | umap["metrics"])
    missed = report(ours, warm, umap, found["prepared"]["peak_mib"])
    print(f"\n{FOOTNOTE}")
    if differ:
        print(f"the sides disagree: {', '.join(differ)}", file=sys.stderr)
        return 1
    if arguments.check and missed:
        print(f"goal missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that has MNIST/raw; else made up")
    parser.add_argument(
        "--images",
        type=int,
        default=60_000,
        help="training images, validation included; there are a sixth as many of test",
    )
    parser.add_argument("--repeats", type=int, default=3, help="of ours, of which the median")
    parser.add_argument("--plain-repeats", type=int, default=2, help="of the straightforward side")
    parser.add_argument("--check", action="store_true", help="exit 1 if the goal is missed")
    arguments = parser.parse_args()
    root = arguments.data_root
    if root is not None and not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        parser.error(f"there is no MNIST/raw in {root}: name another folder, or none")
    return arguments


def data_root(arguments: argparse.Namespace) -> list[Path]:
    return [] if arguments.data_root is None else [arguments.data_root.resolve()]


def run(folder: Path, script: str, *more: object) -> None:
    """Run one of the scripts beside this one, on one thread."""
    command = [sys.executable, str(HERE / script), str(folder), *map(str, more)]
    environment = os.environ | dict.fromkeys(THREADS, "1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr}")


def describe(arguments: argparse.Namespace) -> str:
    source = "made-up images of MNIST's shape, which is easier"
    if arguments.data_root is not None:
        source = f"MNIST in {arguments.data_root}"
    train, test = round(0.9 * arguments.images), arguments.images // 6
    load = f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
    return f"{source}: {train:,} training and {test:,} test images, 1 thread; {load}"


def agreement(ours: dict[str, float], plain: dict[str, float]) -> list[str]:
    """Print both sides' results; the names of those that differ by more than they may."""
    print(f"\n{'result':<26}{'ours':>14}{'straightforward':>18}{'apart':>10}{'at most':>10}")
    differ = []
    # Where there are fewer images than usual, their number is in the distances' names; those of
    # all of them come first.
    ours = {re.sub(r"_n\d+$", "", name): ours[name] for name in reversed(ours)}
    for name, expected in plain.items():
        at_most = ABSOLUTE.get(name, RELATIVE.get(name, 0.0))
        apart = abs(ours[name] - expected) / (abs(expected) if name in RELATIVE else 1)
        line = f"{name:<26}{ours[name]:>14.7g}{expected:>18.7g}{apart:>10.1e}{at_most:>10.0e}"
        print(line + (" (relative)" if name in RELATIVE else ""))
        if not (math.isfinite(apart) and apart <= at_most):
            differ.append(name)
    return differ


def report(
    ours: dict[str, Any], warm: dict[str, Any], umap: dict[str, Any], cold_mib: float
) -> list[str]:
    """Print the table of seconds and memory; which goals are missed."""
    plain = warm["seconds"] | umap["seconds"]
    rows = [(part, ours["seconds"][part], plain[part]) for part in PARTS]
    rows.append(("total", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    print(f"\n{'part':<14}{'ours':>10}{'straightforward':>18}{'ratio':>8}")
    for part, own, other in rows:
        print(f"{part:<14}{own:>8.2f} s{other:>16.2f} s{other / own:>8.1f}")
    peak, ratio = ours["peak_mib"], rows[-1][2] / rows[-1][1]
    most = max(warm["peak_mib"], umap["peak_mib"])
    print(f"{'peak memory':<14}{peak:>6.0f} MiB{most:>14.0f} MiB{most / peak:>8.1f}")
    print(f"memory while the caches are filled, training included: {cold_mib:.0f} MiB")
    missed = []
    for goal, holds in (
        (f"{FASTER:g} times faster", ratio >= FASTER),
        (f"peak memory under {PEAK_MIB:,} MiB", max(peak, cold_mib) < PEAK_MIB),
    ):
        print(f"goal: {goal}: {'holds' if holds else 'MISSED'}")
        if not holds:
            missed.append(goal)
    return missed


if __name__ == "__main__":
    sys.exit(main())
