from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cvae_core.data import Dataset, Images, load_dataset


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Numbers depend on the thread count, and so does the speed of a machine that is shared.

    As wide as a module, so that a module's own fixtures come after it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits")


@pytest.fixture(scope="session")
def small(digits: Dataset) -> Dataset:
    """300 training images: with batches of 64, 270 of them end in a ragged batch of 14."""
    return Dataset(
        "digits",
        Images(digits.train.pixels[:300], digits.train.labels[:300]),
        Images(digits.test.pixels[:60], digits.test.labels[:60]),
        digits.classes,
    )


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]
