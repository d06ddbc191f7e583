"""Images per second of ``fit``'s training against the loop that the paper's code used.

    python benchmarks/train_step.py --data-root DIR

Both train the same model from the same weights, on MNIST where the folder has it, else on made-up
images of its shape, and on made-up images of CIFAR-10's. That both compute the same losses on
identical batches is checked before anything is timed. ``fit`` is timed in float32 and in bfloat16;
beside its ratio stands the share of what the machine reaches in products of large matrices in the
same numbers. What each row compares is printed below the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import made_up_mnist
import results
import torch
from made_up import made_up
from matrix_rate import matrix_rate, step_operations
from plain_loop import PlainLoop

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.scaling import to_model_range
from cvae_core.data.views import make_views
from cvae_core.streams import TRAINING, Streams
from cvae_core.training.training import Training


class Row(NamedTuple):
    """A row of the table: which plain loop ``fit`` is compared with."""

    model: str
    data: str
    augmented: int  # views that the plain loop augments, image by image
    at_least: float | None = None  # what --check asks of the ratio in float32


class Rates(NamedTuple):
    """Images per second, medians."""

    plain: float
    float32: float
    bfloat16: float
    operations: float
    """Of convolutions and products, for one image."""


ROWS = (
    Row("vae", "mnist", 0, at_least=1.3),
    Row("cvae", "mnist", 2, at_least=2.5),
    Row("cvae", "mnist", 1),
    Row("vae", "cifar10", 0),
    Row("cvae", "cifar10", 2),
)
PRECISIONS = ("float32", "bfloat16")
FOOTNOTE = """\
ratio: images per second over the plain loop's; share: of what products of large matrices reach in
the same numbers on as many threads, counting the step's convolutions and products alone.
views: how many the plain loop augments, image by image. fit augments one, as the paper's text has
it, the paper's released code two, so the rows with 2 include the saved view; both encode two
images and decode one. The row with 1 is like for like, the same loop with the original as its
first view."""
CHECKED_STEPS = {"mnist": 50, "cifar10": 5}
STEPS = {"mnist": 100, "cifar10": 12}
TOLERANCE = 1e-4
WARM_UP_STEPS = 5


def main() -> int:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    about = results.machine()
    print(f"{results.machine_line(about)}; {arguments.threads} thread(s)")
    rates: dict[Row, Rates] = {}
    peaks: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    with mnist_root(arguments.data_root) as (root, described):
        print(f"mnist: {described}; cifar10: made-up images of its shape")
        for data in STEPS:
            images = made_up_mnist.dataset(root) if data == "mnist" else made_up(data, train=20_000)
            source = root if data == "mnist" else images.train
            for model in ("vae", "cvae"):
                config = TrialConfig.from_settings({"model": model, "data": {"name": data}})
                difference = largest_difference(config, images)
                steps = f"{CHECKED_STEPS[data]} steps"
                print(f"{model}, {data}: losses equal to {difference:.1e} over {steps}")
                steps = arguments.steps or STEPS[data]
                rates |= measure(config, images, source, steps, arguments.repeats)
                for precision, found in peaks.items():
                    found.append(matrix_rate(precision))
    peak = {precision: statistics.median(found) for precision, found in peaks.items()}
    results.write(arguments.json, "train_step", about, figures(rates, peak))
    return report(rates, peak, arguments.check)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that may have MNIST/raw")
    parser.add_argument("--steps", type=int, help="steps a repeat (default: 100 and 12)")
    parser.add_argument("--repeats", type=int, default=3, help="repeats, of which the median")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch's threads (default: 1)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a ratio is too low")
    results.add_option(parser)
    return parser.parse_args()


@contextmanager
def mnist_root(given: Path | None) -> Iterator[tuple[Path, str]]:
    """The given folder if MNIST is in it, else a temporary one with made-up images."""
    if given is not None and (given / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        yield given, f"MNIST in {given}"
        return
    with tempfile.TemporaryDirectory() as folder:
        made_up_mnist.write(Path(folder))
        yield Path(folder), "made-up images of MNIST's shape"


def largest_difference(config: TrialConfig, data: Dataset) -> float:
    """Largest relative difference of any term between both loops, on identical batches.

    Weights, noise and, for the CVAE, the augmented images are identical too: a second set of
    generators with the same seeds gives the plain step what ``fit`` draws for itself.
    """
    training, plain = Training(config, data), PlainLoop(config, data.image_shape)
    plain.model.load_state_dict(training.model.state_dict())  # its last bias began elsewhere
    streams = Streams(config.seed, TRAINING)
    batches = torch.from_numpy(data.train.pixels).split(config.batch_size)
    largest = 0.0
    for batch in batches[: CHECKED_STEPS[config.data.name]]:
        unit = batch.float() / 255
        shape = (len(batch), config.architecture.latent_dim)
        noise = torch.randn(shape, generator=streams["noise"])
        views = second_noise = None
        if config.model == "cvae":
            drawn = make_views(unit, config.views, streams["views"])
            views = to_model_range(drawn, config.data)
            second_noise = torch.randn(shape, generator=streams["second_noise"])
        expected = plain.step(to_model_range(unit, config.data), views, noise, second_noise)
        ours = training.step(unit)._asdict()
        for name, value in expected.items():
            difference = abs(float(ours[name]) - value) / abs(value)
            largest = max(largest, difference)
            if not math.isfinite(difference) or difference > TOLERANCE:
                raise AssertionError(f"{config.model}: {name} is {ours[name]}, plainly {value}")
    return largest


def measure(
    config: TrialConfig, data: Dataset, source: Path | Images, steps: int, repeats: int
) -> dict[Row, Rates]:
    """Rates by row, plain and ours, in turns on a machine that drifts."""
    plain = PlainLoop(config, data.image_shape)
    rows = [row for row in ROWS if (row.model, row.data) == (config.model, config.data.name)]
    loaders = {row: plain.loader(source, row.augmented) for row in rows}
    for loader in loaders.values():
        plain.images_per_s(loader, WARM_UP_STEPS)
    few = first_steps(data, config, WARM_UP_STEPS)
    trainings = {}
    for precision in PRECISIONS:
        own = dataclasses.replace(config, precision=precision)
        Training(own, few).run_epoch()
        trainings[precision] = Training(own, first_steps(data, own, steps))
    plainly: dict[Row, list[float]] = {row: [] for row in rows}
    ours: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(repeats):
        for row, loader in loaders.items():
            plainly[row].append(plain.images_per_s(loader, steps))
        for precision, training in trainings.items():
            # The training part of an epoch: order, gathering, scaling, views, steps and checks.
            ours[precision].append(training.run_epoch()["images_per_s"])
    batch = torch.from_numpy(data.train.pixels[: config.batch_size]).float() / 255
    operations = step_operations(Training(config, few), batch)
    medians = [statistics.median(ours[precision]) for precision in PRECISIONS]
    return {row: Rates(statistics.median(plainly[row]), *medians, operations) for row in rows}


def first_steps(data: Dataset, config: TrialConfig, steps: int) -> Dataset:
    """So many of the images that an epoch of ``fit`` has that many steps, validation aside."""
    count = math.ceil(steps * config.batch_size / (1 - config.data.validation_fraction))
    train = Images(data.train.pixels[:count], data.train.labels[:count])
    return Dataset(data.name, train, data.test, data.classes)


def figures(rates: dict[Row, Rates], peak: dict[str, float]) -> dict[str, object]:
    rows = [row._asdict() | own._asdict() for row, own in rates.items()]
    return {"matrix_operations_per_s": peak, "rows": rows}


def report(rates: dict[Row, Rates], peak: dict[str, float], check: bool) -> int:
    said = ", ".join(f"{name} {own / 1e9:,.0f}" for name, own in peak.items())
    print(f"\nproducts of large matrices, billion operations a second: {said}")
    print(f"\n{'':<24}{'plain':>9}{'float32':>11}{'ratio':>7}{'at least':>10}{'share':>7}", end="")
    print(f"{'bfloat16':>11}{'ratio':>7}{'share':>7}{'of float32':>12}")
    too_low = []
    for row, own in rates.items():
        views = {0: "", 1: ", 1 view", 2: ", 2 views"}[row.augmented]
        label, ratio = f"{row.model}, {row.data}{views}", own.float32 / own.plain
        shares = {name: own.operations * getattr(own, name) / peak[name] for name in PRECISIONS}
        print(
            f"{label:<24}{own.plain:>7,.0f}/s{own.float32:>9,.0f}/s{ratio:>7.2f}"
            f"{row.at_least or '-':>10}{shares['float32']:>7.0%}{own.bfloat16:>9,.0f}/s"
            f"{own.bfloat16 / own.plain:>7.2f}{shares['bfloat16']:>7.0%}"
            f"{own.bfloat16 / own.float32:>12.2f}"
        )
        if row.at_least is not None and ratio < row.at_least:
            too_low.append(label)
    print(f"\n{FOOTNOTE}")
    if check and too_low:
        print(f"too slow: {', '.join(too_low)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
