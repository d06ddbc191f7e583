from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import NonFiniteLossError

Configure = Callable[..., TrialConfig]


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_a_loss_that_overflows_names_epoch_and_step(
    configure: Configure, small: Dataset, model: str
) -> None:
    records: list[dict[str, object]] = []
    config = configure(model=model, learning_rate=1e4)
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, step 2 of 5: .*kl") as caught:
        fit(config, small, on_epoch=records.append)
    # A NaN is never reported as a result.
    assert records == []
    assert ("contrastive" in str(caught.value)) == (model == "cvae")


def test_a_later_epoch_is_named_by_its_own_number(configure: Configure, small: Dataset) -> None:
    config = configure(epochs=2)
    start = fit(configure(epochs=1), small).checkpoint
    broken = {name: torch.full_like(tensor, torch.nan) for name, tensor in start.model.items()}
    with pytest.raises(NonFiniteLossError, match="epoch 2, step 1 of 5"):
        fit(config, small, start=dataclasses.replace(start, model=broken))


def test_a_validation_loss_that_overflows_is_no_result_either(
    configure: Configure, small: Dataset
) -> None:
    records: list[dict[str, object]] = []
    # One step an epoch: its loss is finite, and its huge step makes validation overflow.
    config = configure(learning_rate=1e4, batch_size=512)
    with pytest.raises(NonFiniteLossError, match="validation loss is not finite after epoch 1"):
        fit(config, small, on_epoch=records.append)
    assert records == []
