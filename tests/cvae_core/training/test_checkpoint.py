from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import CheckpointError
from cvae_core.training.checkpoint import Checkpoint, read_checkpoint, sha256


@pytest.fixture(scope="module")
def config(configure: Callable[..., TrialConfig]) -> TrialConfig:
    return configure(model="cvae", epochs=1, selection={"epoch": "best"})


@pytest.fixture(scope="module")
def checkpoint(config: TrialConfig, small: Dataset) -> Checkpoint:
    return fit(config, small).checkpoint


@pytest.fixture(scope="module")
def content(checkpoint: Checkpoint) -> bytes:
    return checkpoint.to_bytes()


def test_survives_a_round_trip(
    config: TrialConfig,
    checkpoint: Checkpoint,
    content: bytes,
    bits: Callable[[Checkpoint], dict[str, Any]],
) -> None:
    read = read_checkpoint(content, config=config, expected_sha256=sha256(content))
    assert bits(read) == bits(checkpoint)
    assert read.epoch == 1
    assert read.config == config.to_settings()


def test_is_readable_by_pytorch_without_executing_code(content: bytes) -> None:
    state = torch.load(io.BytesIO(content), weights_only=True)
    assert set(state) == {f.name for f in dataclasses.fields(Checkpoint)} | {"format"}
    assert set(state["streams"]) == {"batches", "noise", "views", "second_noise"}


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99, -1])
def test_a_truncated_file_is_refused(config: TrialConfig, content: bytes, kept: float) -> None:
    torn = content[: int(kept * len(content))] if isinstance(kept, float) else content[:kept]
    with pytest.raises(CheckpointError, match=r"epoch-3\.pt is torn"):
        read_checkpoint(torn, config=config, name="epoch-3.pt")
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_checkpoint(torn, config=config, expected_sha256=sha256(content))


@pytest.mark.parametrize("position", [0.0, 0.3, 0.6, 0.999])
def test_one_flipped_bit_is_noticed(config: TrialConfig, content: bytes, position: float) -> None:
    altered = bytearray(content)
    altered[int(position * len(content))] ^= 1
    with pytest.raises(CheckpointError, match="torn or was altered"):
        read_checkpoint(bytes(altered), config=config, expected_sha256=sha256(content))


def test_another_configuration_is_refused_by_the_names_of_what_differs(
    config: TrialConfig, content: bytes
) -> None:
    other = dataclasses.replace(
        config, lambda_=0.7, data=dataclasses.replace(config.data, split_seed=3)
    )
    with pytest.raises(CheckpointError, match=r"differs in data\.split_seed, lambda$"):
        read_checkpoint(content, config=other)


def test_an_unknown_format_is_refused(config: TrialConfig, content: bytes) -> None:
    state = torch.load(io.BytesIO(content), weights_only=True)
    buffer = io.BytesIO()
    torch.save(state | {"format": 99}, buffer)
    with pytest.raises(CheckpointError, match="format 99"):
        read_checkpoint(buffer.getvalue(), config=config)


@pytest.mark.parametrize("state", [{}, {"format": 1}, [1, 2], {"format": 1, "more": 2}])
def test_a_file_of_something_else_is_refused(config: TrialConfig, state: object) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        read_checkpoint(buffer.getvalue(), config=config)


class Malicious:
    """Would make a folder as soon as it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_not_executed(
    config: TrialConfig, content: bytes, tmp_path: Path
) -> None:
    state = torch.load(io.BytesIO(content), weights_only=True)
    state["config"] = Malicious(tmp_path / "executed")
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with pytest.raises(CheckpointError):
        read_checkpoint(buffer.getvalue(), config=config)
    assert not (tmp_path / "executed").exists()
    # The trap does work.
    buffer.seek(0)
    torch.load(buffer, weights_only=False)
    assert (tmp_path / "executed").exists()


FIRST_DATA = {"name", "validation_fraction", "split_seed", "divisor", "value_range"}
FIRST_VIEWS = {
    *("pairs", "crop_scale", "crop_ratio", "rotation_degrees", "translation", "interpolation"),
}


def test_a_checkpoint_of_the_first_version_is_read(
    config: TrialConfig, checkpoint: Checkpoint
) -> None:
    """It knows nothing of the settings that joined later."""
    first = config.to_settings()
    first["data"] = {k: v for k, v in first["data"].items() if k in FIRST_DATA}
    first["views"] = {k: v for k, v in first["views"].items() if k in FIRST_VIEWS}
    content = dataclasses.replace(checkpoint, config=first).to_bytes()
    assert read_checkpoint(content, config=config).epoch == checkpoint.epoch
    views = dataclasses.replace(config.views, hue=0.1)
    with pytest.raises(CheckpointError, match=r"differs in views\.hue"):
        read_checkpoint(content, config=dataclasses.replace(config, views=views))


def test_a_setting_of_a_later_version_is_refused(
    config: TrialConfig, checkpoint: Checkpoint
) -> None:
    later = config.to_settings() | {"invented_later": 1}
    content = dataclasses.replace(checkpoint, config=later).to_bytes()
    with pytest.raises(CheckpointError, match="invented_later"):
        read_checkpoint(content, config=config)


def test_a_moved_folder_keeps_its_checkpoints(config: TrialConfig, checkpoint: Checkpoint) -> None:
    def lying_in(path: str, content: str = "a" * 64) -> TrialConfig:
        data = dataclasses.replace(config.data, name="folder", path=path, content=content)
        return dataclasses.replace(config, data=data)

    written = dataclasses.replace(checkpoint, config=lying_in("here").to_settings()).to_bytes()
    assert read_checkpoint(written, config=lying_in("there")).epoch == 1
    with pytest.raises(CheckpointError, match=r"differs in data\.content"):
        read_checkpoint(written, config=lying_in("here", "b" * 64))
