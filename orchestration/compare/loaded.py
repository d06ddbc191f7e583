"""A sweep in Python: trials, histories and pairs as pandas frames, checkpoints as models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvae_core.config import TrialConfig
from orchestration.commands import sweep_command
from orchestration.compare.answers import Question, answers
from orchestration.errors import UserError
from orchestration.ledger.checkpoints import newest, without_spares
from orchestration.ledger.folders import sweep_folder
from orchestration.ledger.ledger import Ledger
from orchestration.spec.trial_names import settings_of
from orchestration.status.status import status_document
from orchestration.storage import storage_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from cvae_core.models import Model


@dataclass(frozen=True)
class LoadedSweep:
    """A sweep as it was when it was loaded; it may be at work meanwhile."""

    folder: Path
    ledger: Ledger

    @cached_property
    def document(self) -> dict[str, Any]:
        """What ``status --json`` prints."""
        return status_document(self.ledger)

    @property
    def trials(self) -> list[dict[str, Any]]:
        """The planned trials, each as in ``status --json``."""
        trials: list[dict[str, Any]] = self.document["trials"]
        return trials

    def trials_frame(self) -> DataFrame:
        """One row a trial: state, settings under dotted names, the latest value of every metric.

        The index is the trial's key; a setting that a model does not have is missing.
        """
        from pandas import DataFrame

        rows = [
            {
                "state": trial["state"],
                **settings_of(TrialConfig.from_settings(trial["config"])),
                "train_s": trial["train_s"],
                **trial["metrics"],
            }
            for trial in self.trials
        ]
        return DataFrame(rows, index=[trial["key"] for trial in self.trials]).rename_axis("key")

    def history_frame(self) -> DataFrame:
        """One row for each epoch of each trial: its metrics, seconds and images per second."""
        from pandas import DataFrame

        rows = [
            {
                "key": trial.key,
                "epoch": epoch.epoch,
                **epoch.metrics,
                "epoch_s": epoch.epoch_s,
                "images_per_s": epoch.images_per_s,
            }
            for trial in self.ledger.planned()
            for epoch in trial.epochs
        ]
        return DataFrame(rows)

    def pairs_frame(self, metric: str = "probe/accuracy", by: str = "model") -> DataFrame:
        """One row for each pair of a metric's comparison: cell, both sides, their difference.

        Args:
            metric: that both trials of a pair have.
            by: the setting in which they differ.

        Raises:
            UserError: no trial has the metric.
        """
        from pandas import DataFrame

        (judged,) = answers([self.ledger], Question(by, (metric,))).judged.values()
        rows = [
            {
                "cell": each.pairing.name,
                **each.pairing.settings,
                "reference": each.pairing.sides[0],
                "other": each.pairing.sides[1],
                "reference_value": one,
                "other_value": other,
                "difference": other - one,
            }
            for each in judged
            for one, other in each.values
        ]
        return DataFrame(rows)

    def model(self, key: str) -> Model:
        """A trial's model with the weights that were evaluated, on the CPU, ready for inference.

        Args:
            key: of the trial.

        Raises:
            UserError: there is no such trial, or it has no checkpoint, or that is gone.
            CheckpointError: the checkpoint is torn.
        """
        from cvae_core.data import image_shape_of
        from cvae_core.models import any_model
        from cvae_core.training.checkpoint import read_checkpoint

        trial = self.ledger.trials.get(key)
        ref = newest(without_spares(trial.checkpoints)) if trial is not None else None
        if trial is None or ref is None:
            what = "has no checkpoint" if trial is not None else "is not there"
            raise UserError(f"trial {key!r} of {self.ledger.sweep.name} {what}")
        config = TrialConfig.from_settings(trial.config)
        try:
            content = (self.folder / ref.path).read_bytes()
        except OSError as error:
            again = sweep_command("retry", self.folder, "--trial", key)
            raise UserError(
                f"trial {key} of {self.ledger.sweep.name}: its checkpoint {self.folder / ref.path} "
                f"cannot be read ({error.strerror}); {again} trains it again"
            ) from None
        checkpoint = read_checkpoint(
            content, config=config, expected_sha256=ref.sha256, name=ref.path
        )
        weights = checkpoint.selected_weights
        channels = next(value.shape[1] for value in weights.values() if value.ndim == 4)
        model = any_model(config, image_shape_of(config.data, channels))
        model.load_state_dict(weights)
        return model.eval()


def load_sweep(name: str, storage: str | Path | None = None) -> LoadedSweep:
    """Read a sweep's state and results, also while it runs.

    Args:
        name: of the sweep.
        storage: folder of all sweeps; see ``storage_folder``.

    Raises:
        UserError: there is no such sweep.
    """
    folder = sweep_folder(name, storage_folder(storage))
    return LoadedSweep(folder, Ledger.open(folder))
