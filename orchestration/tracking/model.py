"""A trained model as one of MLflow's: a folder that loads anywhere, or a registered version."""

from __future__ import annotations

import inspect
import logging
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import cvae_core
from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.data import image_shape_of
from orchestration import store
from orchestration.errors import UserError
from orchestration.tracking.thread import reason_of

if TYPE_CHECKING:
    from torch import Tensor

    from cvae_core.models import Model

EXAMPLES = 2
"""Images in the input example: the model's own, of which nothing has to be loaded."""


def save_model(model: Model, config: TrialConfig, path: Path, facts: dict[str, Any]) -> None:
    """Write a model as MLflow keeps one, with its code, signature and an input example.

    ``mlflow.pyfunc`` gives latent means (N, D) for images (N, C, H, W) in the model's range;
    ``mlflow.pytorch`` gives the model itself, with ``encode`` and ``decode``.

    Args:
        model: on the CPU.
        config: of its trial.
        path: a folder that is not there yet.
        facts: what its metadata say besides, plain values.

    Raises:
        UserError: the folder cannot be written.
    """
    import mlflow.pytorch
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    with torch.no_grad():
        images = _examples(model, config)
        latents = (-1, model(images).shape[1])
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *images.shape[1:]))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), latents)]),
    )
    # Whoever loads a model that was pickled trusts who made it; here that is said in the docs.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # Newer ones would else keep a traced graph alone, without encode and decode.
    whole = "serialization_format" in inspect.signature(mlflow.pytorch.save_model).parameters
    part = path.with_name(f".{path.name}{store.PART}")
    store.remove_folder(part)  # of one that was killed
    try:
        mlflow.pytorch.save_model(
            model,
            str(part),
            code_paths=[str(Path(cvae_core.__file__).parent)],
            signature=signature,
            input_example=images.numpy(),
            pip_requirements=[f"{name}=={version(name)}" for name in ("torch", "numpy")],
            metadata={"value_range": config.data.value_range, **facts},
            **({"serialization_format": "pickle"} if whole else {}),
        )
        part.rename(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        store.remove_folder(part)


def _examples(model: Model, config: TrialConfig) -> Tensor:
    """Images (N, C, H, W): decoded ones, or noise where there is no decoder."""
    import torch

    generator = torch.Generator().manual_seed(0)
    if config.model not in BASELINES or BASELINES[config.model].decodes:
        noise = torch.randn(EXAMPLES, config.architecture.latent_dim, generator=generator)
        return model.decode(model.prior(noise))
    weights = (value for value in model.state_dict().values() if value.ndim == 4)
    shape = image_shape_of(config.data, next(weights).shape[1])
    return torch.rand(EXAMPLES, *shape, generator=generator)


def register_model(uri: str, run_id: str, folder: Path, name: str) -> str:
    """Put a saved model beside its trial's run, and make it a version in MLflow's registry.

    Args:
        uri: MLflow's tracking URI.
        run_id: of the trial's run.
        folder: where ``save_model`` has put it.
        name: of the registered model, which is there.

    Returns:
        The version.

    Raises:
        UserError: MLflow refuses it, or has no such run any more.
    """
    from mlflow import MlflowClient

    from orchestration.tracking.asking import without_login

    try:
        client = MlflowClient(without_login(uri))
        client.log_artifacts(run_id, str(folder), "model")
        made = client.create_model_version(name, f"runs:/{run_id}/model", run_id=run_id)
    except Exception as error:  # MLflow's own, those of requests and of the system
        raise _refused(name, error) from error
    return str(made.version)


def make_sure_of(uri: str, name: str) -> None:
    """Have a registered model of this name, if it is not there.

    Raises:
        UserError: MLflow refuses the name, or has no registry.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    from orchestration.tracking.asking import without_login

    try:
        MlflowClient(without_login(uri)).create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise _refused(name, error) from error
    except Exception as error:  # those of requests and of the system
        raise _refused(name, error) from error


def _refused(name: str, error: Exception) -> UserError:
    return UserError(f"--register {name}: MLflow cannot do that: {reason_of(error)}")
