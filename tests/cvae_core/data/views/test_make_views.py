from __future__ import annotations

import dataclasses

import pytest
import torch

from cvae_core.config import ViewsConfig
from cvae_core.data.views import make_views
from cvae_core.data.views.crop import draw_boxes, resized_crop
from cvae_core.data.views.rotation import draw_angles, rotate
from cvae_core.data.views.translation import draw_shifts, translate

OFF = {"crop_scale": None, "rotation_degrees": 0.0, "translation": 0.0}
DEFAULT = ViewsConfig()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def images(count: int = 16) -> torch.Tensor:
    return torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0)).repeat(
        count, 1, 1, 1
    )


def by_hand(batch: torch.Tensor, off: str, generator: torch.Generator) -> torch.Tensor:
    """Crop, rotation, translation, in this order, but the one that is off."""
    count, size, c = len(batch), (28, 28), DEFAULT
    if off != "crop_scale":
        assert c.crop_scale is not None
        boxes = draw_boxes(count, size, c.crop_scale, c.crop_ratio, generator)
        batch = resized_crop(batch, boxes, c.interpolation)
    if off != "rotation_degrees":
        angles = draw_angles(count, c.rotation_degrees, generator)
        batch = rotate(batch, angles, c.interpolation)
    if off != "translation":
        batch = translate(batch, draw_shifts(count, size, c.translation, generator))
    return batch


@pytest.mark.parametrize("off", ["none of them", *OFF])
def test_each_view_can_be_switched_off(off: str) -> None:
    config = dataclasses.replace(DEFAULT, **{off: OFF[off]}) if off in OFF else DEFAULT
    ours = make_views(images(), config, seeded())
    assert torch.equal(ours, by_hand(images(), off, seeded()))


@pytest.mark.parametrize("only", OFF)
def test_each_view_alone_gives_each_image_parameters_of_its_own(only: str) -> None:
    config = ViewsConfig(**(OFF | {only: getattr(DEFAULT, only)}))
    views = make_views(images(16), config, seeded())
    different = {view.numpy().tobytes() for view in views}
    # Whole-pixel shifts and small crops repeat now and then.
    assert len(different) >= 10


def test_all_off_is_the_identity() -> None:
    assert torch.equal(make_views(images(), ViewsConfig(**OFF), seeded()), images())


def test_leave_their_input_alone_and_stay_in_its_range() -> None:
    batch = images(64)
    views = make_views(batch, DEFAULT, seeded())
    assert torch.equal(batch, images(64))
    assert views.shape == batch.shape
    assert views.min() >= 0
    assert views.max() <= 1


def test_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first = make_views(images(), DEFAULT, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    generator = seeded()
    assert torch.equal(make_views(images(), DEFAULT, generator), first)
    assert not torch.equal(make_views(images(), DEFAULT, generator), first)


def test_interpolation_is_a_setting() -> None:
    nearest = dataclasses.replace(DEFAULT, interpolation="nearest", translation=0.0)
    views = make_views(images(), nearest, seeded())
    values = torch.cat([images(1).flatten(), torch.zeros(1)])
    # Nearest neighbours invent no value; the crop's matrices of zeros and ones are exact.
    assert torch.isin(views, values).all()
    assert not torch.isin(make_views(images(), DEFAULT, seeded()), values).all()
