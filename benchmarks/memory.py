"""Memory of a sweep at work, process by process, with one worker and with two.

    python benchmarks/memory.py

Sizes are proportional (PSS): memory that several processes share counts in equal parts for each,
so that the sizes of all add up to what the sweep takes. The sweep trains default models on made-up
images of the number and shape of MNIST and of CIFAR-10, with the installed command's own code in a
process of its own. Looked at are some seconds of training, after every worker has trained for a
while. Needs Linux; starts Ray.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil
import results
from made_up import COUNTS, made_up

DRIVE = "--drive"
"""What makes this script be the command instead."""
DRIVER, WORKER = "driver", "workers"
RAYS = ("IDLE", "SPILL", "RESTORE", "DELETE", "DashboardAgent", "RuntimeEnvAgent")
"""How the titles begin of those of Ray's own processes that have one, behind ``ray::``."""
TRAINED_CPU_S = 10.0
"""Processor time after which a worker has begun to train: importing takes half of it."""
LOOKED_S, EVERY_S = 5.0, 0.5
PATIENCE_S = 180.0
END_S = 60.0
MIB = 2**20
SWEEP = """\
name: at_work
baselines: false
base: {{data: {{name: {data}}}, model: cvae, epochs: 1000}}
seeds: [0, 1]
evaluation: {{probe_every: 0}}
"""
FOOTNOTE = """\
MiB, medians over some seconds of training. workers: all of them together; the images lie in memory
that they, the driver and Ray's store share. ray: its own processes, idle workers included; below
by name. further worker: what all takes more with two workers than with one."""


def main() -> int:
    if sys.argv[1:2] == [DRIVE]:
        drive(*sys.argv[2:])
    arguments = parse()
    about = results.machine()
    print(results.machine_line(about))
    found = {
        (data, workers): at_work(data, workers, arguments)
        for data in arguments.data
        for workers in arguments.workers
    }
    rows = [
        {"data": data, "workers": workers, "mib": sizes} for (data, workers), sizes in found.items()
    ]
    results.write(arguments.json, "memory", about, rows)
    report(found)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--images", type=int, help="training images (default: the data set's)")
    results.add_option(parser)
    return parser.parse_args()


def drive(data: str, images: str, *arguments: str) -> NoReturn:
    """Be the command, with made-up images in the place of a data set's own."""
    import cvae_core.data
    from orchestration.cli.main import main as command

    count = int(images) or None
    cvae_core.data.load_dataset = lambda *_, **__: made_up(data, train=count)
    sys.argv = ["cvae-sweep", *arguments]
    command()
    raise SystemExit


def at_work(data: str, workers: int, arguments: argparse.Namespace) -> dict[str, float]:
    """MiB by kind of process while so many workers train."""
    with tempfile.TemporaryDirectory(prefix="m-") as name:
        folder = Path(name)
        (folder / "sweep.yaml").write_text(SWEEP.format(data=data))
        command = [sys.executable, str(Path(__file__).resolve()), DRIVE]
        command += [data, str(arguments.images or 0), "run", "sweep.yaml", "--quiet"]
        command += ["--max-concurrent", str(workers)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY", "MLFLOW"))}
        with (folder / "said").open("w+") as said:
            driver = subprocess.Popen(  # noqa: S603 - this very script
                command, cwd=folder, env=environment, stdout=said, stderr=said
            )
            family = psutil.Process(driver.pid)
            known: set[psutil.Process] = set()
            try:
                looked = look(family, workers, known)
            except TimeoutError:
                said.seek(0)
                failed = f"no {workers} workers were seen to train"
                raise SystemExit(f"{failed}:\n{said.read()}") from None
            finally:
                end(driver, known)
    return {kind: statistics.median(sizes) / MIB for kind, sizes in looked.items()}


def look(
    driver: psutil.Process, workers: int, known: set[psutil.Process]
) -> dict[str, list[float]]:
    """Bytes by kind of process, several times, once all workers train.

    Args:
        driver: the command's process.
        workers: how many there are to be.
        known: takes in every process of the command's that was seen.
    """
    began, until = time.monotonic(), None
    sizes: dict[str, list[float]] = defaultdict(list)
    while until is None or time.monotonic() < until:
        if time.monotonic() - began > PATIENCE_S or not driver.is_running():
            raise TimeoutError
        family = [driver, *driver.children(recursive=True)]
        known.update(family)
        kinds = {process: kind for process in family if (kind := kind_of(process, driver))}
        trained = [cpu_s(p) >= TRAINED_CPU_S for p, kind in kinds.items() if kind == WORKER]
        if until is None and len(trained) == workers and all(trained):
            until = time.monotonic() + LOOKED_S
        if until is not None:
            for kind, size in together(kinds).items():
                sizes[kind].append(size)
        time.sleep(EVERY_S)
    return sizes


def kind_of(process: psutil.Process, driver: psutil.Process) -> str | None:
    """What a process is: the driver, a worker, or one of Ray's by its name; None: it has gone."""
    if process == driver:
        return DRIVER
    try:
        return kind_of_title(process.cmdline(), process.name())
    except psutil.Error:
        return None


def kind_of_title(words: list[str], name: str) -> str | None:
    """The same of any other process, by its command line and its name."""
    if not words:  # a zombie
        return None
    if words[0].startswith("ray::"):
        title = words[0].removeprefix("ray::")
        return next((own for own in RAYS if title.startswith(own)), WORKER)
    scripts = [Path(word).name for word in words[1:] if word.endswith(".py")]
    return scripts[0] if scripts else name


def cpu_s(process: psutil.Process) -> float:
    try:
        return float(process.cpu_times().user)
    except psutil.Error:
        return 0.0


def together(kinds: Mapping[psutil.Process, str]) -> dict[str, float]:
    """Proportional set sizes, added up by kind."""
    sizes: dict[str, float] = defaultdict(float)
    for process, kind in kinds.items():
        with suppress(psutil.Error):
            sizes[kind] += process.memory_full_info().pss
    return sizes


def end(driver: subprocess.Popen[Any], known: set[psutil.Process]) -> None:
    """End the command as a person does who is in a hurry, and whatever it leaves."""
    for _ in range(2):
        if driver.poll() is None:
            driver.send_signal(signal.SIGINT)
            time.sleep(1)
    with suppress(subprocess.TimeoutExpired):
        driver.wait(END_S)
    for process in known:
        with suppress(psutil.Error):
            process.kill()
    driver.wait()


def report(found: Mapping[tuple[str, int], Mapping[str, float]]) -> None:
    print(f"\n{'':<10}{'workers':>8}{'driver':>9}{'workers':>9}{'ray':>7}{'all':>8}", end="")
    print(f"{'further worker':>16}")
    for (data, workers), sizes in found.items():
        ray = sum(size for kind, size in sizes.items() if kind not in (DRIVER, WORKER))
        before = found.get((data, workers - 1))
        more = "-" if before is None else f"{sum(sizes.values()) - sum(before.values()):,.0f}"
        print(
            f"{data:<10}{workers:>8}{sizes[DRIVER]:>9,.0f}{sizes[WORKER]:>9,.0f}{ray:>7,.0f}"
            f"{sum(sizes.values()):>8,.0f}{more:>16}"
        )
    (data, workers), sizes = list(found.items())[-1]
    print(f"\nray's processes, {data}, {workers} workers:")
    for kind, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if kind not in (DRIVER, WORKER):
            print(f"  {kind:<40}{size:>7,.0f}")
    print(f"\n{FOOTNOTE}")


if __name__ == "__main__":
    sys.exit(main())
