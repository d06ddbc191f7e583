from __future__ import annotations

import pytest

from cvae_core.evaluation.metric import on_validation, variant
from cvae_core.evaluation.metrics import METRICS, describe, sign_of


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("probe/accuracy", "probe/accuracy"),
        ("probe/accuracy_paper", "probe/accuracy_paper"),
        ("probe/accuracy_sample", "probe/accuracy_<representation>"),
        ("probe/knn_accuracy_k5_projection", "probe/knn_accuracy<k><representation>"),
        ("val/probe_knn_accuracy_cosine_k5", "probe/knn_accuracy_cosine<k><representation>"),
        ("test/iwae_k16_n200", "test/iwae<k><n>"),
        ("val/iwae", "test/iwae<k><n>"),
        ("fd/mnist-cnn", "fd/<extractor>"),
        ("fd/digits-cnn_n360_floor_halves", "fd/<extractor>_floor_halves"),
        ("val/fd_mnist-cnn", "fd/<extractor>"),
        ("fd/fashion_mnist-cnn_floor", "fd/<extractor>_floor"),
        ("kid/folder-0123456789ab-32-auto-cnn_n60", "kid/<extractor>"),
        ("kid/inception-1a2b3c4d_n2048_floor_halves", "kid/<extractor>_floor_halves"),
        ("extractor/fashion_mnist-cnn_accuracy", "extractor/<extractor>_accuracy"),
        ("fid/inception-1a2b3c4d_n2048", "fid/inception<variant>"),
        ("val/elbo", "test/elbo"),
        ("val/latent_kl", "latent/kl"),
        ("val/loss", "val/loss"),
        ("umap/trustworthiness_n40", "umap/trustworthiness<count><map>"),
    ],
)
def test_a_name_finds_its_definition(name: str, family: str) -> None:
    found = describe(name)
    assert found is not None
    assert found.name == family
    assert sum(metric.matches(name) for metric in METRICS) <= 1


def test_an_unknown_name_has_none() -> None:
    assert describe("probe/acuracy") is None
    assert describe("val/fd") is None


def test_which_way_is_better() -> None:
    names = ("val/probe_accuracy", "val/loss", "train/kl", "probe/acuracy")
    assert [sign_of(name) for name in names] == [1, -1, -1, -1]


def test_names_on_validation_and_of_another_n() -> None:
    assert on_validation("fd/mnist-cnn") == "val/fd_mnist-cnn"
    assert on_validation("test/reconstruction_mse") == "val/reconstruction_mse"
    assert variant("fid/inception", 10_000) == "fid/inception"
    assert variant("fid/inception", 2048) == "fid/inception_n2048"
