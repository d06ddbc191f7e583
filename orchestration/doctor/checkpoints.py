"""How much disk a sweep's checkpoints take, and whether the last ones are whole."""

from __future__ import annotations

import itertools
from dataclasses import replace

from rich.filesize import decimal

from cvae_core.config import TrialConfig, WeightsConfig
from cvae_core.schedule import ScheduleConfig
from cvae_core.sizes import FLOAT_BYTES, parameter_count, training_bytes
from orchestration.commands import sweep_command
from orchestration.doctor.datafiles import image_shape
from orchestration.doctor.finding import Finding, ok, warning
from orchestration.doctor.subject import Subject
from orchestration.engine.retention import GB, rounded_up
from orchestration.ledger.checkpoints import (
    LAST_AND_BEST,
    number_kept,
    total_bytes,
)
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.memory import total_memory
from orchestration.plan.trials_to_come import expected_trials
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import trial_key
from orchestration.study.cells import StudyPlan
from orchestration.words import count

IMAGES = 4


def checkpoints_bytes(subject: Subject) -> int:
    """Bytes that the sweep's checkpoints still need, at most: early stopping needs less.

    Trials that have ended are left out. What a study has not asked for yet is taken to be as large
    as it can get.
    """
    if subject.spec is None:
        return 0
    checkpoints = subject.spec.checkpoints
    ledger = Ledger.open_or_empty(subject.storage / subject.spec.name)
    coming = _coming(subject, subject.spec, ledger)
    total = sum(size * number for size, number in coming)
    if checkpoints.max_gb is not None:
        free = int(checkpoints.max_gb * GB) - total_bytes(ledger.trials)
        total = min(total, max(_least(coming), free))
    # A new one is written before the one that it replaces is removed.
    return total + max((size for size, _ in coming), default=0) * subject.slots


def check_budget(subject: Subject) -> list[Finding]:
    """Whether the last and the best checkpoints of a sweep fit its disk budget; [] without one."""
    if subject.spec is None or subject.spec.checkpoints.max_gb is None:
        return []
    allowed = int(subject.spec.checkpoints.max_gb * GB)
    ledger = Ledger.open_or_empty(subject.storage / subject.spec.name)
    ended = [trial for trial in ledger.trials.values() if trial.is_trained]
    sizes = [sorted(ref.bytes for ref in trial.checkpoints)[-LAST_AND_BEST:] for trial in ended]
    least = _least(_coming(subject, subject.spec, ledger)) + sum(map(sum, sizes))
    found = f"the last and the best of each trial take {decimal(least)} of {decimal(allowed)}"
    if least <= allowed:
        return [ok("checkpoints", found)]
    advice = (
        f"They stay: set checkpoints.max_gb to {rounded_up(least / GB):g} or more, or leave it out."
    )
    return [warning("checkpoints", found, advice)]


def check_weights(subject: Subject) -> list[Finding]:
    """Whether the weights that trained trials ended with are there as they were written."""
    if subject.spec is None:
        return []
    ledger = Ledger.open_or_empty(subject.storage / subject.spec.name)
    trained = [trial for trial in ledger.planned() if trial.is_trained]
    damaged = [trial.key for trial in trained if ledger.is_damaged(trial)]
    if not trained:
        return []
    if not damaged:
        return [ok("weights", f"of {count(len(trained), 'trained trial')} whole")]
    named = [word for key in damaged for word in ("--trial", key)]
    return [
        warning(
            "weights",
            f"the last checkpoint of {count(len(damaged), 'trained trial')} is damaged or missing",
            "Their figures stay; to evaluate them further they have to be trained again: "
            f"`{sweep_command('retry', ledger.folder, *named)}`.",
        )
    ]


def _coming(subject: Subject, spec: SweepSpec, ledger: Ledger) -> list[tuple[int, int]]:
    """Of each trial that has not ended: bytes of a checkpoint, and how many are kept."""
    if subject.plan is None:
        return []
    ended = _ended(ledger)
    sizes = _Sizes()
    expected = expected_trials(subject.plan, ledger, sizes.largest)
    return [
        (sizes.of(config), number_kept(config.epochs, spec.checkpoints))
        for key, config in expected.items()
        if key not in ended
    ]


def _least(coming: list[tuple[int, int]]) -> int:
    """Bytes of the last and the best of each trial."""
    return sum(size * min(number, LAST_AND_BEST) for size, number in coming)


class _Sizes:
    """Bytes of one checkpoint, measured once for all trials of equal shape."""

    def __init__(self) -> None:
        self._measured: dict[object, int] = {}

    def of(self, config: TrialConfig) -> int:
        shape = image_shape(config.data)
        same = (config.model, config.architecture, config.selection, shape)
        if same not in self._measured:
            huge = training_bytes(config, shape) > total_memory()
            self._measured[same] = (least_bytes if huge else checkpoint_bytes)(config, shape)
        return self._measured[same]

    def largest(self, study: StudyPlan) -> TrialConfig:
        """The trial of a study that takes most: numbers at their upper ends, all choices tried."""
        shaping = [d for d in study.dimensions if d.name.split(".")[0] in ("model", "architecture")]
        values = [d.choices if d.kind == "choice" else (d.high,) for d in shaping]
        names = [dimension.name for dimension in shaping]
        configs = [
            study.config(dict(zip(names, chosen, strict=True)))
            for chosen in itertools.product(*values)
        ]
        return max(configs, key=self.of)


def _ended(ledger: Ledger) -> set[str]:
    """Keys of the trials that have ended.

    Those of folders of images also have the keys that they would have without the hash of the
    images, which is not computed here: it may mean to read gigabytes. Such keys are of the ledger's
    present plan alone, as older trials may be of other images.
    """
    ended = {key for key, trial in ledger.trials.items() if trial.is_trained}
    return ended | {_key_of_any(trial) for trial in ledger.planned() if trial.is_trained}


def _key_of_any(trial: Trial) -> str:
    config = TrialConfig.from_settings(trial.config)
    return trial_key(replace(config, data=replace(config.data, content=None)))


def least_bytes(config: TrialConfig, shape: tuple[int, int, int]) -> int:
    """Bytes of one checkpoint of a model that no memory here holds: weights and Adam's moments."""
    return 3 * FLOAT_BYTES * parameter_count(config, shape)


def checkpoint_bytes(config: TrialConfig, shape: tuple[int, int, int]) -> int:
    """Bytes of one checkpoint: of a real one, after an epoch on a few made-up images.

    It is the largest that it becomes: all weights are trained, and those of the best epoch are in
    it if they are wanted, whatever they are chosen by.
    """
    import numpy as np

    from cvae_core.data import Dataset, Images
    from cvae_core.training.begin import begin

    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape), dtype=np.uint8)
    images = Images(pixels, np.zeros(IMAGES, dtype=np.int64))
    whole = replace(
        config,
        data=replace(config.data, validation_fraction=0.5),
        selection=replace(config.selection, metric="val/loss"),
        stages=(),
        schedule=ScheduleConfig(),
        weights=WeightsConfig(),
    )
    training = begin(whole, Dataset("made up", images, images, ("0",)))
    training.run_epoch()
    return len(training.checkpoint().to_bytes())
