"""Train and judge one model: a VAE, or a VAE with a SimCLR-style contrastive term.

Needs PyTorch, and scikit-learn for the probes; knows nothing of sweeps, Ray or MLflow.
Names are resolved on first use, so that reading settings does not import PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvae_core.config import TrialConfig as TrialConfig
    from cvae_core.data import Dataset as Dataset
    from cvae_core.data import load_dataset as load_dataset
    from cvae_core.training.fit import FitResult as FitResult
    from cvae_core.training.fit import fit as fit

_HOMES = {
    "TrialConfig": "cvae_core.config",
    "Dataset": "cvae_core.data",
    "load_dataset": "cvae_core.data",
    "FitResult": "cvae_core.training.fit",
    "fit": "cvae_core.training.fit",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in {"config", "data", "evaluation", "losses", "models", "training"}:
        return importlib.import_module(f"cvae_core.{name}")
    raise AttributeError(f"module 'cvae_core' has no attribute {name!r}")
