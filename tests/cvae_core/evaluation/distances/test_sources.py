"""Where distances come from: the same measures of images from other latents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import ConfigError, EvaluationError
from cvae_core.evaluation.distances.declaration import DistancesConfig, FidConfig
from cvae_core.evaluation.distances.decoder_share import decoder_share, mostly
from cvae_core.evaluation.distances.frechet import frechet_distance, statistics
from cvae_core.evaluation.distances.judge import judge
from cvae_core.evaluation.distances.kernel_distance import kid
from cvae_core.evaluation.distances.manifold import manifold
from cvae_core.evaluation.distances.sources import images_of
from cvae_core.evaluation.metrics import describe
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult


class Quarters:
    """Mean brightness of each quarter of an image."""

    name, dims, batch, digest = "digits-cnn", 4, 16, "00"

    def __init__(self) -> None:
        self.seen = 0

    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        self.seen += len(pixels)
        pooled = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, 2)
        features: NDArray[np.float32] = pooled.flatten(1).numpy()
        return features


Make = Callable[..., Subject]


@pytest.fixture
def make(
    make_subject: Make, config: TrialConfig, small: Dataset, trained: FitResult, tmp_path: Any
) -> Make:
    return lambda data=small, **more: make_subject(
        config, data, trained, **{"cache": tmp_path / "cache"} | more
    )


def judged(subject: Subject, extractor: Quarters | None = None, **settings: Any) -> Findings:
    work = judge(subject, extractor or Quarters(), DistancesConfig(**settings), family="fd")
    *shares, findings = work
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert shares == sorted(shares)
    assert isinstance(findings, Findings)
    return findings


def test_reconstructions_are_of_the_judged_images_that_are_compared(
    make: Make, small: Dataset
) -> None:
    """Computed here from the model itself, without what the part shares."""
    subject = make()
    found = judged(subject, n=50, detail_n=40).metrics
    from cvae_core.evaluation.distances.real_side import judged_order

    order = judged_order(subject, 40)
    pixels = torch.from_numpy(small.test.pixels)[order]
    with torch.no_grad():
        means = subject.model.encode(pixels.float() / 255)[0]
        decoded = (subject.model.decode(means) * 255).round().clamp(0, 255).to(torch.uint8)
    *_, images = images_of("reconstruction", subject, 40)
    assert isinstance(images, Tensor)
    # Batches of other sizes may round a pixel otherwise.
    assert (images == decoded).float().mean() > 0.999
    real, made = Quarters().features(pixels), Quarters().features(decoded)
    expected = frechet_distance(statistics(made), statistics(real))
    assert found["fd/digits-cnn_n40_reconstruction"] == pytest.approx(expected, rel=1e-3)
    assert found["kid/digits-cnn_n40_reconstruction"] == pytest.approx(kid(made, real), rel=1e-3)


def test_all_sources_are_measured_alike(make: Make) -> None:
    found = judged(make(), n=50, detail_n=40)
    sources = ("", "_reconstruction", "_gaussian", "_mixture")
    names = {f"{family}/digits-cnn_n40{source}" for family in ("fd", "kid") for source in sources}
    names |= {f"kid/digits-cnn_n40{source}_se" for source in sources}
    names |= {f"{kind}/digits-cnn_n40" for kind in ("precision", "recall", "density", "coverage")}
    names |= {"fd/digits-cnn_n40_floor", "kid/digits-cnn_n40_floor"}
    names |= {"fd/digits-cnn_n40_decoder_share"}
    assert {name for name in found.metrics if "_n40" in name} == names
    assert all(describe(name) is not None for name in found.metrics)
    of_40 = judged(make(), n=40, sources=("prior",), manifold=False).metrics
    shared = ("", "_floor")
    for name in (f"{family}/digits-cnn_n40{kind}" for family in ("fd", "kid") for kind in shared):
        assert found.metrics[name] == of_40[name], "as of a part of so many images"
    fd = [found.metrics[f"fd/digits-cnn_n40{source}"] for source in (*sources, "_floor")]
    prior, reconstruction, *_, floor = fd
    share = (reconstruction - floor) / (prior - floor)
    assert found.metrics["fd/digits-cnn_n40_decoder_share"] == pytest.approx(share)
    assert found.facts["distance"] == mostly(share)
    assert found.facts["detail_n"] == 40
    assert found.facts["latents_fitted"] == 270
    assert list(found.files) == ["fd_sources.png"]


def test_what_is_there_already_stays_to_the_last_bit(make: Make) -> None:
    alone = judged(make(), sources=("prior",), manifold=False)
    whole = judged(make())
    assert alone.metrics.items() <= whole.metrics.items()
    assert alone.facts.items() <= whole.facts.items()
    assert alone.files == {}


def test_features_are_computed_once(make: Make) -> None:
    extractor = Quarters()
    judged(make(), extractor, n=50, detail_n=40)
    real, prior, others = 50 + 2 * 50, 50, 3 * 40
    assert extractor.seen == real + prior + others
    judged(make(), extractor, n=50, detail_n=40)
    assert extractor.seen == real + 2 * (prior + others)


def test_balls_are_of_prior_samples(make: Make, small: Dataset) -> None:
    found = judged(make(), sources=("prior",)).metrics
    real = Quarters().features(torch.from_numpy(small.test.pixels))
    expected = manifold(real, Quarters().features(make().generated(60)))
    for name, value in expected.items():
        assert found[f"{name}/digits-cnn_n60"] == value


def test_few_images_have_no_balls(make: Make) -> None:
    found = judged(make(), n=5, sources=("prior",))
    assert "precision/digits-cnn_n5" not in found.metrics
    assert any("precision" in warning for warning in found.warnings)


def test_a_source_that_fails_leaves_the_others(make: Make, small: Dataset) -> None:
    few = Images(small.train.pixels[:9], small.train.labels[:9])
    found = judged(make(dataclasses.replace(small, train=few)), n=4)
    assert "fd/digits-cnn_n4_gaussian" in found.metrics
    assert "fd/digits-cnn_n4_mixture" not in found.metrics
    assert "no distance of mixture: a mixture of 10 takes 10 training images" in found.warnings
    subject = make()

    def broken(*_: Any) -> Any:
        raise EvaluationError("the latent means of 1 of 60 images are not finite")
        yield

    subject.encoded = broken  # type: ignore[method-assign]
    found = judged(subject)
    assert "fd/digits-cnn_n60" in found.metrics
    assert sum("not finite" in warning for warning in found.warnings) == 3
    assert "distance" not in found.facts


def test_every_trial_has_the_same_noise(make: Make) -> None:
    subject = make()
    *_, first = images_of("mixture", subject, 20)
    *_, again = images_of("mixture", make(), 20)
    *_, other = images_of("gaussian", subject, 20)
    assert isinstance(first, Tensor)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("prior", "reconstruction", "share"), [(11, 10, 0.9), (11, 2, 0.1), (11, 6, 0.5), (3, 5, 2.0)]
)
def test_the_decoders_share(prior: float, reconstruction: float, share: float) -> None:
    distances = {"prior": prior, "reconstruction": reconstruction, "floor": 1}
    assert decoder_share(distances) == share
    assert mostly(share) == ("mostly prior" if share < 0.5 else "mostly decoder")


def test_there_is_no_share_at_the_floor() -> None:
    assert decoder_share({"prior": 1, "reconstruction": 2, "floor": 1}) is None
    assert decoder_share({"prior": 2, "reconstruction": 2}) is None


def test_settings() -> None:
    with pytest.raises(ConfigError, match="sources must name prior"):
        DistancesConfig(sources=("mixture",))
    assert FidConfig().sources == ("prior",), "each one more takes minutes"
