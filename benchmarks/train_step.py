"""Images per second of ``fit``'s training against the loop that the paper's code used.

    python benchmarks/train_step.py --data-root DIR

Both train the same model from the same weights, on MNIST where the folder has it, else on made-up
images of its shape. That both compute the same losses on identical batches is checked before
anything is timed. What each row compares is printed below the table.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import made_up_mnist
import torch
from plain_loop import PlainLoop

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.views import make_views
from cvae_core.streams import TRAINING, Streams
from cvae_core.training.training import Training


class Row(NamedTuple):
    """A row of the table: which plain loop ``fit`` is compared with."""

    model: str
    augmented: int  # views that the plain loop augments, image by image
    at_least: float | None = None  # what --check asks of the ratio


ROWS = {
    "vae": Row("vae", 0, at_least=1.3),
    "cvae": Row("cvae", 2, at_least=2.5),
    "cvae, one view augmented": Row("cvae", 1),
}
FOOTNOTE = """\
vae, cvae: fit at its defaults against the loop of the paper's released code. For the CVAE that
loop augments both views image by image and fit, as the paper's text has it, only one, so the
ratio includes the saved view; both encode two images and decode one.
cvae, one view augmented: like for like, the same loop with the original as its first view."""
CHECKED_STEPS = 50
TOLERANCE = 1e-4
WARM_UP_STEPS = 5


def main() -> int:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    with mnist_root(arguments.data_root) as (root, described):
        data = made_up_mnist.dataset(root)
        print(f"{described}; {arguments.threads} thread(s), torch {torch.__version__}")
        rates = {}
        for model in ("vae", "cvae"):
            config = TrialConfig.from_settings({"model": model, "data": {"name": "mnist"}})
            difference = largest_difference(config, data)
            print(f"{model}: losses equal to {difference:.1e} over {CHECKED_STEPS} steps")
            rates |= measure(config, data, root, arguments.steps, arguments.repeats)
    return report(rates, arguments.check)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, help="folder that may have MNIST/raw")
    parser.add_argument("--steps", type=int, default=150, help="steps a repeat (default: 150)")
    parser.add_argument("--repeats", type=int, default=5, help="repeats, of which the median")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch's threads (default: 1)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a ratio is too low")
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
    largest = 0.0
    for batch in torch.from_numpy(data.train.pixels).split(config.batch_size)[:CHECKED_STEPS]:
        images = batch.float() / 255
        shape = (len(batch), config.architecture.latent_dim)
        noise = torch.randn(shape, generator=streams["noise"])
        views = second_noise = None
        if config.model == "cvae":
            views = make_views(images, config.views, streams["views"])
            second_noise = torch.randn(shape, generator=streams["second_noise"])
        expected = plain.step(images, views, noise, second_noise)
        ours = training.step(images)._asdict()
        for name, value in expected.items():
            difference = abs(float(ours[name]) - value) / abs(value)
            largest = max(largest, difference)
            if not math.isfinite(difference) or difference > TOLERANCE:
                raise AssertionError(f"{config.model}: {name} is {ours[name]}, plainly {value}")
    return largest


def measure(
    config: TrialConfig, data: Dataset, root: Path, steps: int, repeats: int
) -> dict[str, tuple[float, float]]:
    """Medians of images per second by row, plain and ours, in turns on a machine that drifts."""
    plain = PlainLoop(config, data.image_shape)
    loaders = {
        label: plain.loader(root, row.augmented)
        for label, row in ROWS.items()
        if row.model == config.model
    }
    for loader in loaders.values():
        plain.images_per_s(loader, WARM_UP_STEPS)
    Training(config, first_steps(data, config, WARM_UP_STEPS)).run_epoch()
    training = Training(config, first_steps(data, config, steps))
    plainly: dict[str, list[float]] = {label: [] for label in loaders}
    ours: list[float] = []
    for _ in range(repeats):
        for label, loader in loaders.items():
            plainly[label].append(plain.images_per_s(loader, steps))
        # The training part of an epoch: order, gathering, scaling, views, steps and checks.
        ours.append(training.run_epoch()["images_per_s"])
    median = statistics.median
    return {label: (median(rates), median(ours)) for label, rates in plainly.items()}


def first_steps(data: Dataset, config: TrialConfig, steps: int) -> Dataset:
    """So many of the images that an epoch of ``fit`` has that many steps, validation aside."""
    count = math.ceil(steps * config.batch_size / (1 - config.data.validation_fraction))
    train = Images(data.train.pixels[:count], data.train.labels[:count])
    return Dataset(data.name, train, data.test, data.classes)


def report(rates: dict[str, tuple[float, float]], check: bool) -> int:
    print(f"\n{'model':<26}{'plain loop':>12}{'fit':>12}{'ratio':>8}{'at least':>10}")
    too_low = []
    for label, (plain, ours) in rates.items():
        ratio, at_least = ours / plain, ROWS[label].at_least
        print(f"{label:<26}{plain:>10,.0f}/s{ours:>10,.0f}/s{ratio:>8.2f}{at_least or '-':>10}")
        if at_least is not None and ratio < at_least:
            too_low.append(label)
    print(f"\n{FOOTNOTE}")
    if check and too_low:
        print(f"too slow: {', '.join(too_low)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
