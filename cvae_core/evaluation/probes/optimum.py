"""Logistic regression at its optimum, or as far from it as it says."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.probes.wide import MOST_DIMENSIONS, Optimum, log_loss, wide_optimum

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

NEWTON_FIRST = 320
"""Coefficients up to which Newton's method is the faster one from the start."""
NEWTON_LAST = 2000
"""Coefficients up to which it ends what lbfgs leaves undone: a step costs their square. More of
them are for ``wide_optimum``."""
TOLERANCE = 1e-6
"""Largest gradient, per image, at which a solver stops."""
WIDE_TOLERANCE = 1e-5
"""The same where there are so many coefficients: a tenth of what is taken for no gradient."""
WIDE_TRIES = 3
"""Each with a tenth of the tolerance before."""
AT_OPTIMUM = 1e-4
"""Largest gradient, as ``Fitted.gradient`` has it, that is taken for none."""
AT_ONCE = 2**20
"""Numbers of which float64 copies are made at a time: latents may be pixels, gigabytes of them."""


@dataclass(frozen=True)
class Fitted:
    """A logistic regression, fitted to latents around their mean."""

    model: LogisticRegression
    centre: NDArray[np.float64]
    scale: NDArray[np.float64] | None
    """What latents are divided by, (D,); None: they are taken as they are."""
    gradient: float
    """The largest component of the objective's gradient, per image, as it would be for latents of
    unit variance: it says the same at every scale."""

    def predictions(self, latents: NDArray[np.floating]) -> NDArray[np.int64]:
        """The likeliest classes, (M,), of latents, (M, D)."""
        inputs = _inputs(latents, self.centre, self.scale)
        return np.asarray(self.model.predict(inputs), dtype=np.int64)

    def log_loss(self, latents: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
        """Mean negative log-likelihood of labels, in nats, of classes that it was fitted to."""
        # Not predict_log_proba, which of two classes says -inf where one is nearly certain.
        scores = _inputs(latents, self.centre, self.scale) @ np.ascontiguousarray(
            self.model.coef_.T
        )
        codes = np.searchsorted(self.model.classes_, labels)
        return log_loss(scores + self.model.intercept_, codes)[0]


# Six parameters: all but the data have a default, and most callers give one or two.
def fitted(
    latents: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    scale: NDArray[np.float64] | None = None,
    c: float = 1.0,
    start: Fitted | None = None,
    tolerance: float = TOLERANCE,
) -> Fitted:
    """The logistic regression that minimises the log-loss, summed, and ‖w‖² / 2 C.

    In float32, scikit-learn's default solver stops where it can no longer see the loss decrease;
    in float64, on latents of badly mixed scales, where its iterations end. So the gradient is
    looked at here, and Newton's method goes on from there where it is cheap. Of raw pixels, and
    whatever has as many coefficients, ``wide_optimum`` finds it.

    Args:
        latents: (N, D).
        labels: (N,), of two classes or more.
        scale: what latents are divided by, (D,).
        c: C, the inverse of the penalty's weight.
        start: one of like latents, to begin from.
        tolerance: largest gradient, per image, at which a solver stops; ``WIDE_TOLERANCE`` or more
            where there are so many coefficients.
    """
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # The intercepts are not penalised: a shift changes nothing but the rounding.
    centre = latents.mean(axis=0, dtype=np.float64)
    inputs = _inputs(latents, centre, scale)
    classes = np.unique(labels)
    size = inputs.shape[1] * len(classes)
    few = size <= NEWTON_FIRST
    model = LogisticRegression(
        C=c, solver="newton-cholesky" if few else "lbfgs", tol=tolerance, max_iter=1000
    )
    model.set_params(warm_start=True)
    if start is not None and np.array_equal(start.model.classes_, classes):
        model.coef_, model.intercept_ = start.model.coef_, start.model.intercept_
        model.classes_ = classes
    # One thread: sums in another order would let a solver stop at another iteration.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the gradient says it better
        warnings.simplefilter("ignore", LinAlgWarning)
        if size > NEWTON_LAST and inputs.shape[1] <= MOST_DIMENSIONS:
            return Fitted(model, centre, scale, _fit_wide(model, inputs, labels, tolerance))
        model.fit(inputs, labels)
        gradient = gradient_of(model, inputs, labels)
        if gradient > AT_OPTIMUM and size <= NEWTON_LAST:
            # Of small latents the gradient is small wherever one is.
            smallest = min(1.0, float(_spread(inputs).min()))
            model.set_params(solver="newton-cholesky", tol=tolerance * smallest)
            model.fit(inputs, labels)
            gradient = gradient_of(model, inputs, labels)
    return Fitted(model, centre, scale, gradient)


def _fit_wide(
    model: LogisticRegression,
    inputs: NDArray[np.float64],
    labels: NDArray[np.int64],
    tolerance: float,
) -> float:
    """``model.fit``, from where it stands if it was fitted before; the gradient at the end."""
    classes, codes = np.unique(labels, return_inverse=True)
    found = Optimum(model.coef_, model.intercept_) if hasattr(model, "coef_") else None
    taken, tolerance = 0, max(tolerance, WIDE_TOLERANCE)
    for _ in range(WIDE_TRIES):  # where it stops is not the gradient that counts, if near it
        found, steps = wide_optimum(inputs, codes, model.C, found, tolerance)
        taken, tolerance = taken + steps, tolerance / 10
        model.coef_, model.intercept_, model.classes_ = *found, classes
        gradient = gradient_of(model, inputs, labels)
        if gradient <= AT_OPTIMUM:
            break
    model.n_iter_, model.n_features_in_ = np.array([taken]), inputs.shape[1]
    return gradient


def gradient_of(
    model: LogisticRegression, inputs: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    """The largest component of the gradient, per image, for inputs scaled to unit variance."""
    codes = np.searchsorted(model.classes_, labels)
    scores = inputs @ np.ascontiguousarray(model.coef_.T)  # which is several times as fast
    scores += model.intercept_
    _, wrong = log_loss(scores, codes)
    slopes = (wrong.T @ inputs + model.coef_ / model.C) / _spread(inputs)
    return float(max(np.abs(slopes).max(), np.abs(wrong.sum(axis=0)).max()) / len(inputs))


def deviations(latents: NDArray[np.floating]) -> NDArray[np.float64]:
    """Standard deviations, (D,), of latents, (N, D)."""
    # Of some columns at a time: NumPy copies all that it is given. Each sum is as it would be.
    width = max(1, AT_ONCE // len(latents))
    starts = range(0, latents.shape[1], width)
    blocks = (latents[:, start : start + width] for start in starts)
    return np.concatenate([block.std(axis=0, dtype=np.float64) for block in blocks])


def _inputs(
    latents: NDArray[np.floating],
    centre: NDArray[np.float64],
    scale: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """The one copy of latents that is made: around their mean, in float64."""
    inputs = latents - centre
    if scale is not None:
        inputs /= scale
    return inputs


def _spread(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations, (D,), of which none is so small that it stands for rounding alone."""
    spread = deviations(inputs)
    return np.maximum(spread, 1e-3 * spread.max()) if spread.max() > 0 else np.ones_like(spread)
