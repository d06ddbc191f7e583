from __future__ import annotations

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.models import build_model

SHAPE = (1, 28, 28)


def weights(seed: int = 0, **settings: object) -> dict[str, torch.Tensor]:
    config = TrialConfig.from_settings({"seed": seed, **settings})
    return build_model(config, SHAPE).state_dict()


@pytest.mark.parametrize("norm", ["none", "batch", "group"])
@pytest.mark.parametrize("seed", [0, 7])
def test_vae_and_cvae_of_one_seed_start_alike(seed: int, norm: str) -> None:
    vae = weights(seed, model="vae", architecture={"norm": norm})
    cvae = weights(seed, model="cvae", architecture={"norm": norm})
    assert list(vae) == [name for name in cvae if not name.startswith("head.")]
    assert all(torch.equal(tensor, cvae[name]) for name, tensor in vae.items())


def test_the_head_shifts_nothing_and_is_seeded_too() -> None:
    wide = weights(model="cvae", architecture={"projection": [64, 64, 5]})
    narrow = weights(model="cvae")
    assert all(torch.equal(t, wide[n]) for n, t in narrow.items() if not n.startswith("head."))
    again, other = weights(model="cvae"), weights(1, model="cvae")
    assert torch.equal(narrow["head.0.weight"], again["head.0.weight"])
    assert not torch.equal(narrow["head.0.weight"], other["head.0.weight"])


def test_different_seeds_differ_in_every_weight() -> None:
    first, second = weights(0), weights(1)
    assert not any(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_depend_on_the_seed_and_not_on_the_global_generator() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = weights(model="cvae")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = weights(model="cvae")
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
