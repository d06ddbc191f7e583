"""A loaded data set, described."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvae_core.data import Dataset

SHOWN = 10
EXAMPLES = 5


def data_document(
    data: Dataset, folder: Path | None, content: str | None, load_s: float
) -> dict[str, Any]:
    """What ``data --json`` prints; sizes are those in memory, in 1,000,000 bytes."""
    arrays = [a for part in (data.train, data.test) for a in (part.pixels, part.labels)]
    return {
        "name": data.name,
        "folder": None if folder is None else str(folder),
        "train": len(data.train),
        "test": len(data.test),
        "shape": list(data.image_shape),
        "classes": list(data.classes),
        "fingerprint": data.fingerprint(),
        "content": content,
        "size_mb": round(sum(array.nbytes for array in arrays) / 1e6, 1),
        "load_s": round(load_s, 2),
        "left_out": [group.to_json() for group in data.left_out],
        "also_in_train": list(data.also_in_train),
        "twice_in_train": list(data.twice_in_train),
    }


def data_lines(document: dict[str, Any]) -> list[str]:
    """The same for people."""
    from cvae_core.data.sources import LeftOut

    classes = document["classes"]
    names = ", ".join(classes[:SHOWN]) + (", …" if len(classes) > SHOWN else "")
    channels, height, width = document["shape"]
    rows = {
        "data set": document["name"],
        "folder": document["folder"] or "none: it comes with scikit-learn",
        "images": f"{document['train']:,} to train on, {document['test']:,} to test on",
        "shape": f"{height}×{width}, {'grey' if channels == 1 else 'RGB'}",
        "classes": f"{len(classes)}: {names}",
        "fingerprint": document["fingerprint"][:12],
        "content": document["content"],
        "size": f"{document['size_mb']:,} MB in memory",
        "loaded in": f"{document['load_s']:.1f} s",
    }
    lines = [f"{label:<12} {value}" for label, value in rows.items() if value is not None]
    for place, fields in enumerate(document["left_out"]):
        group = LeftOut(**fields)
        lines.append(f"{'' if place else 'left out':<12} {group}")
        if group.advice:
            lines.append(f"{'':<12}   {group.advice}")
    if document["also_in_train"]:
        lines.append(
            f"{'in both':<12} {also_in_train(document['also_in_train'], document['test'])}"
        )
    if document["twice_in_train"]:
        lines.append(
            f"{'twice':<12} {twice_in_train(document['twice_in_train'], document['train'])}"
        )
    return lines


def twice_in_train(paths: Sequence[str], images: int) -> str:
    """A sentence on training images whose file is there before.

    Args:
        paths: theirs, at least one.
        images: how many there are to train on.
    """
    return (
        f"{len(paths):,} of {images:,} training images are there already, the same file "
        f"({_some(paths)}): where one is held out and the other trained on, what is measured on "
        "validation is too good; keep one of each"
    )


def also_in_train(paths: Sequence[str], images: int) -> str:
    """A sentence on test images that are training images, too.

    Args:
        paths: theirs, at least one.
        images: how many there are to test on.
    """
    return (
        f"{len(paths):,} of {images:,} test images are training images as well, the same file "
        f"({_some(paths)}): what is measured on test is too good; keep each in one of the two"
    )


def _some(paths: Sequence[str]) -> str:
    rest = len(paths) - EXAMPLES
    return ", ".join(paths[:EXAMPLES]) + (f" and {rest:,} more" if rest > 0 else "")
