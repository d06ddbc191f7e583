"""A trained model as one of MLflow's: a folder that loads anywhere, or a registered version."""

from __future__ import annotations

import inspect
import logging
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import cvae_core
from cvae_core.config import TrialConfig
from orchestration.errors import UserError

if TYPE_CHECKING:
    from cvae_core.models.vae import VAE

EXAMPLES = 2
"""Images in the input example: the model's own, of which nothing has to be loaded."""


def save_model(model: VAE, config: TrialConfig, path: Path, facts: dict[str, Any]) -> None:
    """Write a model as MLflow keeps one, with its code, signature and an input example.

    ``mlflow.pyfunc`` gives latent means (N, D) for images (N, C, H, W) in the model's range;
    ``mlflow.pytorch`` gives the model itself, with ``encode`` and ``decode``.

    Args:
        model: on the CPU.
        config: of its trial.
        path: a folder that is not there yet.
        facts: what its metadata say besides, plain values.

    Raises:
        UserError: the folder is there, or cannot be written.
    """
    if path.exists():
        raise UserError(f"{path}: is there already; name another folder with --to")
    import mlflow.pytorch
    import torch
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        noise = torch.randn(EXAMPLES, config.architecture.latent_dim, generator=generator)
        images = model.decode(noise).numpy()
    latents = (-1, config.architecture.latent_dim)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *images.shape[1:]))]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), latents)]),
    )
    # Whoever loads a model that was pickled trusts who made it; here that is said in the docs.
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # Newer ones would else keep a traced graph alone, without encode and decode.
    whole = "serialization_format" in inspect.signature(mlflow.pytorch.save_model).parameters
    try:
        mlflow.pytorch.save_model(
            model,
            str(path),
            code_paths=[str(Path(cvae_core.__file__).parent)],
            signature=signature,
            input_example=images,
            pip_requirements=[f"{name}=={version(name)}" for name in ("torch", "numpy")],
            metadata={"value_range": config.data.value_range, **facts},
            **({"serialization_format": "pickle"} if whole else {}),
        )
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def register_model(uri: str, run_id: str, folder: Path, name: str) -> str:
    """Put a saved model beside its trial's run, and make it a version in MLflow's registry.

    Args:
        uri: MLflow's tracking URI.
        run_id: of the trial's run.
        folder: where ``save_model`` has put it.
        name: of the registered model, which is made where there is none.

    Returns:
        The version.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri)
    client.log_artifacts(run_id, str(folder), "model")
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise UserError(f"--register {name}: MLflow says: {error}") from error
    made = client.create_model_version(name, f"runs:/{run_id}/model", run_id=run_id)
    return str(made.version)
