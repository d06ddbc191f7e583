"""Draws each picture that the core makes.

matplotlib, which reads its environment when it is imported, is imported by none of this, so that
each child of the process that has imported the rest reads its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.diagnostics.kl_bars import kl_bars_png
from cvae_core.evaluation.diagnostics.latent_use import latent_use
from cvae_core.evaluation.distances.sources_figure import sources_png
from cvae_core.evaluation.maps.map_files import limits, many_maps, one_map
from cvae_core.evaluation.pictures.curves import curves_png
from cvae_core.evaluation.pictures.part import reconstructions_png, samples_png
from cvae_core.evaluation.probes.confusion import confusion_png
from cvae_core.evaluation.subject import Subject
from cvae_core.models import build_model

NAMES = ("reconstructions", "samples", "curves", "sources", "kl", "confusion", "map", "maps")
EPOCHS = [
    {"epoch": epoch, "metrics": {"train/loss": 1 / epoch, "val/loss": 2 / epoch}}
    for epoch in (1, 2, 3)
]


def draw(classes: Sequence[str], names: Sequence[str]) -> dict[str, bytes]:
    """Of a model that has learnt nothing, and of random images."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    count = 40
    labels = np.arange(count) % len(classes)
    pixels = random.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
    images = Images(pixels, labels)
    config = TrialConfig()
    data = Dataset("digits", images, images, tuple(classes))
    weights = build_model(config, data.image_shape).state_dict()
    subject = Subject(config, data, weights, label="β=0.1", epochs=EPOCHS, cache=Path("cache"))
    points = random.normal(size=(count, 2)).astype(np.float32)
    matrix = np.eye(len(classes), dtype=np.int64)
    use = latent_use(points, -np.abs(points))
    panels, around = [points, points], limits(points)
    distances = {"prior": 3.0, "mixture": 2.0, "floor": 0.5}
    pictures: dict[str, Callable[[], bytes]] = {
        "reconstructions": lambda: reconstructions_png(subject, 10),
        "samples": lambda: samples_png(subject, 9),
        "curves": lambda: curves_png(subject),
        "sources": lambda: sources_png(subject, "FD", 1024, distances),
        "kl": lambda: kl_bars_png(subject, use, 0.01),
        "confusion": lambda: confusion_png(matrix, classes, ["β=0.1"]),
        "map": lambda: one_map(points, labels, classes, "β=0.1"),
        "maps": lambda: many_maps(panels, labels, classes, ["a", "b"], "β=0.1", around),
    }
    assert tuple(pictures) == NAMES
    return {name: pictures[name]() for name in names}


def print_hashes(classes: Sequence[str], names: Sequence[str] = NAMES) -> None:
    """Of pictures; with a folder in PICTURES they are left there as well."""
    for name, content in draw(classes, names).items():
        print(name, hashlib.sha256(content).hexdigest())
        if folder := os.environ.get("PICTURES"):
            (Path(folder) / f"{name}.png").write_bytes(content)


assert not [name for name in sys.modules if name.startswith("matplotlib")]
