"""Draws each picture that the core makes, in a process for each line of JSON that it is given.

Such a line has Python's ``code``, and the ``variables`` of its environment. PyTorch is imported
once, and matplotlib, which reads its environment then, by each of the processes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

EPOCHS = [
    {"epoch": epoch, "metrics": {"train/loss": 1 / epoch, "val/loss": 2 / epoch}}
    for epoch in (1, 2, 3)
]


def every_picture(classes: Sequence[str]) -> dict[str, bytes]:
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
    return {
        "reconstructions": reconstructions_png(subject, 10),
        "samples": samples_png(subject, 9),
        "curves": curves_png(subject),
        "sources": sources_png(subject, "FD", 1024, {"prior": 3.0, "mixture": 2.0, "floor": 0.5}),
        "kl": kl_bars_png(subject, use, 0.01),
        "confusion": confusion_png(matrix, classes, ["β=0.1"]),
        "map": one_map(points, labels, classes, "β=0.1"),
        "maps": many_maps(panels, labels, classes, ["a", "b"], "β=0.1", around),
    }


def print_hashes(classes: Sequence[str]) -> None:
    """Of all pictures; with a folder in PICTURES they are left there as well."""
    for name, content in every_picture(classes).items():
        print(name, hashlib.sha256(content).hexdigest())
        if folder := os.environ.get("PICTURES"):
            (Path(folder) / f"{name}.png").write_bytes(content)


def _in_a_child(code: str, variables: dict[str, str]) -> tuple[int, str, str]:
    """Its status, and what it writes."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.environ.update(variables)
            try:
                exec(code, globals().copy())
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
        return (status, *texts)


if __name__ == "__main__":
    assert not [name for name in sys.modules if name.startswith("matplotlib")]
    for line in sys.stdin:
        wanted: dict[str, Any] = json.loads(line)
        print(json.dumps(_in_a_child(wanted["code"], wanted["variables"])), flush=True)
