from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import norm
from sklearn.metrics import silhouette_score

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.views import make_views
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.diagnostics import hypersphere, observation
from cvae_core.evaluation.diagnostics import part as diagnostics
from cvae_core.evaluation.diagnostics.declaration import DiagnosticsConfig
from cvae_core.evaluation.diagnostics.elbo import effective_beta
from cvae_core.evaluation.diagnostics.hypersphere import alignment, uniformity
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.models import build_model
from cvae_core.models.contrastive import ContrastiveVAE
from cvae_core.streams import stream
from cvae_core.training.fit import FitResult


def findings(subject: Subject, threshold: float = 0.01) -> Findings:
    settings = DiagnosticsConfig(active_threshold=threshold)
    *shares, last = measure("diagnostics", subject, settings)
    assert isinstance(last, Findings)
    assert shares == sorted(shares)  # type: ignore[type-var]
    assert all(0 < share < 1 for share in shares)  # type: ignore[operator]
    return last


@pytest.fixture(scope="module")
def usual(subject: Subject) -> Findings:
    return findings(subject)


@pytest.fixture(scope="module")
def usual_contrastive(contrastive: Subject) -> Findings:
    return findings(contrastive)


def log_likelihoods(subject: Subject, variance: float) -> float:
    """Of decoded posterior samples, by SciPy, an image at a time."""
    images = subject.pixels("judged").double() / 255
    z = torch.from_numpy(subject.representation("sample", "judged"))
    total = 0.0
    with torch.no_grad():
        for image, latent in zip(images, z, strict=True):
            decoded = subject.model.decode(latent[None])[0].double()
            if subject.config.data.value_range == "symmetric":
                decoded = (decoded + 1) / 2
            if subject.config.data.divisor == 256:
                decoded = decoded * 256 / 255
            total += norm.logpdf(image.numpy(), decoded.numpy(), math.sqrt(variance)).sum()
    return total / len(images)


def fitted_variance(subject: Subject, count: int) -> float:
    images = subject.pixels("fit")[:count].double() / 255
    z = torch.from_numpy(subject.representation("sample", "fit"))[:count]
    with torch.no_grad():
        decoded = subject.model.decode(z).double()
    if subject.config.data.value_range == "symmetric":
        decoded = (decoded + 1) / 2
    decoded = decoded * subject.config.data.divisor / 255
    return float(((decoded - images) ** 2).mean())


def test_kl_and_active_units_are_those_of_a_loop(subject: Subject, usual: Findings) -> None:
    mu, log_var = (a.astype(float) for a in subject.posterior("judged"))
    # The middle of two variances: some units are above and some below.
    variances = sorted(np.mean((mu[:, d] - mu[:, d].mean()) ** 2) for d in range(10))
    threshold = float(variances[3] + variances[4]) / 2
    found = findings(subject, threshold)
    rows = list(csv.DictReader(found.files["latent_dimensions.csv"].decode().splitlines()))
    total = 0.0
    for d, row in enumerate(rows):
        sigma2 = np.exp(log_var[:, d])
        kl = sum((s + m * m - 1 - math.log(s)) / 2 for m, s in zip(mu[:, d], sigma2, strict=True))
        total += kl / 60
        variance = np.mean((mu[:, d] - mu[:, d].mean()) ** 2)
        assert int(row["dimension"]) == d
        assert float(row["kl"]) == pytest.approx(kl / 60, rel=1e-6)
        assert float(row["variance_of_mean"]) == pytest.approx(variance, rel=1e-6)
        assert float(row["mean_posterior_variance"]) == pytest.approx(sigma2.mean(), rel=1e-6)
        assert int(row["active"]) == (variance > threshold)
    assert len(rows) == 10
    assert found.metrics["latent/kl"] == pytest.approx(total, rel=1e-9)
    assert found.metrics[f"latent/active_units_{threshold:g}"] == 6
    assert "latent/active_units" not in found.metrics
    assert usual.metrics["latent/active_units"] == sum(v > 0.01 for v in variances)


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_reconstruction_equals_a_loop_over_images(
    small: Dataset, value_range: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range}})
    model = build_model(config, small.image_shape)
    monkeypatch.setattr(observation, "BATCH", 16)  # the last of 60 is ragged
    subject = Subject(config, small, model.state_dict(), cache=tmp_path)
    ours = findings(subject).metrics["test/reconstruction_mse"]
    total = 0.0
    for pixels in small.test.pixels:
        image = pixels.astype(np.float64) / 255
        if value_range == "symmetric":
            image = 2 * image - 1
        with torch.no_grad():
            mu, _ = model.encode(torch.from_numpy(image)[None].float())
            decoded = model.decode(mu)[0].numpy().astype(np.float64)
        total += ((decoded - image) ** 2).mean()
    assert ours == pytest.approx(total / 60, rel=1e-5)


@pytest.mark.parametrize(("value_range", "divisor"), [("unit", 255), ("symmetric", 256)])
def test_the_elbo_is_that_of_scipys_normal_density(
    value_range: str,
    divisor: int,
    make_subject: Callable[..., Subject],
    small: Dataset,
    trained: FitResult,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The same weights decode to [-1, 1] as well: what counts here is arithmetic alone.
    monkeypatch.setattr(observation, "FIT_IMAGES", 100)
    config = TrialConfig.from_settings({"data": {"value_range": value_range, "divisor": divisor}})
    subject = make_subject(config, small, trained)
    found = findings(subject).metrics
    expected = log_likelihoods(subject, fitted_variance(subject, 100)) - found["latent/kl"]
    assert found["test/elbo"] == pytest.approx(expected, rel=1e-5)


def test_beta_is_not_in_the_elbo_and_judged_images_are_not_in_its_variance(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    usual: Findings,
) -> None:
    heavy = findings(make_subject(dataclasses.replace(config, beta=7.0, seed=3), small, trained))
    assert heavy.metrics["test/elbo"] == usual.metrics["test/elbo"]
    on_validation = make_subject(config, small, trained, split="validation")
    found = findings(on_validation).metrics
    variance = fitted_variance(make_subject(config, small, trained), 270)
    expected = log_likelihoods(on_validation, variance) - found["val/latent_kl"]
    assert found["val/elbo"] == pytest.approx(expected, rel=1e-5)


def test_without_any_error_there_is_no_elbo(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    black = Images(small.train.pixels * 0, small.train.labels)
    subject = make_subject(config, dataclasses.replace(small, train=black), trained)
    with torch.no_grad():
        subject.model.decoder.layers[-2].bias.fill_(-1e6)  # type: ignore[union-attr,operator]
    found = findings(subject)
    assert "test/elbo" not in found.metrics
    assert "no ELBO" in found.warnings[0]
    assert "test/reconstruction_mse" in found.metrics


def test_alignment_and_uniformity_equal_a_loop_and_scipys_distances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hypersphere, "BLOCK", 16)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50, 5)).astype(np.float32)
    x = a.astype(float) / np.linalg.norm(a.astype(float), axis=1, keepdims=True)
    y = b.astype(float) / np.linalg.norm(b.astype(float), axis=1, keepdims=True)
    aligned = sum(float(((p - q) ** 2).sum()) for p, q in zip(x, y, strict=True)) / 50
    spread = math.log(np.exp(-2 * pdist(x) ** 2).mean())
    first, second = torch.from_numpy(a), torch.from_numpy(b)
    assert alignment(first, second) == pytest.approx(aligned, rel=1e-6)
    assert uniformity(first) == pytest.approx(spread, rel=1e-6)


def test_collapsed_projections_have_numbers() -> None:
    constant, zero = torch.full((40, 5), 3.0), torch.zeros(40, 5)
    assert alignment(constant, constant) == 0
    assert uniformity(constant) == pytest.approx(0, abs=1e-6)
    assert alignment(zero, zero) == uniformity(zero) == 0
    assert uniformity(torch.tensor([[1.0, 0], [-1, 0]])) == pytest.approx(-8)


def test_projections_are_of_means_and_of_views_with_fixed_parameters(
    contrastive: Subject, usual_contrastive: Findings
) -> None:
    found = usual_contrastive.metrics
    model, config = contrastive.model, contrastive.config
    assert isinstance(model, ContrastiveVAE)
    images = contrastive.pixels("judged").float() / 255
    views = make_views(images, config.views, stream(0, "evaluation/views"))
    with torch.no_grad():
        own = model.project(model.encode(images)[0])
        other = model.project(model.encode(views)[0])
    assert found["projection/alignment"] == pytest.approx(alignment(own, other), rel=1e-4)
    assert found["projection/alignment"] > 0
    assert found["projection/uniformity"] == pytest.approx(uniformity(own), rel=1e-5)


def test_effective_beta_is_one_where_the_objective_is_the_elbo() -> None:
    """The objective, as a function of what can change, is then the ELBO's, but for a factor."""
    beta, pixels = 1e-3, 64
    variance = beta * pixels / 2
    assert effective_beta(beta, pixels, variance) == pytest.approx(1)
    assert effective_beta(3 * beta, pixels, variance) == pytest.approx(3)
    images = np.random.default_rng(0).normal(size=(2, 7, pixels))  # two attempts at decoding
    target, kls = np.zeros(pixels), np.array([2.0, 5.0])
    for factor in (1.0, 3.0):
        loss = [((x - target) ** 2).mean() for x in images] + factor * beta * kls
        likelihood = [norm.logpdf(target, x, math.sqrt(variance)).sum() / 7 for x in images]
        bound = np.array(likelihood) - effective_beta(factor * beta, pixels, variance) * kls
        expected = -(bound[1] - bound[0]) * 2 * variance / pixels
        assert loss[1] - loss[0] == pytest.approx(expected)


@pytest.mark.parametrize(("value_range", "divisor"), [("unit", 255), ("symmetric", 256)])
def test_effective_beta_has_the_error_in_the_range_that_training_has(
    value_range: str,
    divisor: int,
    make_subject: Callable[..., Subject],
    small: Dataset,
    trained: FitResult,
) -> None:
    data = {"value_range": value_range, "divisor": divisor}
    config = TrialConfig.from_settings({"beta": 0.02, "data": data})
    subject = make_subject(config, small, trained)
    z = torch.from_numpy(subject.representation("sample", "fit"))
    with torch.no_grad():
        own = subject.model.decode(z).double() - subject.real(subject.pixels("fit"))
    expected = 0.02 * math.prod(small.image_shape) / (2 * float(own.square().mean()))
    assert findings(subject).metrics["latent/effective_beta"] == pytest.approx(expected, rel=1e-5)


def test_effective_beta_is_of_the_epoch_that_is_judged(
    small: Dataset, trained: FitResult, tmp_path: Path
) -> None:
    schedule = {"beta": {"shape": "linear", "epochs": 10}}
    config = TrialConfig.from_settings({"epochs": 10, "schedule": schedule})
    weights = trained.model.state_dict()
    halfway, end = (
        findings(Subject(config, small, weights, epoch=epoch, cache=tmp_path)) for epoch in (5, 10)
    )
    name = "latent/effective_beta"
    assert halfway.metrics[name] == pytest.approx(end.metrics[name] / 2)
    halfway.metrics[name] = end.metrics[name]
    assert halfway.metrics == end.metrics


def test_latents_of_both_families_are_seen_through_the_same_views(
    subject: Subject,
    contrastive: Subject,
    small: Dataset,
    usual: Findings,
    usual_contrastive: Findings,
) -> None:
    order = torch.randperm(60, generator=stream(0, "evaluation/latents"))
    pixels = subject.pixels("judged")[order].float() / 255
    own_views = TrialConfig.from_settings({"data": {"name": "digits"}}).views
    views = make_views(pixels, own_views, stream(0, "evaluation/latent_views"))
    for judged, found in ((subject, usual.metrics), (contrastive, usual_contrastive.metrics)):
        with torch.no_grad():
            own, other = (judged.model.encode(images)[0] for images in (pixels, views))
        assert found["latent/alignment"] == pytest.approx(alignment(own, other), rel=1e-4)
        assert found["latent/uniformity"] == pytest.approx(uniformity(own), rel=1e-4)
        assert 0 < found["latent/alignment"] < 4
    bold = dataclasses.replace(contrastive.config.views, rotation_degrees=90.0)
    config = dataclasses.replace(contrastive.config, views=bold)
    weights = contrastive.model.state_dict()
    other_views = findings(Subject(config, small, weights, cache=contrastive.cache)).metrics
    usual_views = usual_contrastive.metrics
    assert other_views["latent/alignment"] == usual_views["latent/alignment"]
    assert other_views["projection/alignment"] != usual_views["projection/alignment"]


def test_clusters_are_of_so_many_images_in_a_fixed_order(
    subject: Subject, usual: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = usual.metrics
    order = torch.randperm(60, generator=stream(0, "evaluation/latents")).numpy()
    mu, labels = subject.posterior("judged")[0], subject.labels("judged")
    assert found["latent/silhouette"] == pytest.approx(silhouette_score(mu, labels), abs=1e-5)
    assert 0 < found["latent/nmi"] < 1
    monkeypatch.setattr(diagnostics, "SILHOUETTE", 25)
    few = order[:25]
    expected = silhouette_score(mu[few], labels[few])
    assert findings(subject).metrics["latent/silhouette"] == pytest.approx(expected, abs=1e-5)


def test_of_one_class_there_are_no_clusters(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    same = Images(small.test.pixels, small.test.labels * 0)
    found = findings(make_subject(config, dataclasses.replace(small, test=same), trained)).metrics
    assert not {"latent/silhouette", "latent/nmi"} & set(found)
    assert "latent/alignment" in found


def test_a_vae_has_no_projections(usual: Findings) -> None:
    assert not [name for name in usual.metrics if name.startswith("projection/")]


def test_two_calls_and_the_order_of_parts_change_nothing(
    contrastive: Subject, small: Dataset, usual_contrastive: Findings
) -> None:
    assert findings(contrastive) == usual_contrastive
    fresh = Subject(
        contrastive.config,
        small,
        contrastive.model.state_dict(),
        label=contrastive.label,
        epoch=contrastive.epoch,
        cache=contrastive.cache,
    )
    assert findings(fresh) == usual_contrastive


def test_one_image_is_too_few(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    one = Images(small.test.pixels[:1], small.test.labels[:1])
    subject = make_subject(config, dataclasses.replace(small, test=one), trained)
    with pytest.raises(EvaluationError, match="need two at least"):
        findings(subject)
