"""Where the training of any trial begins."""

from __future__ import annotations

from collections.abc import Sequence

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.training.baseline import BaselineTraining, PCATraining, SupervisedTraining
from cvae_core.training.checkpoint import Checkpoint
from cvae_core.training.training import Judge, Training

AnyTraining = Training | BaselineTraining
_KINDS: dict[str, type[BaselineTraining]] = {"pca": PCATraining, "supervised": SupervisedTraining}


def begin(
    config: TrialConfig,
    data: Dataset,
    *,
    start: Checkpoint | None = None,
    judges: Sequence[Judge] = (),
    device: str = "cpu",
) -> AnyTraining:
    """A trial's training, of a VAE, a CVAE or a baseline; the arguments are ``Training``'s."""
    if config.model not in BASELINES:
        return Training(config, data, start=start, judges=judges, device=device)
    # As a sweep has it, also where the settings were not read from a file.
    config = TrialConfig.from_settings(config.to_settings())
    kind = _KINDS.get(config.model, BaselineTraining)
    return kind(config, data, start=start, judges=judges, device=device)
