"""Epochs a second of trials that are trained at once, against trials in processes of their own.

    python benchmarks/gpu.py

On a GPU, with made-up images of MNIST's number and shape. Needs PyTorch and NumPy, and nothing
else of what a sweep needs. That a packed trial's metrics are those of the same trial alone is
checked before anything is timed. Without a GPU it says so and exits with 2; with --device cpu it
runs on a few images, which shows that it runs and says nothing of a GPU.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import results
import torch
from made_up import made_up

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.packs.pack import Pack
from cvae_core.training.training import Training

SIZES = {"cuda": (1, 4, 8, 32), "cpu": (1, 2)}
PROCESSES = {"cuda": (1, 4, 8), "cpu": (2,)}
IMAGES = {"cuda": 60_000, "cpu": 300}
WAIT_S = 300
"""For a process to be ready."""
FOOTNOTE = """\
each: epochs a second of one trial; all: of all trials together; gain: that over a trial alone.
alone: the training that `fit` does. pack: so many trials at once, in one process. processes: so
many trials alone, each in a process of its own, at the same time on the same device. An epoch is
training and validation; the first of each kind is not timed. difference: the largest relative one
of any metric of the first epoch, of a trial of the pack and the same trial alone."""


class Row(NamedTuple):
    """One line of the table."""

    model: str
    way: str
    trials: int
    epochs_per_s: float
    """Of one trial."""
    memory_gb: float | None = None
    """The most that PyTorch took of the device, in this process; None: it is not known."""
    difference: float | None = None


def main() -> int:
    arguments = parse()
    device = arguments.device
    if device == "cuda" and not torch.cuda.is_available():
        print("no GPU that PyTorch can use; --device cpu shows that this runs", file=sys.stderr)
        return 2
    if device == "cpu":
        torch.set_num_threads(1)
    about = results.machine()
    about["device"] = torch.cuda.get_device_name() if device == "cuda" else "the processor"
    print(f"{results.machine_line(about)}; on {about['device']}")
    data = made_up("mnist", train=IMAGES[device])
    rows = []
    for model in ("vae", "cvae"):
        for row in measure(model, data, device, arguments.epochs):
            print(".", end="", flush=True)
            rows.append(row)
    print(table(rows))
    results.write(arguments.json, "gpu", about, [row._asdict() for row in rows])
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=sorted(SIZES), default="cuda")
    parser.add_argument("--epochs", type=int, default=3, help="that are timed (default: 3)")
    results.add_option(parser)
    return parser.parse_args()


def trial(model: str, number: int, epochs: int) -> TrialConfig:
    """The so-and-so-many-th trial: another seed, β, λ and τ."""
    return TrialConfig.from_settings(
        {
            "data": {"name": "mnist"},
            "model": model,
            "seed": number,
            "epochs": 1 + epochs,
            "beta": 1e-3 / (1 + number % 4),
            "lambda": 0.1 * (1 + number % 3),
            "tau": 0.5 / (1 + number % 2),
        }
    )


def measure(model: str, data: Dataset, device: str, epochs: int) -> Iterator[Row]:
    """Alone, in packs, and in processes."""
    alone = Training(trial(model, 0, epochs), data, device=device)
    expected = alone.run_epoch()["metrics"]
    began = time.perf_counter()
    for _ in range(epochs):
        alone.run_epoch()
    yield Row(model, "alone", 1, epochs / (time.perf_counter() - began))
    del alone
    for size in SIZES[device]:
        yield packed(model, data, device, (size, epochs), expected)
    for count in PROCESSES[device]:
        yield Row(model, "processes", count, in_processes(model, device, count, epochs))


def packed(
    model: str, data: Dataset, device: str, numbers: tuple[int, int], expected: dict[str, float]
) -> Row:
    """So many trials at once for so many epochs, the first of them beside itself alone."""
    size, epochs = numbers
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    pack = Pack(data, device=device)
    for number in range(size):
        pack.add(trial(model, number, epochs))
    found = pack.run_epoch()[0].result
    if isinstance(found, Exception):
        raise found
    metrics = found["metrics"]
    difference = max(
        abs(metrics[name] - own) / max(abs(own), 1e-8) for name, own in expected.items()
    )
    began = time.perf_counter()
    for _ in range(epochs):
        pack.run_epoch()
    rate = epochs / (time.perf_counter() - began)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None
    return Row(model, "pack", size, rate, memory, difference)


def in_processes(model: str, device: str, count: int, epochs: int) -> float:
    """Epochs a second of each of so many trials, the slowest of which says when all are done."""
    context = multiprocessing.get_context("spawn")
    ready, seconds = context.Barrier(count), context.SimpleQueue()
    processes = [
        context.Process(target=work, args=(trial(model, n, epochs), device, ready, seconds))
        for n in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"one of {count} processes failed; what it said stands above")
    return epochs / max(seconds.get() for _ in processes)


def work(config: TrialConfig, device: str, ready: Any, seconds: Any) -> None:
    """One trial in a process of its own: an epoch, then, when all are there, those that count."""
    torch.set_num_threads(1)
    training = Training(config, made_up("mnist", train=IMAGES[device]), device=device)
    try:
        training.run_epoch()
        ready.wait(WAIT_S)
    except BaseException:
        with suppress(Exception):
            ready.abort()  # or the others would wait for it
        raise
    began = time.perf_counter()
    while not training.finished:
        training.run_epoch()
    seconds.put(time.perf_counter() - began)


def table(rows: list[Row]) -> str:
    """All of it as text."""
    lines = [
        f"\n{'':<6}{'':<11}{'trials':>7}{'each':>10}{'all':>10}{'gain':>7}{'memory':>10}{'difference':>12}"
    ]
    alone = {row.model: row.epochs_per_s for row in rows if row.way == "alone"}
    for row in rows:
        everyone = row.trials * row.epochs_per_s
        memory = "-" if row.memory_gb is None else f"{row.memory_gb:.1f} GB"
        difference = "-" if row.difference is None else f"{row.difference:.0e}"
        lines.append(
            f"{row.model:<6}{row.way:<11}{row.trials:>7}{row.epochs_per_s:>8.3f}/s"
            f"{everyone:>8.3f}/s{everyone / alone[row.model]:>7.2f}{memory:>10}{difference:>12}"
        )
    return "\n".join([*lines, "", FOOTNOTE])


if __name__ == "__main__":
    sys.exit(main())
