from __future__ import annotations

from types import ModuleType

import torch

from cvae_core.data.views.flip import flip


def test_equals_torchvision(v2: ModuleType, noise_image: torch.Tensor) -> None:
    chosen = [0, 3, 4]
    ours = flip(noise_image.expand(6, -1, -1, -1), torch.tensor(chosen))
    for i, result in enumerate(ours):
        reference = v2.functional.horizontal_flip(noise_image) if i in chosen else noise_image
        assert torch.equal(result, reference)


def test_swaps_left_and_right_and_leaves_its_input_alone() -> None:
    image = torch.tensor([[1.0, 2, 3], [4, 5, 6]]).view(1, 1, 2, 3)
    flipped = flip(image, torch.tensor([0]))
    assert flipped.flatten().tolist() == [3, 2, 1, 6, 5, 4]
    assert image.flatten().tolist() == [1, 2, 3, 4, 5, 6]
