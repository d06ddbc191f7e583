"""Checkpoints: all that is needed to go on, or to evaluate, as bytes."""

from __future__ import annotations

import hashlib
import io
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError, ConfigError
from cvae_core.identity import differences, relevant
from cvae_core.memory import memory_error

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """State at the end of an epoch. Plain values and tensors only, on the CPU."""

    config: dict[str, Any]
    epoch: int
    stopped_early: bool
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    streams: dict[str, Tensor]
    selection: dict[str, Any]

    def to_bytes(self) -> bytes:
        """A file's content, readable by ``torch.load(weights_only=True)``."""
        # A pickle tells equal texts apart that are not one object; equal checkpoints have one hash.
        state = {**self.__dict__, "config": _interned(self.config)}
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **state}, buffer)
        return buffer.getvalue()

    @property
    def selected_weights(self) -> dict[str, Tensor]:
        """What is evaluated: the best epoch's weights where those were asked for, else the last."""
        best: dict[str, Tensor] | None = self.selection["best_weights"]
        return self.model if best is None else best

    @property
    def selected_epoch(self) -> int:
        """The epoch that those weights are of."""
        best: int = self.selection["best_epoch"]
        return self.epoch if self.selection["best_weights"] is None else best


def _interned(value: Any) -> Any:
    """A copy of plain values in which every two equal texts are one object."""
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, dict):
        return {sys.intern(name): _interned(own) for name, own in value.items()}
    return [_interned(own) for own in value] if isinstance(value, list) else value


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def read_checkpoint(
    content: bytes,
    *,
    config: TrialConfig,
    expected_sha256: str | None = None,
    name: str = "checkpoint",
) -> Checkpoint:
    """Read a checkpoint without executing code from it.

    Args:
        content: of the file.
        config: the configuration that it has to belong to.
        expected_sha256: hash noted when it was written.
        name: of the file, for messages.

    Raises:
        CheckpointError: it is torn, altered, of an unknown format, or of another configuration.
    """
    if expected_sha256 is not None and sha256(content) != expected_sha256:
        raise CheckpointError(
            f"{name} is torn or was altered: its SHA-256 is not the one noted when it was written"
        )
    try:
        state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        version = state.pop("format")
        checkpoint = Checkpoint(**state) if version == FORMAT else None
    except Exception as error:  # torch raises many kinds for a damaged file
        if memory_error(error):  # another time it can be read
            raise
        raise CheckpointError(f"{name} is torn or not a checkpoint of this program") from error
    if checkpoint is None:
        raise CheckpointError(f"{name} has format {version}; this version reads format {FORMAT}")
    try:
        own = TrialConfig.from_settings(checkpoint.config)
    except ConfigError as error:
        raise CheckpointError(f"{name} is of a version with other settings: {error}") from error
    different = differences(relevant(own), relevant(config))
    if different:
        raise CheckpointError(
            f"{name} belongs to another configuration: it differs in {', '.join(different)}"
        )
    return checkpoint
