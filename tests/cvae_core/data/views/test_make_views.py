from __future__ import annotations

import dataclasses
from types import ModuleType

import pytest
import torch
from torch.utils._pytree import tree_map_only

from cvae_core.augmentation import ViewsConfig
from cvae_core.config import TrialConfig
from cvae_core.data.views import make_views
from cvae_core.data.views.crop import resized_crop
from cvae_core.data.views.pipeline import apply_views, draw_numbers, joined, parameters_of
from cvae_core.data.views.rotation import rotate
from cvae_core.data.views.translation import translate
from cvae_core.errors import ConfigError
from tests.cvae_core.data.views.drawn import (
    draw_angles,
    draw_boxes,
    draw_chosen,
    draw_jitter,
    draw_shifts,
)

OFF = {"crop_scale": None, "rotation_degrees": 0.0, "translation": 0.0}
DEFAULT = ViewsConfig()
COLOUR = TrialConfig.from_settings({"data": {"name": "cifar10"}}).views
EVERYTHING = dataclasses.replace(
    COLOUR, jitter_probability=0.7, rotation_degrees=20.0, translation=0.1
)
JITTER_OFF = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
# One view each, but for the last of them.
COLOUR_OFF: dict[str, dict[str, object]] = {
    "crop": {"crop_scale": None},
    "flip": {"flip_probability": 0.0},
    "jitter": JITTER_OFF,
    "jitter by probability": {"jitter_probability": 0.0},
    "grayscale": {"grayscale_probability": 0.0},
    "rotation": {"rotation_degrees": 0.0},
    "translation": {"translation": 0.0},
    "contrast": {"contrast": 0.0},
}


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


def photos(count: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(count, channels, 32, 32, generator=torch.Generator().manual_seed(1))


def torchvisions(
    v2: ModuleType, batch: torch.Tensor, config: ViewsConfig, off: str, generator: torch.Generator
) -> torch.Tensor:
    """Image by image, with torchvision's functions and the parameters that we draw."""
    f, size, count = v2.functional, [32, 32], len(batch)
    interpolation = v2.InterpolationMode(config.interpolation)
    images = list(batch)
    if off != "crop":
        assert config.crop_scale is not None
        boxes = draw_boxes(count, (32, 32), config.crop_scale, config.crop_ratio, generator)
        for i, box in enumerate(zip(*(part.tolist() for part in boxes), strict=True)):
            images[i] = f.resized_crop(images[i], *box, size, interpolation)
    if off != "flip":
        for i in draw_chosen(count, config.flip_probability, generator).tolist():
            images[i] = f.horizontal_flip(images[i])
    if "jitter" not in off:
        adjust = (f.adjust_brightness, f.adjust_contrast, f.adjust_saturation, f.adjust_hue)
        chosen = range(count)
        if config.jitter_probability < 1:
            chosen = draw_chosen(count, config.jitter_probability, generator).tolist()
        contrast = 0.0 if off == "contrast" else config.contrast
        strengths = (config.brightness, contrast, config.saturation, config.hue)
        drawn = draw_jitter(len(chosen), strengths, generator)
        for i, steps in zip(chosen, zip(*(p.tolist() for p in drawn), strict=True), strict=True):
            for operation, amount in zip(*steps, strict=True):
                images[i] = adjust[operation](images[i], amount)
    if off != "grayscale":
        for i in draw_chosen(count, config.grayscale_probability, generator).tolist():
            images[i] = f.rgb_to_grayscale(images[i], 3)
    if config.rotation_degrees > 0 and off != "rotation":
        angles = draw_angles(count, config.rotation_degrees, generator).tolist()
        images = [f.rotate(x, a, interpolation) for x, a in zip(images, angles, strict=True)]
    if config.translation > 0 and off != "translation":
        shifts = draw_shifts(count, (32, 32), config.translation, generator).tolist()
        images = [
            f.affine(x, angle=0.0, translate=s, scale=1.0, shear=[0.0, 0.0])
            for x, s in zip(images, shifts, strict=True)
        ]
    return torch.stack(images)


def test_the_colour_preset_equals_torchvision(v2: ModuleType) -> None:
    batch, generators = photos(256), (seeded(), seeded())
    ours = make_views(batch, COLOUR, generators[0])
    theirs = torchvisions(v2, batch, COLOUR, "none of them", generators[1])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


@pytest.mark.parametrize("off", ["none of them", *COLOUR_OFF])
def test_all_views_in_their_order_equal_torchvision(v2: ModuleType, off: str) -> None:
    """And one that is off takes nothing from the generator, or the later ones would differ."""
    config = dataclasses.replace(EVERYTHING, **COLOUR_OFF.get(off, {}))
    batch, generators = photos(64), (seeded(), seeded())
    ours = make_views(batch, config, generators[0])
    theirs = torchvisions(v2, batch, EVERYTHING, off, generators[1])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


def test_colour_views_are_off_by_default_and_draw_nothing_then() -> None:
    generator = seeded()
    off = ViewsConfig(**OFF)
    assert torch.equal(make_views(photos(16), off, generator), photos(16))
    assert torch.equal(generator.get_state(), seeded().get_state())


def test_colour_views_give_each_image_its_own() -> None:
    """Each of them alone, on copies of one image."""
    copies = photos(1).repeat(256, 1, 1, 1)
    kinds = {"flip_probability": 2, "grayscale_probability": 2}
    kinds |= dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 256)
    for only, kind in kinds.items():
        config = ViewsConfig(**(OFF | {only: getattr(COLOUR, only)}))
        different = {view.numpy().tobytes() for view in make_views(copies, config, seeded())}
        assert len(different) == kind, only


def test_jitter_probability_is_the_share_that_is_jittered() -> None:
    config = ViewsConfig(**(OFF | {"brightness": 0.5, "jitter_probability": 0.3}))
    views = make_views(photos(1000), config, seeded())
    same = (views == photos(1000)).flatten(1).all(dim=1)
    assert 0.65 < same.float().mean() < 0.75


def test_colour_views_leave_their_input_alone_and_stay_in_its_range() -> None:
    batch = photos(64)
    for config in (COLOUR, EVERYTHING):
        views = make_views(batch, config, seeded())
        assert torch.equal(batch, photos(64))
        assert views.shape == batch.shape
        assert views.min() >= 0
        assert views.max() <= 1


def test_colour_views_come_from_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first = make_views(photos(32), EVERYTHING, seeded())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(make_views(photos(32), EVERYTHING, seeded()), first)


def test_grey_images_know_no_saturation_hue_and_grayscale() -> None:
    without = dataclasses.replace(EVERYTHING, saturation=0.0, hue=0.0, grayscale_probability=0.0)
    generators = (seeded(), seeded())
    grey = make_views(photos(16, 1), EVERYTHING, generators[0])
    assert torch.equal(grey, make_views(photos(16, 1), without, generators[1]))
    assert torch.equal(generators[0].get_state(), generators[1].get_state())
    assert grey.shape == (16, 1, 32, 32)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("name", ["saturation", "hue", "grayscale_probability"])
def test_colours_of_other_images_are_an_error(channels: int, name: str) -> None:
    config = ViewsConfig(**(OFF | {name: 0.2}))
    generator = seeded()
    with pytest.raises(ConfigError, match=f"views.{name}: .*these have {channels}"):
        make_views(photos(2, channels), config, generator)
    assert torch.equal(generator.get_state(), seeded().get_state())
    flipped = make_views(
        photos(2, channels), ViewsConfig(**(OFF | {"flip_probability": 1.0})), generator
    )
    assert torch.equal(flipped, photos(2, channels).flip(-1))


def test_run_where_the_images_are() -> None:
    """Parameters come from the CPU; "meta" refuses to calculate with both."""
    device = "cuda" if torch.cuda.is_available() else "meta"
    views = make_views(photos(16).to(device), EVERYTHING, seeded())
    assert views.device.type == device
    assert views.shape == (16, 3, 32, 32)


@pytest.mark.parametrize("config", [DEFAULT, COLOUR, EVERYTHING])
def test_views_of_several_batches_are_made_as_those_of_one(config: ViewsConfig) -> None:
    """Each with numbers from a generator of its own, to the last bit."""
    batches = [photos(count) for count in (16, 9, 16)]
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    expected = [make_views(b, config, g) for b, g in zip(batches, generators, strict=True)]
    again = [torch.Generator().manual_seed(seed) for seed in range(3)]
    numbers = joined([draw_numbers(len(b), config, g) for b, g in zip(batches, again, strict=True)])
    views = apply_views(torch.cat(batches), parameters_of(numbers, (32, 32), config), config)
    assert torch.equal(views, torch.cat(expected))


def test_parameters_may_be_where_the_images_are() -> None:
    """Then nothing is brought there while views are made; "meta" refuses to be read."""
    device = "cuda" if torch.cuda.is_available() else "meta"
    numbers = draw_numbers(16, EVERYTHING, seeded())
    parameters = tree_map_only(
        torch.Tensor, lambda tensor: tensor.to(device), parameters_of(numbers, (32, 32), EVERYTHING)
    )
    views = apply_views(photos(16).to(device), parameters, EVERYTHING)
    assert (views.device.type, views.shape) == (device, (16, 3, 32, 32))
