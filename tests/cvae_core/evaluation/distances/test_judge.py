from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances import judge as distances
from cvae_core.evaluation.distances.declaration import DistancesConfig
from cvae_core.evaluation.distances.frechet import frechet_distance, statistics
from cvae_core.evaluation.distances.judge import judge
from cvae_core.evaluation.distances.kernel_distance import kid
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult


@dataclass
class Pooled:
    """Mean brightness of each quarter of an image, and how many images were asked for."""

    scale: float = 1.0
    name: str = "digits-cnn"
    dims: int = 4
    batch: int = 32
    seen: int = 0

    @property
    def digest(self) -> str:
        return hashlib.sha256(str(self.scale).encode()).hexdigest()

    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        assert pixels.dtype == torch.uint8
        self.seen += len(pixels)
        pooled = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, 2).flatten(1)
        result: NDArray[np.float32] = (self.scale * pooled[:, :4]).numpy()
        return result


def judged(subject: Subject, extractor: Pooled, n: int = 10_000, **more: Any) -> Findings:
    """Of prior samples alone, unless ``more`` says otherwise."""
    settings = DistancesConfig(n, **{"sources": ("prior",), "manifold": False} | more)
    *shares, findings = judge(subject, extractor, settings, family="fd")
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert shares == sorted(shares)
    assert isinstance(findings, Findings)
    return findings


Make = Callable[..., Subject]


@pytest.fixture
def make(
    make_subject: Make, config: TrialConfig, small: Dataset, trained: FitResult, tmp_path: Path
) -> Make:
    def made(data: Dataset = small, **more: Any) -> Subject:
        settings = more.pop("settings", {})
        own = TrialConfig.from_settings(
            {"epochs": 2, "batch_size": 64, "learning_rate": 1e-3, **settings}
        )
        return make_subject(own, data, trained, **{"cache": tmp_path / "cache"} | more)

    return made


def test_it_is_of_generated_from_judged_images(make: Make, small: Dataset) -> None:
    findings = judged(make(), Pooled())
    generated = Pooled().features(make().generated(60))
    real = Pooled().features(torch.from_numpy(small.test.pixels))
    metrics = findings.metrics
    expected = frechet_distance(statistics(real), statistics(generated))
    assert metrics["fd/digits-cnn_n60"] == pytest.approx(expected, rel=1e-6)
    assert metrics["kid/digits-cnn_n60"] == pytest.approx(kid(generated, real), rel=1e-6)
    assert expected > 3 * metrics["fd/digits-cnn_n60_floor"] > 0
    assert expected > 3 * metrics["fd/digits-cnn_n60_floor_halves"] > 0
    assert set(metrics) == {
        f"{family}/digits-cnn_n60{kind}"
        for family in ("fd", "kid")
        for kind in ("", "_floor", "_floor_halves")
    } | {"kid/digits-cnn_n60_se"}
    assert (
        findings.facts["n"] == findings.facts["floor_n"] == findings.facts["floor_halves_n"] == 60
    )
    assert findings.facts["extractor_digest"] == Pooled().digest


def test_floors_are_of_the_training_part_alone(make: Make, small: Dataset) -> None:
    """Its images are made black, all others stay: a floor that sees another one is not zero."""
    train, _ = split_indices(300, 0.1, 0)
    pixels = small.train.pixels.copy()
    pixels[train.numpy()] = 0
    black = dataclasses.replace(small, train=Images(pixels, small.train.labels))
    metrics = judged(make(black), Pooled()).metrics
    assert metrics["fd/digits-cnn_n60_floor_halves"] == 0
    assert metrics["kid/digits-cnn_n60_floor_halves"] == pytest.approx(0, abs=1e-12)
    real = statistics(Pooled().features(torch.from_numpy(small.test.pixels)))
    nothing = statistics(np.zeros((60, 4), np.float32))
    expected = frechet_distance(real, nothing)
    assert metrics["fd/digits-cnn_n60_floor"] == pytest.approx(expected, rel=1e-6)


def test_halves_of_what_there_is(make: Make, small: Dataset) -> None:
    few = dataclasses.replace(small, train=Images(small.train.pixels[:81], small.train.labels[:81]))
    findings = judged(make(few), Pooled())
    assert findings.facts["floor_n"] == 60
    assert findings.facts["floor_halves_n"] == 36
    # Of one set with itself it would be zero but for rounding.
    assert findings.metrics["fd/digits-cnn_n36_floor_halves"] > 1e-4


def test_names_and_warnings_on_test(make: Make) -> None:
    lowered = judged(make(), Pooled()).warnings
    assert lowered == [
        "N is 60, not 10000: there are no more images. FD is biased at small N; compare only with "
        "the same N"
    ]
    wanted = judged(make(), Pooled(), 25)
    assert set(wanted.metrics) >= {"fd/digits-cnn_n25", "kid/digits-cnn_n25_floor"}
    assert wanted.facts["n"] == 25
    assert wanted.warnings == ["N is 25. FD is biased at small N; compare only with the same N"]


def test_names_on_validation(make: Make) -> None:
    subject = make(split="validation")
    whole = judged(subject, Pooled())
    assert "fd/digits-cnn" in whole.metrics
    assert whole.facts["n"] == 30
    assert whole.warnings == ["N is 30. FD is biased at small N; compare only with the same N"]
    fewer = judged(subject, Pooled(), 20)
    assert "fd/digits-cnn_n20" in fewer.metrics
    assert fewer.warnings == ["N is 20. FD is biased at small N; compare only with the same N"]


def test_on_validation_the_usual_number_is_what_the_default_fraction_holds_out(make: Make) -> None:
    larger = make(split="validation", settings={"data": {"validation_fraction": 0.2}})
    assert "fd/digits-cnn_n60" in judged(larger, Pooled()).metrics
    assert "fd/digits-cnn" in judged(larger, Pooled(), 30).metrics
    smaller = make(split="validation", settings={"data": {"validation_fraction": 0.05}})
    assert "fd/digits-cnn_n15" in judged(smaller, Pooled()).metrics


def test_no_warning_for_the_whole_of_a_large_validation_part(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "SMALL", 25)
    assert judged(make(split="validation"), Pooled()).warnings == []
    assert judged(make(split="validation"), Pooled(), 28).warnings == [
        "N is 28, not 30: fewer than the validation part has. FD is biased at small N; compare "
        "only with the same N"
    ]


def test_all_trials_share_the_real_side(
    make: Make, make_subject: Make, small: Dataset, tmp_path: Path
) -> None:
    extractor = Pooled()
    first = judged(make(), extractor)
    assert extractor.seen == 60 + 60 + 120
    config = TrialConfig.from_settings({"model": "cvae", "epochs": 1, "seed": 3})
    other = make_subject(config, small, fit(config, small), cache=tmp_path / "cache")
    second = judged(other, extractor)
    assert extractor.seen == 240 + 60
    for name, value in first.metrics.items():
        assert (second.metrics[name] == value) == ("floor" in name)
    assert judged(make(), extractor) == first


def test_the_real_side_is_found_by_what_it_depends_on(make: Make, small: Dataset) -> None:
    def new(subject: Subject, n: int = 40, scale: float = 1.0) -> bool:
        extractor = Pooled(scale)
        judged(subject, extractor, n)
        return extractor.seen > n

    assert new(make())
    assert not new(make())
    assert new(make(), 41)
    assert new(make(), scale=2.0)
    pixels = small.test.pixels.copy()
    pixels[0, 0, 0, 0] ^= 1
    assert new(make(dataclasses.replace(small, test=Images(pixels, small.test.labels))))
    assert new(make(), 30)
    assert new(make(split="validation"), 30)
    assert new(make(settings={"data": {"validation_fraction": 0.2}}))
    assert new(make(settings={"data": {"split_seed": 1}}))
    assert not new(make(settings={"seed": 5, "beta": 1e-5}))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_cache_is_computed_again(make: Make, tmp_path: Path, damage: str) -> None:
    expected = judged(make(), Pooled())
    (path,) = (tmp_path / "cache").iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
    path.write_bytes({"cut": content[:middle], "flipped": flipped, "empty": b""}[damage])
    extractor = Pooled()
    assert judged(make(), extractor) == expected
    assert extractor.seen == 60 + 60 + 120
    assert [p.read_bytes() for p in (tmp_path / "cache").iterdir()] == [content]


def test_a_cache_that_cannot_be_written_is_a_warning(make: Make, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    findings = judged(make(), Pooled())
    assert "fd/digits-cnn_n60" in findings.metrics
    assert "cannot be written" in findings.warnings[1]


def test_one_image_is_too_few(make: Make, small: Dataset) -> None:
    one = dataclasses.replace(small, test=Images(small.test.pixels[:1], small.test.labels[:1]))
    with pytest.raises(EvaluationError, match="1 image is too few"):
        judged(make(one), Pooled())


def test_features_that_are_not_finite(make: Make) -> None:
    with pytest.raises(EvaluationError, match="digits-cnn features of 60 of 60 images"):
        judged(make(), Pooled(float("nan")))
