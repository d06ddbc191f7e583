"""Logistic regression with thousands of coefficients, such as on raw pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_DIMENSIONS = 4096
"""Up to which it is found here: two or three matrices of their square lie in memory, in float64."""
STEPS = 50
"""Of one preconditioner; the next one is made where they have led."""
ROUNDS = 20
"""Preconditioners at most."""
ROUNDING = 1e-12
"""Of the Hessian's trace, added to its diagonal."""
BLOCK = 2048
"""Images of which a weighted copy is made at a time."""

Array = NDArray[np.float64]


class Optimum(NamedTuple):
    """What a logistic regression consists of; R is its number of classes, of two classes 1."""

    weights: Array
    """(R, D)."""
    intercepts: Array
    """(R,)."""


class Objective:
    """The mean log-loss and ‖w‖² / (2 C N), in coordinates in which it is as steep everywhere.

    Neighbouring pixels are nearly equal, so the loss is thousands of times as steep across them
    as along them, and L-BFGS alone takes hundreds of steps. The Hessian of class k is
    Xᵀ diag(p (1 - p)) X / N + I / (C N). Of all classes' mean, L Lᵀ, the coordinates are Lᵀ w;
    the penalty is stretched with them, for which scikit-learn's solvers have no setting.

    Args:
        inputs: (N, D), around their mean.
        codes: (N,), classes from 0, all of which occur.
        c: C, the inverse of the penalty's weight.
        near: where the Hessian is taken.
    """

    def __init__(self, inputs: Array, codes: NDArray[np.int64], c: float, near: Optimum) -> None:
        from scipy.linalg import cholesky

        self._inputs, self._codes = inputs, codes
        self._penalty = 1 / (c * len(inputs))
        curvature = self._curvatures(near)
        self.steepness = float(np.sqrt(curvature.mean() + self._penalty))
        """By which a gradient is smaller in these coordinates, for inputs of unit variance."""
        hessian = np.zeros((inputs.shape[1],) * 2)
        for start in range(0, len(inputs), BLOCK):
            rows = slice(start, start + BLOCK)
            block = inputs[rows] * np.sqrt(curvature[rows, None])
            hessian += block.T @ block
        hessian /= len(inputs)
        # It need not be exact: dimensions may be alike but for rounding.
        hessian[np.diag_indices(len(hessian))] += self._penalty + ROUNDING * hessian.trace()
        self._root = cholesky(hessian, lower=True, overwrite_a=True, check_finite=False)

    def _curvatures(self, at: Optimum) -> Array:
        """p (1 - p) of each image, (N,), at least half of their mean: they change on the way."""
        weights = np.ascontiguousarray(at.weights.T)
        _, slopes = log_loss(self._inputs @ weights + at.intercepts, self._codes)
        wrong = np.abs(slopes)  # p, of the true class 1 - p
        each = (wrong * (1 - wrong)).mean(axis=1)
        return np.asarray((each + each.mean()) / 2)

    def point(self, at: Optimum) -> Array:
        """Its coordinates, all of them in one row."""
        intercepts = at.intercepts * self.steepness
        return np.column_stack([at.weights @ self._root, intercepts]).ravel()

    def at(self, point: Array) -> Optimum:
        """What ``point`` has made coordinates of."""
        from scipy.linalg import solve_triangular

        table = point.reshape(-1, len(self._root) + 1)
        weights = solve_triangular(
            self._root, table[:, :-1].T, lower=True, trans="T", check_finite=False
        )
        return Optimum(weights.T, table[:, -1] / self.steepness)

    def __call__(self, point: Array) -> tuple[float, Array]:
        """The objective in nats, and its gradient by the coordinates."""
        from scipy.linalg import solve_triangular

        weights, intercepts = self.at(point)
        columns = np.ascontiguousarray(weights.T)
        loss, wrong = log_loss(self._inputs @ columns + intercepts, self._codes)
        wrong /= len(wrong)
        slopes = wrong.T @ self._inputs + self._penalty * weights
        loss += self._penalty / 2 * float((weights**2).sum())
        stretched = solve_triangular(self._root, slopes.T, lower=True, check_finite=False)
        of_intercepts = wrong.sum(axis=0) / self.steepness
        return loss, np.column_stack([stretched.T, of_intercepts]).ravel()


def wide_optimum(
    inputs: Array, codes: NDArray[np.int64], c: float, start: Optimum | None, tolerance: float
) -> tuple[Optimum, int]:
    """The optimum, or as near to it as so many steps lead, and how many were taken.

    Args:
        inputs: (N, D), around their mean.
        codes: (N,), classes from 0, all of which occur.
        c: C, the inverse of the penalty's weight.
        start: from where; None: from zero.
        tolerance: largest gradient, per image, at the end; about, as it is that of coordinates.
    """
    from scipy.optimize import minimize

    classes = int(codes.max()) + 1
    rows = 1 if classes == 2 else classes
    at, taken = start or Optimum(np.zeros((rows, inputs.shape[1])), np.zeros(rows)), 0
    for _ in range(ROUNDS):
        objective = None  # not two of them in memory
        objective = Objective(inputs, codes, c, at)
        limits = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 0.0}
        limits["gtol"] = tolerance / objective.steepness
        found = minimize(
            objective, objective.point(at), jac=True, method="L-BFGS-B", options=limits
        )
        at, taken = objective.at(found.x), taken + int(found.nit)
        if found.status == 0 or not found.nit:  # it ends there, or goes nowhere
            break
    return at, taken


def log_loss(scores: Array, codes: NDArray[np.int64]) -> tuple[float, Array]:
    """The mean log-loss in nats, and the slopes of each image's by its scores, (N, R).

    Args:
        scores: (N, R), of two classes R is 1; overwritten.
        codes: (N,), classes from 0.
    """
    two = scores.shape[1] == 1
    if two:  # the first one's score is 0
        scores = np.column_stack([np.zeros_like(scores), scores])
    images = np.arange(len(codes))
    scores -= scores.max(axis=1, keepdims=True)
    of_true = scores[images, codes]
    shares = np.exp(scores, out=scores)
    sums = shares.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(sums[:, 0]) - of_true))
    shares /= sums
    shares[images, codes] -= 1
    return loss, shares[:, 1:] if two else shares
