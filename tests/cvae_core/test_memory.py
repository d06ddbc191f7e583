"""Errors that say that memory has run out, as the libraries raise them."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError, EvaluationError
from cvae_core.memory import bytes_asked_for, memory_error
from cvae_core.training.checkpoint import read_checkpoint

TOO_MANY = 2**52
"""More than any machine's address space holds, so that nothing is really taken."""


def raised(call: object) -> BaseException:
    try:
        call()  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError


def test_what_torch_and_numpy_raise() -> None:
    torchs = raised(lambda: torch.empty(TOO_MANY, dtype=torch.uint8))
    assert type(torchs) is RuntimeError
    numpys = raised(lambda: np.empty(TOO_MANY, dtype=np.uint8))
    for error in (torchs, numpys, MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")):
        assert memory_error(error) is error
    assert memory_error(OSError(errno.ENOMEM, "Cannot allocate memory")) is not None


def test_how_much_was_asked_for() -> None:
    assert bytes_asked_for(raised(lambda: torch.empty(TOO_MANY, dtype=torch.uint8))) == TOO_MANY
    assert bytes_asked_for(raised(lambda: np.empty(TOO_MANY, dtype=np.uint8))) == TOO_MANY
    cuda = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 1.00 GiB"
    assert bytes_asked_for(torch.OutOfMemoryError(cuda)) == 2.5 * 2**30
    assert bytes_asked_for(MemoryError()) is None


@pytest.mark.parametrize(
    "error",
    [
        None,
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("CUDA out of memory"),
    ],
)
def test_others_are_others(error: BaseException | None) -> None:
    assert memory_error(error) is None


def test_the_cause_is_what_counts() -> None:
    def wrapped() -> None:
        try:
            torch.empty(TOO_MANY, dtype=torch.uint8)
        except RuntimeError as error:
            raise EvaluationError("these weights are not those of Inception") from error

    cause = memory_error(raised(wrapped))
    assert cause is not None and "can't allocate memory" in str(cause)


def test_a_checkpoint_that_finds_no_memory_is_not_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be passed over, and its epochs trained again."""
    config = TrialConfig()
    with pytest.raises(CheckpointError):
        read_checkpoint(b"nothing", config=config)
    monkeypatch.setattr(torch, "load", lambda *_, **__: torch.empty(TOO_MANY, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        read_checkpoint(b"nothing", config=config)
