from __future__ import annotations

from types import ModuleType

import torch

from cvae_core.data.views.grayscale import grayscale, luma


def test_equals_torchvision(v2: ModuleType, colours: torch.Tensor) -> None:
    chosen = list(range(0, len(colours), 3))
    ours = grayscale(colours, torch.tensor(chosen))
    for i, (result, image) in enumerate(zip(ours, colours, strict=True)):
        reference = v2.functional.rgb_to_grayscale(image, 3) if i in chosen else image
        torch.testing.assert_close(result, reference, rtol=0, atol=1e-6)


def test_gives_three_equal_channels_and_leaves_its_input_alone(colours: torch.Tensor) -> None:
    before = colours.clone()
    red, green, blue = grayscale(colours, torch.arange(len(colours))).unbind(1)
    assert torch.equal(red, green)
    assert torch.equal(red, blue)
    assert torch.equal(colours, before)


def test_luma_weighs_green_most() -> None:
    primaries = torch.eye(3).view(3, 3, 1, 1)
    assert torch.equal(luma(primaries).flatten(), torch.tensor([0.2989, 0.587, 0.114]))
