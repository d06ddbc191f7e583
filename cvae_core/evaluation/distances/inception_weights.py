"""Where Inception's weights come from; none is read whose hash is not the one that is expected."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from cvae_core.data.sources.checksum import difference
from cvae_core.data.sources.problems import last_line
from cvae_core.data.sources.transfer import Remote, WrongContentError, fetch
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.distances.declaration import FidConfig

ANSWER_S = 6.0
"""A host that takes longer to answer is taken to be out of reach."""
SILENCE_S = 20.0
ASK_AGAIN_S = 600.0
"""What could not be downloaded is not tried again before, lest every trial waits for it."""

Source = tuple[str, Path, str]
_failed: dict[Source, tuple[float, AbsentError | EvaluationError]] = {}


def pytorch_fid_inception() -> Any:
    """pytorch-fid's module of the network.

    Raises:
        AbsentError: it is not installed.
    """
    try:
        importlib.import_module("cvae_core.data.vision")  # before pytorch-fid imports torchvision
        return importlib.import_module("pytorch_fid.inception")
    except ImportError as error:
        raise AbsentError(
            f"FID needs pytorch-fid ({last_line(error)}); install it: pip install pytorch-fid"
        ) from error


def weights_file(settings: FidConfig) -> Iterator[float | Path]:
    """The file of the weights: the one that is named, or torch's cache, filled if need be.

    Its hash has still to be checked, as ``read_weights`` does.

    Yields:
        The share that is downloaded, in (0, 1), and at last the path.

    Raises:
        AbsentError: there is none, and it cannot be downloaded.
        EvaluationError: the file that is named is not there, or what was downloaded is another.
    """
    if settings.weights is not None:
        path = Path(settings.weights).expanduser()
        if not path.is_file():
            raise EvaluationError(
                f"evaluation.fid.weights: {path} is not a file. Name the file of Inception's "
                "weights, or leave the setting out to have it downloaded"
            )
    else:
        url = pytorch_fid_inception().FID_WEIGHTS_URL
        path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
        if not path.is_file():
            yield from _download_once((url, path, settings.sha256))
    yield path


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a file by name, once its hash has been checked.

    Raises:
        EvaluationError: another hash, or a file that cannot be read.
    """
    try:
        with path.open("rb") as file:
            wrong = difference(file, "sha256", sha256)
            if wrong is not None:
                raise EvaluationError(
                    f"{path} has {wrong}. Delete it to have it downloaded, name another with "
                    "evaluation.fid.weights, or, if it is the one you mean, set "
                    "evaluation.fid.sha256 to its hash"
                )
            file.seek(0)
            weights = torch.load(file, map_location="cpu", weights_only=True)
    except EvaluationError:
        raise
    except Exception as error:  # files that are not PyTorch's fail in many ways
        raise EvaluationError(
            f"{path} cannot be read as weights ({type(error).__name__}). Name a file of "
            "Inception's weights with evaluation.fid.weights"
        ) from error
    if not isinstance(weights, dict):
        raise EvaluationError(f"{path} holds no weights by name, but a {type(weights).__name__}")
    return weights


def _download_once(source: Source) -> Iterator[float]:
    """Download, unless the same has failed a short while ago."""
    if source in _failed:
        failed_at, error = _failed[source]
        if time.monotonic() - failed_at < ASK_AGAIN_S:
            raise type(error)(*error.args)
    try:
        yield from _download(source)
    except (AbsentError, EvaluationError) as error:
        _failed[source] = time.monotonic(), error
        raise


def _download(source: Source) -> Iterator[float]:
    """Put the file in its place, whole and checked."""
    url, path, sha256 = source
    remote = Remote(url, "sha256", sha256)
    try:
        for done, total in fetch(remote, path, timeout_s=SILENCE_S, answer_s=ANSWER_S):
            if done < total:
                yield done / total
    except WrongContentError as error:
        raise EvaluationError(
            f"{error}; what came was deleted. Put the right file at {path}, or name it with "
            "evaluation.fid.weights"
        ) from error
    except (OSError, HTTPException) as error:
        raise AbsentError(
            f"FID needs Inception's weights: {path} is not there, and could not be downloaded "
            f"from {url} ({last_line(error)}). Put the file there, or name it with "
            "evaluation.fid.weights"
        ) from error
