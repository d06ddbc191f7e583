from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError
from cvae_core.evaluation.distances import classifier
from cvae_core.evaluation.distances.classifier import Classifier, file_name, obtain
from cvae_core.evaluation.distances.declaration import FdConfig
from cvae_core.evaluation.distances.fd import evaluate, validation_judge
from cvae_core.evaluation.distances.frechet import frechet_distance, statistics
from cvae_core.evaluation.metrics import describe
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult

pytestmark = pytest.mark.slow


def trained_in(data: Dataset, cache: Path, kept: Path | None = None) -> Classifier:
    *shares, found = obtain(data, "digits-cnn", cache, kept)
    assert shares == sorted(shares)
    assert isinstance(found, Classifier)
    return found


def outcome_of(subject: Subject) -> Findings:
    *_, findings = evaluate(subject, FdConfig())
    assert isinstance(findings, Findings)
    return findings


def test_it_tells_real_images_from_noise(small: Dataset, classifiers: Path) -> None:
    found = trained_in(small, classifiers)
    assert found.accuracy > 0.8
    train = torch.from_numpy(small.train.pixels[:120])
    real = statistics(found.features(train[:60]))
    other = statistics(found.features(train[60:]))
    noise = torch.randint(0, 256, train[:60].shape, generator=torch.Generator().manual_seed(0))
    noisy = statistics(found.features(noise.to(torch.uint8)))
    assert 5 * frechet_distance(real, other) < frechet_distance(real, noisy)


def test_features_are_what_the_last_layer_reads(small: Dataset, classifiers: Path) -> None:
    found = trained_in(small, classifiers)
    pixels = torch.from_numpy(small.test.pixels)
    last = found.network[-1]
    scores = found.features(pixels) @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    assert (scores.argmax(axis=1) == small.test.labels).mean() == found.accuracy


def test_the_kept_one_comes_first(small: Dataset, classifiers: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    found = trained_in(small, classifiers)
    found.accuracy = 0.5
    (kept / file_name("digits-cnn", small)).write_bytes(found.to_bytes())
    assert trained_in(small, classifiers, kept).accuracy == 0.5
    assert trained_in(small, tmp_path / "none", kept).accuracy == 0.5
    (kept / file_name("digits-cnn", small)).write_bytes(b"torn")
    assert trained_in(small, classifiers, kept).accuracy > 0.8


def test_a_damaged_one_is_trained_again(
    small: Dataset, classifiers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "MOST_EPOCHS", 1)
    path = tmp_path / file_name("digits-cnn", small)
    path.write_bytes((classifiers / path.name).read_bytes()[:1000])
    assert trained_in(small, tmp_path).digest == trained_in(small, tmp_path / "fresh").digest
    assert path.read_bytes()[:1000] != b"" and len(path.read_bytes()) > 1000


def test_training_leaves_random_numbers_and_threads(small: Dataset, tmp_path: Path) -> None:
    few = dataclasses.replace(small, train=Images(small.train.pixels[:9], small.train.labels[:9]))
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    trained_in(few, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("channels", "size"), [(3, 4), (1, 9), (3, 48)])
def test_any_size(
    channels: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "MOST_EPOCHS", 1)
    rng = np.random.default_rng(0)
    images = Images(
        rng.integers(0, 256, (20, channels, size, size), dtype=np.uint8), np.arange(20) % 2
    )
    found = trained_in(Dataset("folder", images, images, ("a", "b")), tmp_path)
    features = found.features(torch.from_numpy(images.pixels))
    assert features.shape == (20, found.dims)
    assert np.isfinite(features).all()


def test_constant_images_have_distances(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "MOST_EPOCHS", 1)
    splits = (Images(np.full_like(s.pixels, 7), s.labels) for s in (small.train, small.test))
    subject = make_subject(config, Dataset("digits", *splits, small.classes), trained)
    *_, findings = measure("fd", subject, FdConfig())
    assert isinstance(findings, Findings)
    assert findings.metrics["fd/digits-cnn_n60_floor"] == pytest.approx(0, abs=1e-6)


def test_one_class_alone(small: Dataset, tmp_path: Path) -> None:
    one = dataclasses.replace(
        small, train=Images(small.train.pixels, np.zeros_like(small.train.labels))
    )
    with pytest.raises(AbsentError, match="one class"):
        trained_in(one, tmp_path)


def test_the_part(subject: Subject, contrastive: Subject, small: Dataset) -> None:
    first = outcome_of(subject)
    assert outcome_of(subject) == first
    second = outcome_of(contrastive)
    assert first.metrics.keys() == second.metrics.keys()
    assert all(describe(name) is not None for name in first.metrics)
    assert first.metrics["extractor/digits-cnn_accuracy"] > 0.8
    assert first.metrics["fd/digits-cnn_n60"] > 3 * first.metrics["fd/digits-cnn_n60_floor"]
    assert first.metrics["fd/digits-cnn_n60"] != second.metrics["fd/digits-cnn_n60"]
    assert {**first.facts, "distance": ""} == {**second.facts, "distance": ""}
    assert list(first.files) == ["fd_sources.png"]
    assert list(first.keep) == [file_name("digits-cnn", small)]
    assert first.keep == second.keep


def test_a_model_in_training_is_judged_as_the_part_does(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    classifiers: Path,
) -> None:
    subject = make_subject(config, small, trained, split="validation", cache=classifiers)
    *_, findings = measure("fd", subject, FdConfig())
    assert isinstance(findings, Findings)
    judge, _ = validation_judge(config, small, FdConfig(), classifiers, None)
    model = trained.model.train()
    weights = {name: values.clone() for name, values in model.state_dict().items()}
    before = torch.get_rng_state()
    found = judge(model)
    assert found == {"val/fd_digits-cnn": findings.metrics["val/fd_digits-cnn"]}
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert all(torch.equal(model.state_dict()[name], weights[name]) for name in weights)
