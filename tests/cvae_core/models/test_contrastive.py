from __future__ import annotations

import torch
from torch import nn

from cvae_core.config import TrialConfig
from cvae_core.models import ContrastiveVAE, build_model
from cvae_core.models.contrastive import projection_head


def test_the_head_ends_without_an_activation() -> None:
    torch.manual_seed(0)
    head = projection_head(10, (8, 5))
    assert [type(layer) for layer in head] == [nn.Linear, nn.ReLU, nn.Linear]
    outputs = head(10 * torch.randn(200, 10))
    assert (outputs < 0).any(dim=0).all()
    assert (outputs > 0).any(dim=0).all()


def batch_norm_model() -> ContrastiveVAE:
    config = TrialConfig.from_settings({"model": "cvae", "architecture": {"norm": "batch"}})
    model = build_model(config, (1, 28, 28))
    assert isinstance(model, ContrastiveVAE)
    return model


def test_encoding_a_view_leaves_running_statistics_alone() -> None:
    model, images = batch_norm_model(), torch.rand(8, 1, 28, 28)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    view_mu, _ = model.encode_view(images)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    # In training a view is normalised by its own batch, as the original is; that one updates.
    mu, _ = model.encode(images)
    assert torch.equal(view_mu, mu)
    after = model.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {name for name in before if "encoder" in name and "running_" in name} | {
        name for name in before if "encoder" in name and "num_batches" in name
    }


def test_in_evaluation_a_view_is_normalised_by_the_running_statistics() -> None:
    model, images = batch_norm_model(), torch.rand(8, 1, 28, 28)
    model.encode(images)
    model.eval()
    assert torch.equal(model.encode_view(images)[0], model.encode(images)[0])
    torch.testing.assert_close(model.encode_view(images[:1])[0], model.encode(images)[0][:1])
