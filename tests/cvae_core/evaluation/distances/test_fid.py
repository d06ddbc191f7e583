"""FID from the weights' address to the metric, against pytorch-fid on files of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.sparse.linalg import eigsh
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.distances import inception_weights as weights_module
from cvae_core.evaluation.distances.declaration import FidConfig
from cvae_core.evaluation.distances.inception import Inception, load_inception
from cvae_core.evaluation.distances.inception_weights import pytorch_fid_inception
from cvae_core.evaluation.distances.real_side import _order
from cvae_core.evaluation.metrics import describe
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult

pytestmark = pytest.mark.slow

COUNT = 6


@pytest.fixture(scope="module")
def tiny(
    make_subject: Callable[..., Subject],
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Subject]:
    """As many training images, and one test image more."""
    cache = tmp_path_factory.mktemp("fid-cache")

    def images(of: Images, count: int) -> Images:
        return Images(of.pixels[:count], of.labels[:count])

    data = Dataset("digits", images(small.train, 8), images(small.test, COUNT + 1), small.classes)
    return lambda **more: make_subject(config, data, trained, **{"cache": cache} | more)


@pytest.fixture(scope="module")
def settings(inception_weights: Any) -> FidConfig:
    return FidConfig(n=COUNT, weights=str(inception_weights.path), sha256=inception_weights.sha256)


def judged(subject: Subject, settings: FidConfig) -> Findings:
    *shares, findings = measure("fid", subject, settings)
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert shares == sorted(shares)
    assert isinstance(findings, Findings)
    return findings


@pytest.fixture(scope="module")
def findings(tiny: Callable[..., Subject], settings: FidConfig) -> Findings:
    return judged(tiny(), settings)


def test_names_facts_and_warning(findings: Findings, inception_weights: Any) -> None:
    name = f"inception-{inception_weights.sha256[:8]}"
    halves = findings.facts["floor_halves_n"]
    kinds = [
        f"{family}/{name}_n{count}{floor}"
        for family in ("fid", "kid")
        for count, floor in ((COUNT, ""), (COUNT, "_floor"), (halves, "_floor_halves"))
    ]
    kinds.append(f"kid/{name}_n{COUNT}_se")
    kinds += [f"{kind}/{name}_n{COUNT}" for kind in ("precision", "recall", "density", "coverage")]
    assert sorted(findings.metrics) == sorted(kinds)
    for kind in kinds:
        assert describe(kind) is not None
    assert findings.facts["weights_sha256"] == inception_weights.sha256
    assert findings.facts["n"] == COUNT
    assert any("biased" in warning for warning in findings.warnings)


def test_the_distance_is_pytorch_fids(
    tiny: Callable[..., Subject],
    findings: Findings,
    inception_weights: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pytorch_fid import fid_score

    subject = tiny()
    fid = pytorch_fid_inception()
    weights = torch.load(inception_weights.path, weights_only=True)
    monkeypatch.setattr(fid, "load_state_dict_from_url", lambda *_, **__: weights)
    network = fid.InceptionV3()
    sides = [
        fid_score.calculate_activation_statistics(
            saved(pixels, tmp_path / name), network, batch_size=COUNT, num_workers=0
        )
        for name, pixels in (
            ("generated", subject.generated(COUNT)),
            ("real", subject.pixels("judged")[_order(COUNT + 1, "judged")[:COUNT]]),
        )
    ]
    (mean, covariance), (other_mean, other_covariance) = sides
    # The trace of the root of a product from its eigenvalues: pytorch-fid's own root, of rank 5
    # among 2,048, takes half a minute.
    root = factor(covariance)
    product = np.linalg.eigvals(root.T @ other_covariance @ root)
    expected = (
        np.sum((mean - other_mean) ** 2)
        + np.trace(covariance)
        + np.trace(other_covariance)
        - 2 * np.sqrt(product.real.clip(0)).sum()
    )
    (name,) = (name for name in findings.metrics if name.startswith("fid/") and "floor" not in name)
    assert findings.metrics[name] == pytest.approx(expected, rel=1e-4)


def factor(covariance: np.ndarray) -> np.ndarray:
    """F with F Fᵀ = covariance, of as many columns as there are images less one."""
    values, vectors = eigsh(covariance, k=COUNT - 1)
    found: np.ndarray = vectors * np.sqrt(values)
    return found


def saved(pixels: Tensor, folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, image in enumerate(pixels):
        paths.append(folder / f"{number}.png")
        Image.fromarray(image[0].numpy()).save(paths[-1])
    return paths


def test_from_an_address_it_is_the_same(
    small: Dataset,
    settings: FidConfig,
    serve: Callable[[Path], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = Path(str(settings.weights))
    address = serve(file.parent).address + file.name
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(pytorch_fid_inception(), "FID_WEIGHTS_URL", address)
    *_, own = load_inception(settings)
    *_, found = load_inception(dataclasses.replace(settings, weights=None))
    assert isinstance(own, Inception)
    assert isinstance(found, Inception)
    assert found is not own, "it was read anew"
    assert (found.name, found.digest) == (own.name, own.digest)
    pixels = torch.from_numpy(small.test.pixels[:2])
    assert np.array_equal(found.features(pixels), own.features(pixels))
    assert (tmp_path / "hub" / "checkpoints" / file.name).stat().st_size == file.stat().st_size


def test_without_weights_it_is_absent(
    tiny: Callable[..., Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(weights_module, "_failed", {})
    monkeypatch.setattr(pytorch_fid_inception(), "FID_WEIGHTS_URL", "http://127.0.0.1:9/a.pth")
    with pytest.raises(AbsentError, match=r"evaluation\.fid\.weights"):
        judged(tiny(), FidConfig())


def test_other_weights_are_refused(tiny: Callable[..., Subject], settings: FidConfig) -> None:
    with pytest.raises(EvaluationError, match="SHA-256"):
        judged(tiny(), FidConfig(weights=settings.weights))
