from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from filelock import FileLock

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.data.vision import torchvision
from cvae_core.evaluation.distances.inception_weights import pytorch_fid_inception
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult


@pytest.fixture(scope="session")
def config() -> TrialConfig:
    return TrialConfig.from_settings({"epochs": 2, "batch_size": 64, "learning_rate": 1e-3})


@pytest.fixture(scope="session")
def trained(config: TrialConfig, small: Dataset) -> FitResult:
    return fit(config, small)


@pytest.fixture(scope="session")
def make_subject(
    tmp_path_factory: pytest.TempPathFactory, classifiers: Path
) -> Callable[..., Subject]:
    """``make_subject(config, data, fitted, **more)``: what a worker hands to a part."""
    cache = shutil.copytree(classifiers, tmp_path_factory.mktemp("cache") / "cache")

    def make(config: TrialConfig, data: Dataset, fitted: FitResult, **more: Any) -> Subject:
        weights = fitted.checkpoint.selected_weights
        more = {"cache": cache, "label": config.model, "epochs": fitted.history} | more
        return Subject(config, data, weights, epoch=fitted.checkpoint.epoch, **more)

    return make


@pytest.fixture(scope="session")
def subject(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> Subject:
    return make_subject(config, small, trained)


@pytest.fixture(scope="session")
def contrastive(make_subject: Callable[..., Subject], small: Dataset) -> Subject:
    config = TrialConfig.from_settings({"model": "cvae", "epochs": 2, "learning_rate": 1e-3})
    return make_subject(config, small, fit(config, small))


class WeightsFile(NamedTuple):
    path: Path
    sha256: str


@pytest.fixture(scope="session")
def inception_weights(shared_folder: Callable[[str], Path]) -> WeightsFile:
    """Random weights of Inception's shape, in the old file format that the published ones have."""
    path = shared_folder("weights") / "inception.pth"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            torch.save(_drawn_weights(), path, _use_new_zipfile_serialization=False)
    with path.open("rb") as file:
        return WeightsFile(path, hashlib.file_digest(file, "sha256").hexdigest())


def _drawn_weights() -> dict[str, torch.Tensor]:
    """As He et al. draw them, lest all features end up alike; batch norm does something, too."""
    module = pytorch_fid_inception()
    random = torch.Generator().manual_seed(0)
    drawn: dict[str, torch.Tensor] = {}

    def draw(network: torch.nn.Module, *_: Any) -> None:
        for name, old in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                drawn[name] = old
            elif name.endswith(("running_var", "bn.weight")):
                drawn[name] = torch.rand(old.shape, generator=random) + 0.5
            elif old.ndim == 1:
                drawn[name] = 0.1 * torch.randn(old.shape, generator=random)
            else:
                drawn[name] = torch.randn(old.shape, generator=random)
                drawn[name] *= (2 / old[0].numel()) ** 0.5

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(torchvision.models.inception.Inception3, "load_state_dict", draw)
        module.fid_inception_v3()
    return drawn
