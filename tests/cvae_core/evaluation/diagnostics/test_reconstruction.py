from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.diagnostics import reconstruction
from cvae_core.evaluation.diagnostics.reconstruction import reconstruction_mse
from cvae_core.models import build_model


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_reconstruction_equals_a_loop_over_images(
    small: Dataset, value_range: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range}})
    model = build_model(config, small.image_shape)
    monkeypatch.setattr(reconstruction, "BATCH", 16)  # the last of 60 is ragged
    ours = reconstruction_mse(model, torch.from_numpy(small.test.pixels), config)

    total = 0.0
    for pixels in small.test.pixels:
        image = pixels.astype(np.float64) / 255
        if value_range == "symmetric":
            image = 2 * image - 1
        with torch.no_grad():
            mu, _ = model.encode(torch.from_numpy(image)[None].float())
            decoded = model.decode(mu)[0].numpy().astype(np.float64)
        total += ((decoded - image) ** 2).mean()
    assert ours == pytest.approx(total / 60, rel=1e-5)
