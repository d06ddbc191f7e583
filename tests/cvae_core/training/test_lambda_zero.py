"""The control: with λ = 0 a contrastive VAE follows the VAE bit for bit.

Whatever a sweep then finds at λ > 0 is the contrastive term's doing, and not that of another
order of random numbers, another clipping or other running statistics.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.models import build_model
from cvae_core.training import training as training_module
from cvae_core.training.fit import FitResult
from cvae_core.training.gradients import clip_grad_norm

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
SHARED = ("loss", "reconstruction", "kl")
BITES_ALWAYS = 1e-3


@pytest.fixture
def norms(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Gradient norms before clipping, step by step, as the real function returns them."""
    seen: list[float] = []

    def clip_and_note(gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
        norm = clip_grad_norm(gradients, max_norm)
        seen.append(float(norm))
        return norm

    monkeypatch.setattr(training_module, "clip_grad_norm", clip_and_note)
    return seen


@pytest.fixture(scope="module")
def vaes() -> dict[TrialConfig, tuple[FitResult, list[float]]]:
    """What came of each VAE, and the norms."""
    return {}


NORMS, PAIRS = ("none", "batch", "group"), ("original+augmented", "two augmented")
CASES = [
    # Every two of norm, pairs and contrast meet, not every three.
    *((None, n, PAIRS[0], ("sample", "mean")[i % 2]) for i, n in enumerate(NORMS)),
    *((None, n, PAIRS[1], ("mean", "sample")[i % 2]) for i, n in enumerate(NORMS)),
    # A bound on the gradient does not ask how views are made, or what is contrasted.
    (BITES_ALWAYS, "none", "original+augmented", "sample"),
    (BITES_ALWAYS, "batch", "two augmented", "mean"),
    (BITES_ALWAYS, "group", "two augmented", "sample"),
]


@pytest.mark.parametrize(("clip_norm", "norm", "pairs", "contrast"), CASES)
def test_cvae_follows_the_vae(
    configure: Configure,
    small: Dataset,
    norms: list[float],
    vaes: dict[TrialConfig, tuple[FitResult, list[float]]],
    clip_norm: float | None,
    norm: str,
    pairs: str,
    contrast: str,
) -> None:
    shared = {"clip_norm": clip_norm, "architecture": {"norm": norm}, "epochs": 2}
    vae = configure(model="vae", **shared)
    cvae = configure(
        model="cvae", **shared, **{"lambda": 0.0}, contrast=contrast, views={"pairs": pairs}
    )
    if vae not in vaes:  # several are compared with each
        vaes[vae] = fit(vae, small), norms.copy()
        norms.clear()
    (left, norms_left), right = vaes[vae], fit(cvae, small)

    # All of the state: with batch norm, running statistics and their count as well.
    weights = right.model.state_dict()
    for name, tensor in left.model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    for ours, control in zip(left.history, right.history, strict=True):
        for split in ("train", "val"):
            for term in SHARED:
                assert ours["metrics"][f"{split}/{term}"] == control["metrics"][f"{split}/{term}"]
            assert 0 < control["metrics"][f"{split}/contrastive"] < 100
    start = build_model(vae, small.image_shape).state_dict()
    assert not any(torch.equal(t, start[n]) for n, t in left.model.named_parameters())

    steps = 2 * 5  # two epochs, of which the last batch is ragged
    for found in (norms_left, norms):
        assert len(found) == (0 if clip_norm is None else steps)
        if clip_norm == BITES_ALWAYS:
            assert min(found) > BITES_ALWAYS


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_with_another_lambda_it_does_not(configure: Configure, small: Dataset, norm: str) -> None:
    shared = {"architecture": {"norm": norm}, "epochs": 1}
    vae = fit(configure(model="vae", **shared), small).model
    cvae = fit(configure(model="cvae", **shared, **{"lambda": 1e-3}), small).model
    assert not torch.equal(vae.encoder.mu.weight, cvae.encoder.mu.weight)
