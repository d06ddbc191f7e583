"""Pictures for MLflow's image grid: the files of ``log_image``, under names that stay the same.

``MlflowClient.log_image`` puts the time and a random number into each name, so that whatever is
logged again is there twice. Here a picture's name follows from what it shows.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from pathlib import Path

from orchestration.ledger.documents import Trial
from orchestration.ledger.names import entry_at, split_entry

FOLDER = "images"
PART_OF = {"reconstructions.png": "pictures", "samples.png": "pictures", "umap.png": "umap"}
QUICK = 440
"""Pixels across what the grid shows, two side by side; a click shows the whole. MLflow has 256."""
TAG = "mlflow.loggedImages"
"""``True`` on a run: MLflow's pages look for pictures nowhere else."""
KEYS = {"reconstructions.png": "reconstructions", "samples.png": "samples", "umap.png": "umap"}
"""What the pictures of a trial are called in the grid, by their files."""


def pictures_of(trial: Trial, entry: str) -> dict[str, int]:
    """Paths in the sweep's folder of the pictures of an entry that are shown, and their epoch.

    The last checkpoint may have been measured twice: beside the others on validation, and at the
    end on test. Along the epochs the same images are to be seen, so that the former is shown.
    """
    part, epoch = split_entry(entry)
    step = trial.epoch if epoch is None else epoch
    beside = trial.evaluations.get(entry_at(part, step))
    if epoch is None and beside is not None and beside.artifacts:
        return {}
    refs = trial.evaluations[entry].artifacts
    return {ref.path: step for ref in refs if Path(ref.path).name in KEYS}


def write_image(picture: Path, folder: Path, trial: Trial, step: int) -> None:
    """Write a picture of a trial as the grid wants it, whole and for quick looks, into a folder.

    Args:
        picture: a PNG file of one of the names in ``KEYS``; one that is damaged is left out.
        folder: of the files that are to be sent to ``FOLDER``.
        trial: that it is of.
        step: the epoch that it shows.
    """
    from PIL import Image

    content, quick = picture.read_bytes(), io.BytesIO()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.thumbnail((QUICK, QUICK))
            image.save(quick, "WEBP", lossless=True)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises
        return
    whole, small = _names(trial, KEYS[picture.name], step)
    (folder / whole).write_bytes(content)
    (folder / small).write_bytes(quick.getvalue())


def _names(trial: Trial, key: str, step: int) -> tuple[str, str]:
    """Parsed by MLflow's pages; the same for each key and step, whatever is drawn there."""
    ended = next((epoch.at for epoch in trial.epochs if epoch.epoch == step), 0.0)
    digest = hashlib.sha256(f"{trial.key} {key} {step}".encode()).digest()
    parts = (key, "step", step, "timestamp", int(ended * 1000), uuid.UUID(bytes=digest[:16]))
    name = "+".join(map(str, parts))
    return f"{name}.png", f"{name}+compressed.webp"
