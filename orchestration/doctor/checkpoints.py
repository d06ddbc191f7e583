"""How much disk a sweep's checkpoints take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cvae_core.config import TrialConfig
from orchestration.doctor.datafiles import image_shape
from orchestration.doctor.wanted import Wanted
from orchestration.documents import Trial
from orchestration.identity import trial_key
from orchestration.ledger import Ledger
from orchestration.spec import Checkpoints

IMAGES = 4
ENDED = ("finished", "stopped")


def checkpoints_bytes(wanted: Wanted) -> int:
    """Bytes that the sweep's checkpoints still need, at most: early stopping needs less.

    Trials that have ended are left out. Two trials of equal shape are measured once.
    """
    if wanted.spec is None or wanted.plan is None:
        return 0
    ended = _ended(wanted.storage / wanted.spec.name)
    sizes: dict[object, int] = {}
    largest = total = 0
    for key, config in wanted.plan.trials.items():
        if key in ended:
            continue
        shape = image_shape(config.data)
        same = (config.model, config.architecture, config.selection, shape)
        if same not in sizes:
            sizes[same] = checkpoint_bytes(config, shape)
        total += sizes[same] * kept(config.epochs, wanted.spec.checkpoints)
        largest = max(largest, sizes[same])
    # A new one is written before the one that it replaces is removed.
    return total + largest * wanted.slots


def _ended(folder: Path) -> set[str]:
    """Keys of the trials that have ended.

    Those of folders of images also have the keys that they would have without the hash of the
    images, which is not computed here: it may mean to read gigabytes. Such keys are of the ledger's
    present plan alone, as older trials may be of other images.
    """
    if not Ledger.exists(folder):
        return set()
    ledger = Ledger.open(folder)
    ended = {key for key, trial in ledger.trials.items() if trial.state in ENDED}
    return ended | {_key_of_any(trial) for trial in ledger.planned() if trial.state in ENDED}


def _key_of_any(trial: Trial) -> str:
    config = TrialConfig.from_settings(trial.config)
    return trial_key(replace(config, data=replace(config.data, content=None)))


def kept(epochs: int, checkpoints: Checkpoints) -> int:
    """How many checkpoints of a trial stay: the last, and those of every n-th epoch."""
    every, keep = checkpoints.every_epochs, checkpoints.keep
    if every is None:
        return 1
    multiples, last_is_one = epochs // every, epochs % every == 0
    if keep != "all":
        multiples = min(multiples, keep)
    return multiples + (not last_is_one)


def checkpoint_bytes(config: TrialConfig, shape: tuple[int, int, int]) -> int:
    """Bytes of one checkpoint: of a real one, after an epoch on a few made-up images."""
    import numpy as np

    from cvae_core.data import Dataset, Images
    from cvae_core.training.fit import Training

    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    images = Images(pixels, np.zeros(IMAGES, dtype=np.int64))
    half = replace(config.data, validation_fraction=0.5)
    training = Training(replace(config, data=half), Dataset("made up", images, images, ("0",)))
    training.run_epoch()
    return len(training.checkpoint().to_bytes())
