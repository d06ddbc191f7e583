from __future__ import annotations

from types import ModuleType

import pytest
import torch

from cvae_core.data.views.crop import Boxes, resized_crop
from tests.cvae_core.data.views.drawn import draw_boxes


def some_boxes(height: int, width: int) -> Boxes:
    """The whole image, crops at each corner and border, single pixels, and many drawn at random."""
    h, w = height - 5, width - 7
    fixed = [
        (0, 0, height, width),
        (0, 0, h, w),
        (0, 7, h, w),
        (5, 0, h, w),
        (5, 7, h, w),
        (0, 3, h, w),
        (2, 0, h, w),
        (5, 3, h, w),
        (2, 7, h, w),
        (0, 0, 1, 1),
        (height - 1, width - 1, 1, 1),
        (3, 0, 1, width),
        (0, 4, height, 1),
    ]
    drawn = draw_boxes(
        150, (height, width), (0.05, 1.0), (0.5, 2.0), torch.Generator().manual_seed(0)
    )
    return Boxes(
        *(
            torch.cat([torch.tensor(f), d])
            for f, d in zip(zip(*fixed, strict=True), drawn, strict=True)
        )
    )


def test_equals_torchvision(v2: ModuleType, noise_image: torch.Tensor, interpolation: str) -> None:
    size = list(noise_image.shape[-2:])
    boxes = some_boxes(*size)
    ours = resized_crop(noise_image.expand(len(boxes.top), -1, -1, -1), boxes, interpolation)
    for result, *box in zip(ours, *(part.tolist() for part in boxes), strict=True):
        reference = v2.functional.resized_crop(
            noise_image, *box, size, v2.InterpolationMode(interpolation)
        )
        torch.testing.assert_close(result, reference, rtol=0, atol=1e-5, msg=str(box))


def test_of_the_whole_image_is_the_image(noise_image: torch.Tensor, interpolation: str) -> None:
    height, width = noise_image.shape[-2:]
    whole = Boxes(*(torch.tensor([value]) for value in (0, 0, height, width)))
    assert torch.equal(resized_crop(noise_image[None], whole, interpolation)[0], noise_image)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (0, 6), (6, 0), (6, 6), (3, 2)])
def test_sees_nothing_beyond_its_own_border(top: int, left: int, interpolation: str) -> None:
    image = torch.ones(1, 1, 28, 28)
    image[..., top : top + 22, left : left + 22] = 0
    box = Boxes(*(torch.tensor([value]) for value in (top, left, 22, 22)))
    assert torch.equal(resized_crop(image, box, interpolation), torch.zeros(1, 1, 28, 28))
