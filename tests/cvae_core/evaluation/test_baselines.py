"""What the evaluation measures of baselines, and what they have not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, split_indices
from cvae_core.errors import AbsentError
from cvae_core.evaluation.distances.fd import validation_judge
from cvae_core.evaluation.parts import PARTS, Findings, baseline_lacks, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import fit

SHAPE: dict[str, Any] = {"architecture": {"channels": [4, 8], "latent_dim": 4}}


def subject_of(model: str, data: Dataset, cache: Path) -> Subject:
    config = TrialConfig.from_settings({"model": model, **SHAPE})
    checkpoint = fit(config, data).checkpoint
    return Subject(config, data, checkpoint.selected_weights, cache=cache)


def measured(part: str, subject: Subject, **settings: Any) -> Findings:
    *_, findings = measure(part, subject, PARTS[part].settings(**settings))
    assert isinstance(findings, Findings)
    return findings


def test_neighbours_of_pixels_are_scikit_learn_s(small: Dataset, tmp_path: Path) -> None:
    subject = subject_of("pixels", small, tmp_path)
    found = measured("probe", subject, protocols=("standard",), representations=("mean", "sample"))
    knn = {"probe/knn_accuracy", "probe/knn_accuracy_cosine"}
    assert set(found.metrics) == {"probe/accuracy", *knn}, "a sample is a VAE's"
    train, _ = (indices.numpy() for indices in split_indices(len(small.train), 0.1, 0))
    pixels = small.train.pixels.reshape(len(small.train), -1)[train] / np.float32(255)
    judge = KNeighborsClassifier(20, algorithm="brute").fit(pixels, small.train.labels[train])
    images = small.test.pixels.reshape(len(small.test), -1) / np.float32(255)
    accuracy = judge.score(images, small.test.labels)
    assert found.metrics["probe/knn_accuracy"] == pytest.approx(accuracy, abs=1.5 / len(small.test))


def test_pca_s_prior_is_the_gaussian_of_its_own_scores(
    small: Dataset, tmp_path: Path, classifiers: Path
) -> None:
    cache = shutil.copytree(classifiers, tmp_path / "cache")
    found = measured("fd", subject_of("pca", small, cache)).metrics
    (prior,) = (name for name in found if re.fullmatch(r"fd/digits-cnn_n\d+", name))
    assert found[f"{prior}_gaussian"] == pytest.approx(found[prior], rel=0.02)


def test_pca_s_reconstruction_error_is_scikit_learn_s(small: Dataset, tmp_path: Path) -> None:
    subject = subject_of("pca", small, tmp_path)
    found = measured("diagnostics", subject)
    train, _ = (indices.numpy() for indices in split_indices(len(small.train), 0.1, 0))
    flat = [s.pixels.reshape(len(s), -1) / 255.0 for s in (small.train, small.test)]
    pca = PCA(4, svd_solver="full").fit(flat[0][train])
    error = ((pca.inverse_transform(pca.transform(flat[1])) - flat[1]) ** 2).mean()
    assert found.metrics["test/reconstruction_mse"] == pytest.approx(error, rel=1e-4)
    lie = ("alignment", "uniformity", "silhouette", "nmi")
    assert found.metrics.keys() == {"test/reconstruction_mse", *(f"latent/{n}" for n in lie)}


def test_pca_s_samples_have_its_variances(small: Dataset, tmp_path: Path) -> None:
    subject = subject_of("pca", small, tmp_path)
    variances = subject.model.state_dict()["variances"]
    torch.testing.assert_close(subject.prior(4096).var(0), variances, rtol=0.1, atol=0)
    assert subject.generated(5).shape == (5, *small.image_shape)
    found = measured("pictures", subject)
    assert found.files.keys() == {"reconstructions.png", "samples.png"}
    assert found.warnings == []


@pytest.mark.parametrize("part", ["diagnostics", "pictures", "fd", "fid"])
def test_what_a_baseline_has_not_is_absent_with_a_reason(
    part: str, small: Dataset, tmp_path: Path
) -> None:
    subject = subject_of("pixels", small, tmp_path)
    with pytest.raises(AbsentError, match="the baseline pixels has latents alone, and no decoder"):
        measured(part, subject)
    with pytest.raises(AbsentError, match="ask for mean"):
        measured("probe", subject, representations=("sample",))
    with pytest.raises(AbsentError, match="no decoder"):
        validation_judge(subject.config, small, PARTS["fd"].settings(), tmp_path, None)
    assert list(tmp_path.iterdir()) == [], "no classifier was trained for nothing"


def test_what_the_others_have() -> None:
    models = ("vae", "pca", "supervised")
    able = {model: [p for p in PARTS if baseline_lacks(model, p) is None] for model in models}
    assert able["vae"] == list(PARTS)
    assert able["pca"] == [part for part in PARTS if part != "iwae"]
    assert able["supervised"] == ["probe", "umap"]
