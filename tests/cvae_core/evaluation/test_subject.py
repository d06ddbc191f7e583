from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, split_indices
from cvae_core.data.scaling import to_stored
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult


def test_stored_images_come_back_from_the_model_s_range(subject: Subject) -> None:
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    for divisor in (255, 256):
        for value_range in ("unit", "symmetric"):
            settings = {"data": {"divisor": divisor, "value_range": value_range}}
            config = TrialConfig.from_settings(settings).data
            real = every.float() / divisor
            real = real if value_range == "unit" else 2 * real - 1
            assert torch.equal(to_stored(real, config), every)
            assert to_stored(real * 3 - 0.5, config).dtype == torch.uint8
            assert int(to_stored(torch.tensor([-9.0, 9.0]), config)[1]) == 255


def test_test_images_are_judged_and_the_training_part_is_fitted_on(
    subject: Subject, small: Dataset
) -> None:
    assert torch.equal(subject.pixels("judged"), torch.from_numpy(small.test.pixels))
    train, _ = split_indices(300, 0.1, 0)
    assert (subject.labels("fit") == small.train.labels[train.numpy()]).all()
    mu, log_var = subject.posterior("judged")
    with torch.no_grad():
        images = torch.from_numpy(small.test.pixels).float() / 255
        expected = subject.model.encode(images)
    np.testing.assert_allclose(mu, expected[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(log_var, expected[1].numpy(), atol=1e-5)


def test_on_validation_test_is_not_touched(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, small, trained, split="validation")
    train, val = split_indices(300, 0.1, 0)
    assert torch.equal(subject.pixels("judged"), torch.from_numpy(small.train.pixels)[val])
    assert (subject.labels("judged") == small.train.labels[val.numpy()]).all()
    assert len(subject.posterior("judged")[0]) == 30
    assert (subject.labels("fit") == small.train.labels[train.numpy()]).all()


def test_noise_is_the_same_for_every_seed(
    make_subject: Callable[..., Subject], small: Dataset, trained: FitResult
) -> None:
    settings = {"epochs": 2, "batch_size": 64, "learning_rate": 1e-3, "seed": 5}
    other = make_subject(TrialConfig.from_settings(settings), small, trained)
    again = make_subject(TrialConfig.from_settings(settings | {"seed": 0}), small, trained)
    assert torch.equal(other.prior(7), again.prior(7))
    assert torch.equal(other.generated(7), again.generated(9)[:7])
    sampled = other.representation("sample", "judged")
    assert (sampled == again.representation("sample", "judged")).all()
    mu, log_var = other.posterior("judged")
    assert abs(((sampled - mu) / np.exp(log_var / 2)).std() - 1) < 0.1


def test_projections_are_of_the_means(contrastive: Subject, subject: Subject) -> None:
    mu = torch.from_numpy(contrastive.posterior("judged")[0])
    with torch.no_grad():
        expected = contrastive.model.head(mu)  # type: ignore[operator]
    np.testing.assert_allclose(contrastive.representation("projection", "judged"), expected)
    with pytest.raises(EvaluationError, match="no projection head"):
        subject.representation("projection", "judged")


def test_latents_that_are_not_finite_are_named(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, small, trained)
    with torch.no_grad():
        next(iter(subject.model.decoder.parameters())).fill_(float("nan"))
        next(iter(subject.model.encoder.parameters())).fill_(float("nan"))
    with pytest.raises(EvaluationError, match="latent means of 60 of 60 images are not finite"):
        subject.posterior("judged")
    with pytest.raises(EvaluationError, match="decoded images are not finite"):
        subject.generated(3)


def test_what_is_computed_in_steps_is_then_at_hand(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, small, trained)
    for work in (subject.encoded("fit"), subject.encoded("judged"), subject.decoded(1500)):
        *shares, found = work
        assert shares and all(0 < share < 1 for share in shares if isinstance(share, float))
        assert not isinstance(found, float)
    assert next(iter(subject.encoded("fit"))) is subject.posterior("fit")
    assert torch.equal(next(iter(subject.decoded(1500))), subject.generated(1500))
    assert len(subject.generated(1500)) == 1500


def test_the_first_pixels_alone(subject: Subject) -> None:
    for which in ("fit", "judged"):
        assert torch.equal(subject.pixels(which, 7), subject.pixels(which)[:7])
