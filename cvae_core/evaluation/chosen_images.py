"""Which images are shown: of all classes, the same for every trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.subject import SHARED_SEED


def choose(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of ``count`` images (fewer where there are no more), as even over classes as can be.

    They come in rounds of one image of each class, in the classes' order. Labels alone decide.
    """
    random = np.random.default_rng(SHARED_SEED)
    waiting = {c: random.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)}
    chosen: list[int] = []
    for turn in range(count):
        classes = [c for c, images in waiting.items() if turn < len(images)]
        missing = count - len(chosen)
        if missing < len(classes):
            # Not the first ones: where there are more classes than images, these would be alike.
            classes = sorted(random.permutation(classes)[:missing])
        chosen += [int(waiting[c][turn]) for c in classes]
    return np.array(chosen, dtype=np.int64)
