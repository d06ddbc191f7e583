"""Files of caches and checkpoints are data: code that somebody put into one does not run."""

from __future__ import annotations

import io
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cvae_core.config import DataConfig
from cvae_core.data import load_dataset
from cvae_core.training.checkpoint import sha256
from orchestration.caches import cache_folder
from orchestration.ledger.ledger import Ledger


class Trap:
    """Makes a folder as soon as it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[object, tuple[str, int, bool]]:
        return os.makedirs, (str(self._folder), 0o777, True)


def traps(ran: Path) -> dict[str, bytes]:
    """The same trap as PyTorch, NumPy and plain pickle write it."""
    torches, old, array, arrays = (io.BytesIO() for _ in range(4))
    torch.save({"weights": Trap(ran), "format": Trap(ran)}, torches)
    torch.save(Trap(ran), old, _use_new_zipfile_serialization=False)
    np.save(array, np.array([Trap(ran)], dtype=object), allow_pickle=True)
    np.savez(
        arrays, features=np.array([Trap(ran)], dtype=object), floor_names=np.array([Trap(ran)])
    )
    files = {"torch": torches, "old torch": old, "npy": array, "npz": arrays}
    return {name: file.getvalue() for name, file in files.items()} | {
        "pickle": pickle.dumps(Trap(ran))
    }


KINDS = ["torch", "old torch", "npy", "npz", "pickle"]


def plant(folder: Path, content: bytes) -> int:
    """Replace every file below a folder; how many there were."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        path.write_bytes(content)
    return len(files)


def test_the_traps_work(tmp_path: Path) -> None:
    for name, content in traps(tmp_path / "ran").items():
        if "torch" in name:
            torch.load(io.BytesIO(content), weights_only=False)
        elif name == "npz":
            list(np.load(io.BytesIO(content), allow_pickle=True).values())
        else:
            np.load(io.BytesIO(content), allow_pickle=True)
        (tmp_path / "ran").rmdir()


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_classifiers_and_statistics(
    ran: Callable[..., Any],
    shared_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    content, trapped = traps(tmp_path / "ran")[kind], tmp_path / "ran"
    fd = {"n": 50, "sources": ["prior"], "manifold": False}
    parts = {"fd": fd, "probe": False, "probe_every": 0}
    sweep = ran(base={"epochs": 1}, evaluation=parts)  # before the cache is another one
    shutil.copytree(shared_cache, tmp_path / "cache")
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "cache"))
    [trial] = Ledger.open(sweep.folder).trials.values()
    assert trial.evaluations["fd"].state == "finished"
    before = trial.evaluations["fd"].metrics
    # The classifier of the sweep and of the cache, and the real side: computed anew.
    assert plant(sweep.folder / "extractors", content) >= 1
    assert plant(cache_folder(), content) >= 2
    ledger = Ledger.open(sweep.folder)
    ledger.change(trial.key, lambda it: it.evaluations.clear())
    [trial] = sweep.run().values()
    assert trial.evaluations["fd"].metrics == before
    # A checkpoint, whose hash is right: it is not used.
    plant(sweep.folder / "checkpoints", content)
    ledger = Ledger.open(sweep.folder)

    def forged(it: Any) -> None:
        for ref in it.checkpoints:
            ref.sha256 = sha256(content)
        it.evaluations.clear()

    ledger.change(trial.key, forged)
    [trial] = sweep.run().values()
    assert "not a checkpoint" in trial.notes[0]
    assert [attempt.from_epoch for attempt in trial.attempts] == [0, 0], "it is trained anew"
    assert trial.evaluations["fd"].metrics == before
    assert not trapped.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_images(tmp_path: Path, kind: str) -> None:
    for split in ("train", "test"):
        for number in range(4):
            place = tmp_path / "images" / split / "ab"[number % 2] / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number * 50).save(place)
    config = DataConfig(name="folder", path="images", image_size=8)
    cache = tmp_path / "cache"
    first = load_dataset(config, tmp_path, cache=cache)
    assert plant(cache, traps(tmp_path / "ran")[kind]) >= 5
    again = load_dataset(config, tmp_path, cache=cache)
    assert again.fingerprint() == first.fingerprint()
    assert not (tmp_path / "ran").exists()
