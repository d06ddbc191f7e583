from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def headline() -> Callable[..., dict[str, float]]:
    """``headline(0.9)``: what an evaluation finds of a trial of this accuracy."""
    return lambda accuracy: {"probe/accuracy": accuracy, "test/reconstruction_mse": 1 - accuracy}
