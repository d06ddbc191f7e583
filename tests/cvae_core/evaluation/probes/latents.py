"""Latents that a solver has a hard time with."""

from __future__ import annotations

import numpy as np


def badly_scaled(
    count: int, size: int, classes: int = 10, spread: float = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Latents whose dimensions differ so much in scale, turned so that all of them are mixed."""
    random = np.random.default_rng(0)
    labels = random.integers(0, classes, count)
    latents = 0.5 * random.normal(size=(classes, size))[labels] + random.normal(size=(count, size))
    turned = np.linalg.qr(random.normal(size=(size, size)))[0]
    mixed = latents * np.geomspace(0.1, 0.1 * spread, size) @ turned
    return mixed.astype(np.float32), labels
