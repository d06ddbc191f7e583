"""The importance-weighted bound, where log p(x) is known and against SciPy's densities."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from torch import Tensor, nn

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError
from cvae_core.evaluation.diagnostics import iwae
from cvae_core.evaluation.diagnostics.declaration import DiagnosticsConfig, IwaeConfig
from cvae_core.evaluation.diagnostics.iwae import iwae_bound, log_weights
from cvae_core.evaluation.diagnostics.observation import decoder_variance
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.streams import stream
from cvae_core.training.fit import FitResult

VARIANCE = 0.02
ROWS = np.array([3, 17, 40])


class LinearGaussian(nn.Module):
    """x = b + W z + noise. With orthogonal columns the posterior has independent dimensions."""

    def __init__(self, shape: tuple[int, ...], dims: int, *, off: float) -> None:
        super().__init__()
        rng = np.random.default_rng(0)
        self.shape, size = shape, math.prod(shape)
        columns, _ = np.linalg.qr(rng.normal(size=(size, dims)))
        self.w = columns * rng.uniform(0.3, 2.0, dims)
        self.b = rng.uniform(0.2, 0.4, size)
        self.off = off
        self.variances = 1 / (1 + (self.w**2).sum(axis=0) / VARIANCE)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior; ``off`` standard deviations beside it and so much wider."""
        x = images.flatten(1).double().numpy()
        mean = (x - self.b) @ self.w / VARIANCE * self.variances
        wider = self.variances * (1 + self.off) ** 2
        mu = torch.tensor(mean + self.off * np.sqrt(self.variances), dtype=torch.float32)
        return mu, torch.tensor(np.log(wider), dtype=torch.float32).expand(mu.shape)

    def decode(self, z: Tensor) -> Tensor:
        return torch.tensor(z.double().numpy() @ self.w.T + self.b).view(-1, *self.shape).float()

    def log_likelihoods(self, images: np.ndarray) -> np.ndarray:
        covariance = self.w @ self.w.T + VARIANCE * np.eye(len(self.b))
        found: np.ndarray = multivariate_normal(self.b, covariance).logpdf(images)
        return found

    def divergence(self) -> float:
        """KL of what ``encode`` says from the posterior, the same for every image."""
        wider = (1 + self.off) ** 2
        return 0.5 * self.w.shape[1] * (wider + self.off**2 - 1 - math.log(wider))


@pytest.fixture
def linear(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> Callable[[float], tuple[Subject, LinearGaussian, np.ndarray]]:
    def make(off: float) -> tuple[Subject, LinearGaussian, np.ndarray]:
        subject = make_subject(config, small, trained)
        model = LinearGaussian(small.image_shape, 4, off=off)
        subject.model = model  # type: ignore[assignment]
        images = subject.pixels("judged")[torch.from_numpy(ROWS)].flatten(1).double() / 255
        return subject, model, model.log_likelihoods(images.numpy())

    return make


def weights_of(subject: Subject, rows: np.ndarray, samples: int, variance: float) -> np.ndarray:
    *shares, found = log_weights(subject, rows, samples, variance)
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert isinstance(found, np.ndarray)
    return found


def test_with_the_true_posterior_every_weight_is_the_likelihood(linear: Callable) -> None:  # type: ignore[type-arg]
    subject, _, exact = linear(0.0)
    weights = weights_of(subject, ROWS, 50, VARIANCE)
    assert weights.shape == (3, 50)
    np.testing.assert_allclose(weights, np.repeat(exact[:, None], 50, axis=1), atol=2e-3)
    assert iwae_bound(weights) == pytest.approx(exact.mean(), abs=2e-3)


def test_it_grows_from_the_elbo_to_the_likelihood(linear: Callable) -> None:  # type: ignore[type-arg]
    subject, model, exact = linear(0.4)
    weights = weights_of(subject, ROWS, 2048, VARIANCE)
    elbo = exact.mean() - model.divergence()
    error = weights.std(axis=1).mean() / math.sqrt(3 * 2048)
    assert abs(weights.mean() - elbo) < 4 * error
    bounds = [iwae_bound(weights.reshape(-1, k)) for k in (1, 4, 64, 512, 2048)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(weights.mean())
    assert bounds[2] - bounds[0] > 0.5 * model.divergence()
    assert bounds[-1] == pytest.approx(exact.mean(), abs=0.05)


def test_the_bound_is_scipys_logsumexp_also_far_below_zero() -> None:
    weights = np.random.default_rng(0).normal(-5e4, 300, (20, 64))
    expected = (logsumexp(weights, axis=1) - math.log(64)).mean()
    assert iwae_bound(weights) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("value_range", "divisor"), [("unit", 255), ("symmetric", 256)])
def test_weights_are_those_of_scipys_densities(
    value_range: str,
    divisor: int,
    make_subject: Callable[..., Subject],
    small: Dataset,
    trained: FitResult,
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range, "divisor": divisor}})
    subject = make_subject(config, small, trained)
    rows = np.arange(5, 25)
    weights = weights_of(subject, rows, 6, 0.03)
    mu, log_var = (each[rows].astype(float) for each in subject.posterior("judged"))
    noise = torch.randn((120, 10), generator=stream(0, "evaluation/iwae")).double().numpy()
    images = subject.pixels("judged")[rows].double().numpy() / 255
    for image in range(20):
        deviation = np.exp(log_var[image] / 2)
        for sample in range(6):
            z = mu[image] + deviation * noise[6 * image + sample]
            with torch.no_grad():
                decoded = subject.model.decode(torch.tensor(z[None]).float())[0].double().numpy()
            if value_range == "symmetric":
                decoded = (decoded + 1) / 2
            expected = norm.logpdf(images[image], decoded * divisor / 255, math.sqrt(0.03)).sum()
            expected += norm.logpdf(z).sum() - norm.logpdf(z, mu[image], deviation).sum()
            assert weights[image, sample] == pytest.approx(expected, rel=1e-4)


def test_memory_is_of_a_batch_and_the_noise_the_same_every_time(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iwae, "BATCH", 32)
    decoded: list[int] = []
    decode = subject.decode
    monkeypatch.setattr(subject, "decode", lambda z: (decoded.append(len(z)), decode(z))[1])
    first = weights_of(subject, np.arange(10), 64, 0.05)
    assert max(decoded) == 32
    assert sum(decoded) == 640
    assert (weights_of(subject, np.arange(10), 64, 0.05) == first).all()


def findings(subject: Subject, **settings: int) -> Findings:
    *shares, last = measure("iwae", subject, IwaeConfig(**settings))
    assert isinstance(last, Findings)
    assert shares == sorted(shares)  # type: ignore[type-var]
    return last


def test_the_part_is_above_the_elbo_of_the_same_model(subject: Subject) -> None:
    found = findings(subject)
    *_, other = measure("diagnostics", subject, DiagnosticsConfig())
    assert isinstance(other, Findings)
    bound, elbo = found.metrics["test/iwae"], float(found.facts["elbo_of_these"])
    # All 60 images: one sample each there, 64 each here.
    assert elbo == pytest.approx(other.metrics["test/elbo"], abs=3)
    assert elbo < bound
    assert found.facts["n"] == 60
    *_, variance = decoder_variance_of(subject)
    weights = weights_of(subject, np.arange(60), 64, variance)
    assert bound == pytest.approx(iwae_bound(weights), rel=1e-6)


def decoder_variance_of(subject: Subject) -> list[float]:
    def run() -> object:
        variance = yield from decoder_variance(subject, 0, 1)
        yield variance

    return list(run())  # type: ignore[call-overload, no-any-return]


def test_another_k_and_another_n_are_in_the_name(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, small, trained, split="validation")
    assert set(findings(subject, samples=2, n=20).metrics) == {"val/iwae_k2_n20"}
    assert findings(subject, samples=2, n=20).facts["n"] == 20


def test_without_any_error_there_is_no_bound(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    black = Images(small.train.pixels * 0, small.train.labels)
    subject = make_subject(config, dataclasses.replace(small, train=black), trained)
    with torch.no_grad():
        subject.model.decoder.layers[-2].bias.fill_(-1e6)  # type: ignore[union-attr,operator]
    with pytest.raises(AbsentError, match="no IWAE bound"):
        findings(subject)
