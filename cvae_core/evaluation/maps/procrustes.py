"""Latents of one trial, turned and scaled onto those of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError


def align(
    latents: Sequence[NDArray[np.float32]], names: Sequence[str]
) -> list[NDArray[np.float32]]:
    """Every trial's latents, moved onto the first trial's as closely as distances allow.

    Each is centred, brought to the first one's size (root of the summed squares), and rotated or
    reflected by orthogonal Procrustes (Schönemann 1966, Psychometrika 31). The least-squares
    scale is not used: it shrinks a trial the more, the worse it agrees with the first. Trials of
    fewer dimensions get zeros for those that they lack.

    Args:
        latents: of each trial, (N, D_i), of the same N images in the same order.
        names: of the trials, for messages.

    Returns:
        float32 (N, max D_i) of each trial.

    Raises:
        EvaluationError: a trial's latents are all equal.
    """
    width = max(each.shape[1] for each in latents)
    centred = []
    for each, name in zip(latents, names, strict=True):
        if bool((each == each[0]).all()):
            raise EvaluationError(f"all latent means of {name} are equal: they cannot be aligned")
        wide = np.zeros((len(each), width))
        wide[:, : each.shape[1]] = each - each.mean(axis=0, dtype=np.float64)
        centred.append(wide)
    first = centred[0]
    size = np.linalg.norm(first)
    aligned = [first.astype(np.float32)]
    for other in centred[1:]:
        turn, _ = scipy.linalg.orthogonal_procrustes(other, first)
        aligned.append((other @ turn * (size / np.linalg.norm(other))).astype(np.float32))
    return aligned
