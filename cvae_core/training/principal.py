"""Principal components of images that are read batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST_PIXELS = 4096
"""Up to here the covariance matrix is made; of larger images it is only multiplied with."""
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Principal:
    """Of D values an image, K components, those of the largest variance first; float64."""

    mean: NDArray[np.float64]
    """(D,)."""
    components: NDArray[np.float64]
    """(K, D), orthonormal rows; the largest entry of each is positive."""
    variances: NDArray[np.float64]
    """(K,), over N - 1."""


def principal_components(
    batches: Callable[[], Iterator[Tensor]], count: int
) -> Generator[int, None, Principal]:
    """The principal components of the images that ``batches()`` goes through.

    Where there are fewer directions than are asked for, because there are fewer pixels or images,
    the others are zero, and so are their variances.

    scikit-learn's PCA wants all images at once, as floats: gigabytes beside the stored pixels.

    Args:
        batches: float32 (B, D) each, the same ones whenever it is called.
        count: K.

    Yields:
        How many images have been gone through.
    """
    total, images = None, 0
    for batch in batches():
        total = batch.double().sum(0) if total is None else total + batch.double().sum(0)
        images += len(batch)
    assert total is not None  # noqa: S101 - data sets are never empty
    mean, pixels = total / images, len(total)
    found = min(count, pixels, images - 1)
    if pixels <= MOST_PIXELS or found >= pixels:
        covariance = torch.zeros(pixels, pixels, dtype=torch.float64)
        done = 0
        for batch in batches():
            centred = batch.double() - mean
            covariance += centred.T @ centred
            done += len(batch)
            yield done
        values, vectors = _largest_of(covariance.numpy() / max(images - 1, 1), found)
    else:
        yield images
        values, vectors = _largest(batches, mean, images, found)
    components = np.zeros((count, pixels))
    components[: len(values)] = _with_signs(vectors.T[::-1])
    variances = np.zeros(count)
    variances[: len(values)] = values[::-1].clip(0)
    return Principal(mean.numpy(), components, variances)


def _largest_of(matrix: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], ...]:
    """The largest eigenvalues of a symmetric matrix, ascending, and their vectors (D, count)."""
    from scipy.linalg import eigh

    if count < 1:
        return np.zeros(0), np.zeros((len(matrix), 0))
    values, vectors = eigh(matrix, subset_by_index=[len(matrix) - count, len(matrix) - 1])
    return values, vectors


def _largest(
    batches: Callable[[], Iterator[Tensor]], mean: Tensor, images: int, count: int
) -> tuple[NDArray[np.float64], ...]:
    """The same of a covariance matrix that is too large to be made (ARPACK's Lanczos method)."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    if count < 1:
        return np.zeros(0), np.zeros((len(mean), 0))

    def times(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        product = torch.zeros_like(mean)
        along = torch.from_numpy(np.ascontiguousarray(vector).reshape(-1))
        for batch in batches():
            centred = batch.double() - mean
            product += centred.T @ (centred @ along)
        return (product / (images - 1)).numpy()

    covariance = LinearOperator((len(mean), len(mean)), matvec=times, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(len(mean))
    values, vectors = eigsh(covariance, k=count, v0=start, tol=TOLERANCE)
    order = values.argsort()
    return values[order], vectors[:, order]


def _with_signs(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (K, D) turned so that the entry of the largest magnitude of each is positive."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    turned: NDArray[np.float64] = components * signs[:, None]
    return turned
