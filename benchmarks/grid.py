"""A grid of 12 trials on MNIST against the script that one writes from Ray Tune's documentation.

    python benchmarks/grid.py --data-root DIR

Six VAEs and six CVAEs, each with a linear probe and a map of its latents, two at a time on one
thread each: by the installed command's own code, in float32 and where the processor has
instructions for it in bfloat16, and by ``plain_sweep.py``. Both sides train equally many steps on
the same images, MNIST where a folder is named, else made-up ones of its shape. That both come to
similar losses is checked on a small grid before anything is timed, and on what was timed. Each
side runs in turns. What the table compares is printed below it. Starts Ray.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import made_up_mnist
import results
from grid_runs import Grid, Result, Results, Run, medians, our_run, plain_run

IMAGES = 60_000
WARM_UP_IMAGES, WARM_UP = 3_000, Grid(betas=(1e-5,), seeds=(0,), epochs=1)
"""Of either side, before anything is timed: both then find files and compiled code in place."""
QUICK_IMAGES, QUICK = 600, WARM_UP._replace(models=("cvae",))
APART = {"loss": 1.5, "reconstruction": 2.0, "kl": 3.0}
"""How many times one side's mean may be the other's: weights, batches and noise are others."""
NATS = 1.0
"""A divergence below is of a posterior that is still the prior, or has collapsed into it."""
PLAIN, OURS = "plain", ("float32", "bfloat16")


class Goal(NamedTuple):
    """By how much a figure of the plain script is to be larger than ours."""

    figure: str
    label: str
    at_least: Mapping[str, float]
    """By precision; what is not there has no goal."""


GOALS = (
    Goal("seconds", "seconds", {"float32": 3.6, "bfloat16": 4.5}),
    Goal("cpu_s", "CPU-seconds", {}),
    Goal("peak_mib", "peak memory, MiB", {"float32": 2.0, "bfloat16": 2.0}),
)
FOOTNOTE = """\
ratio: the plain script's over ours; the goals are those of 60,000 images on two quiet cores: with
fewer, starts and ends weigh more. CPU-seconds and memory are of all processes, Ray's included;
memory is the largest sum of proportional set sizes, looked at every second. plain: a function
trainable with tune.Tuner, in each trial DataLoader, torchvision's transforms, PyTorch's Adam and
clipping, a checkpoint an epoch, LogisticRegression and umap.UMAP; MLflowLoggerCallback on SQLite.
Ours does more with each trial: three probe protocols and k-NN, the map's trustworthiness."""
VIEWS = """\
A CVAE's step sees two augmented views in the plain script, as in the paper's released code, and
one beside the original in ours, as in its text: the ratio has the saved view in it, with --views 1
it has not."""


def main() -> int:
    arguments = parse()
    about = results.machine()
    print(results.machine_line(about))
    bfloat16 = arguments.bfloat16 or about["bfloat16"] is not None
    precisions = OURS if bfloat16 else OURS[:1]
    # Ray's sockets lie below: their paths may not be long.
    with tempfile.TemporaryDirectory(prefix="g-") as name:
        folder = Path(name)
        if not arguments.quick:
            few = WARM_UP._replace(views=arguments.views)
            root = images(arguments.data_root, WARM_UP_IMAGES, folder / "few")
            warm = {side: turn(folder / f"w-{side}") for side, turn in sides(few, root, precisions)}
            check({side: [run] for side, run in warm.items()})
            print("losses of both sides are similar on a small grid", flush=True)
        grid = (QUICK if arguments.quick else Grid())._replace(views=arguments.views)
        root = images(arguments.data_root, arguments.images, folder / "images")
        found: dict[str, list[Run]] = {side: [] for side in (PLAIN, *precisions)}
        for repeat in range(arguments.repeats):
            turns = sides(grid, root, precisions)
            for side, turn in turns if repeat % 2 == 0 else reversed(turns):
                found[side].append(turn(folder / f"{repeat}-{side}"))
                print(f"{side}: {found[side][-1].cost.seconds:,.1f} s", flush=True)
    check(found)
    results.write(arguments.json, "grid", about, figures(grid, arguments.images, found))
    source = "made-up images" if arguments.data_root is None else str(arguments.data_root)
    trials = len(found[PLAIN][0].results)
    print(f"{trials} trials of {grid.epochs} epochs, {source}: {arguments.images:,} for training")
    return report(found, grid, arguments.check)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that has MNIST/raw; else made up")
    parser.add_argument(
        "--images",
        type=int,
        help="training images, validation included; there are a sixth as many of test "
        f"(default: {IMAGES:,})",
    )
    parser.add_argument("--repeats", type=int, default=1, help="of which the median (default: 1)")
    parser.add_argument("--views", type=int, choices=(1, 2), default=2, help="the plain script's")
    parser.add_argument("--bfloat16", action="store_true", help="also where it is emulated")
    parser.add_argument("--quick", action="store_true", help="one trial of one epoch, no warm-up")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed")
    results.add_option(parser)
    arguments = parser.parse_args()
    arguments.images = arguments.images or (QUICK_IMAGES if arguments.quick else IMAGES)
    root = arguments.data_root
    if root is not None and not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        parser.error(f"there is no MNIST/raw in {root}: name another folder, or none")
    return arguments


def images(source: Path | None, count: int, folder: Path) -> Path:
    """A folder with so many training images, and a sixth as many of test, in MNIST's format."""
    counts = {"train": count, "t10k": count // 6}
    if source is None:
        made_up_mnist.write(folder, counts)
        return folder
    data = made_up_mnist.dataset(source)
    for (split, own), part in zip(counts.items(), (data.train, data.test), strict=True):
        labels = part.labels[:own].astype("uint8")
        made_up_mnist.write_split(folder, split, part.pixels[:own, 0], labels)
    return folder


def sides(
    grid: Grid, root: Path, precisions: tuple[str, ...]
) -> list[tuple[str, Callable[[Path], Run]]]:
    """Who is to run, and how, given a new folder."""
    ours = [(name, partial(our_run, grid, name, root)) for name in precisions]
    return [(PLAIN, partial(plain_run, grid, root)), *ours]


def check(found: Mapping[str, list[Run]]) -> None:
    """That all sides have trained the same trials as many steps, to losses of the same size.

    Raises:
        SystemExit: they have not.
    """
    expected = found[PLAIN][0].results
    for side, runs in found.items():
        for run in runs:
            apart = differences(run.results, expected)
            if apart:
                raise SystemExit(f"{side} differs from the plain script: {'; '.join(apart)}")


def differences(ours: Results, plain: Results) -> list[str]:
    """What is not the same on both sides, or further apart than chance has it."""
    if set(ours) != set(plain):
        return [f"trials {sorted(set(ours) ^ set(plain))}"]
    apart = [
        f"{key}: {ours[key].steps} steps, plainly {plain[key].steps}"
        for key in plain
        if ours[key].steps != plain[key].steps
    ]
    for cell, (own, other) in by_cell(ours, plain).items():
        for name, at_most in APART.items():
            value, expected = own[name], other[name]
            if name == "kl" and min(value, expected) < NATS:
                continue
            if not 1 / at_most <= value / expected <= at_most:  # NaN is caught as well
                apart.append(f"{cell}: {name} is {value:.4g}, plainly {expected:.4g}")
    return apart


def by_cell(*sides: Results) -> dict[tuple[str, float], list[dict[str, float]]]:
    """Means over seeds, by model and β, of each side."""
    cells = dict.fromkeys((model, beta) for model, beta, _ in sides[0])
    return {
        cell: [
            {
                name: statistics.fmean(
                    getattr(result, name) for key, result in side.items() if key[:2] == cell
                )
                for name in Result._fields
            }
            for side in sides
        ]
        for cell in cells
    }


def figures(grid: Grid, count: int, found: Mapping[str, list[Run]]) -> dict[str, Any]:
    """All of it, for a file."""
    of_sides = {}
    for side, runs in found.items():
        of_sides[side] = [
            {
                **run.cost._asdict(),
                "spent_s": run.spent,
                "trials": [
                    {"model": model, "beta": beta, "seed": seed, **result._asdict()}
                    for (model, beta, seed), result in run.results.items()
                ],
            }
            for run in runs
        ]
    return {"images": count, "grid": grid._asdict(), "sides": of_sides}


def report(found: Mapping[str, list[Run]], grid: Grid, check_goals: bool) -> int:
    """Print the table, what came of the trials and where our time went; the exit code."""
    medial = {side: medians(runs) for side, runs in found.items()}
    missed = costs(medial)
    print(f"\n{FOOTNOTE}\n{VIEWS if grid.views == 2 else ''}".rstrip())
    names = list(found)
    print("\nmeans over seeds, each side's; of the losses in the last epoch's training")
    for name in ("loss", "reconstruction", "kl", "accuracy"):
        print(f"{name:<24}" + "".join(f"{side:>12}" for side in names))
        for (model, beta), values in by_cell(*(runs[0].results for runs in found.values())).items():
            print(f"  {f'{model}, beta {beta:g}':<22}", end="")
            print("".join(f"{own[name]:>12.4g}" for own in values))
    for side, (_, parts) in medial.items():
        if parts:
            print(f"\n{where(side, parts)}", end="")
    print()
    if check_goals and missed:
        print(f"goal missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def costs(medial: Mapping[str, tuple[Any, dict[str, float]]]) -> list[str]:
    """Print the table; which goals are missed."""
    ours = [side for side in medial if side != PLAIN]
    head = "".join(f"{side:>11}{'ratio':>7}{'at least':>10}" for side in ours)
    print(f"\n{'':<18}{PLAIN:>10}{head}")
    missed = []
    for goal in GOALS:
        plain = getattr(medial[PLAIN][0], goal.figure)
        line = f"{goal.label:<18}{plain:>10,.1f}"
        for side in ours:
            own, at_least = getattr(medial[side][0], goal.figure), goal.at_least.get(side)
            line += f"{own:>11,.1f}{plain / own:>7.2f}{at_least or '-':>10}"
            if at_least is not None and plain / own < at_least:
                missed.append(f"{goal.label} in {side}")
        print(line)
    return missed


def where(side: str, parts: Mapping[str, float]) -> str:
    """Where the time went on our side."""
    stretches = ", ".join(f"{name} {parts[name]:.1f}" for name in STRETCHES)
    workers = ", ".join(f"{name} {parts[name]:.1f}" for name in parts if name not in STRETCHES)
    return f"{side}, seconds one after another: {stretches}; of the workers together: {workers}"


STRETCHES = ("start", "training", "evaluation", "end")
"""Until the first epoch begins, the last one ends, the last evaluation ends, and the prompt."""

if __name__ == "__main__":
    sys.exit(main())
