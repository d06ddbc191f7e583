"""The trial that both sides of ``evaluate.py`` look at: trained once, read by each process."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import made_up_mnist
import torch
from results import peak_mib

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.parts import PARTS, measure
from cvae_core.evaluation.subject import Subject

LEARNING_RATE = 1e-3
"""Ten times the default: one epoch then gives latents that tell classes apart."""


class Trial(NamedTuple):
    """A trained model and its data."""

    config: TrialConfig
    data: Dataset
    weights: dict[str, torch.Tensor]
    history: list[dict[str, Any]]
    cache: Path

    def subject(self) -> Subject:
        """What a part of the evaluation gets; nothing is computed yet."""
        return Subject(
            self.config, self.data, self.weights, epochs=self.history, cache=self.cache, label="vae"
        )


def main() -> None:
    """Train the model and fill the caches: a classifier, and the real side of the distances."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("images", type=int)
    parser.add_argument("root", type=Path, nargs="?")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder, root = arguments.folder, arguments.root
    if root is None:
        root = folder / "data"
        made_up_mnist.write(root)
    config = TrialConfig.from_settings(
        {"model": "vae", "epochs": 1, "learning_rate": LEARNING_RATE, "data": {"name": "mnist"}}
    )
    data = first(made_up_mnist.dataset(root), arguments.images)
    fitted = fit(config, data)
    state = {
        "root": str(root),
        "images": arguments.images,
        "weights": fitted.checkpoint.selected_weights,
        "history": json.dumps(fitted.history),
    }
    torch.save(state, folder / "trial.pt")
    for _ in measure("fd", load(folder).subject(), PARTS["fd"].settings()):
        pass
    (folder / "prepared.json").write_text(json.dumps({"peak_mib": peak_mib()}))


def load(folder: Path) -> Trial:
    """The trial that ``main`` has left in a folder."""
    state = torch.load(folder / "trial.pt", weights_only=True)
    return Trial(
        TrialConfig.from_settings({"data": {"name": "mnist"}, "learning_rate": LEARNING_RATE}),
        first(made_up_mnist.dataset(Path(state["root"])), state["images"]),
        state["weights"],
        json.loads(state["history"]),
        folder / "cache",
    )


def first(data: Dataset, images: int) -> Dataset:
    """So many training images, and a sixth as many test images: all of MNIST at 60,000."""
    train, test = (
        Images(split.pixels[:count], split.labels[:count])
        for split, count in ((data.train, images), (data.test, images // 6))
    )
    return Dataset(data.name, train, test, data.classes)


if __name__ == "__main__":
    main()
