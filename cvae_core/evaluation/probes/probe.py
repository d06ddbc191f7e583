"""How good a classifier is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of (M,) classes that are the labels, in [0, 1]."""
    return float((predicted == labels).mean())
