"""Settings of views: how an image is augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvae_core.errors import ConfigError
from cvae_core.settings import Checked, setting


@dataclass(frozen=True)
class ViewsConfig(Checked):
    """How an image is augmented, for the contrastive term and where ``augment`` is true."""

    pairs: Literal["original+augmented", "two augmented"] = setting(
        "original+augmented",
        "what is contrasted (the paper's text: the first, its code: the second); with augment the "
        "first of the pair is the view that is encoded in place of the original",
        only="cvae",
    )
    crop_scale: tuple[float, float] | None = setting(
        (0.8, 1.0),
        "resized crop: range of the share of the area that is kept; null: no crop",
        gt=0,
        le=1,
    )
    crop_ratio: tuple[float, float] = setting(
        (3 / 4, 4 / 3), "resized crop: range of the aspect ratio", gt=0
    )
    rotation_degrees: float = setting(
        15.0, "rotation: largest angle to either side, in degrees; 0: none", ge=0, le=180
    )
    translation: float = setting(
        0.1, "translation: largest shift as a share of the side; 0: none", ge=0, le=1
    )
    interpolation: Literal["bilinear", "nearest"] = setting(
        "bilinear", "interpolation of crop and rotation"
    )
    flip_probability: float = setting(
        0.0, "horizontal flip: its probability", ge=0, le=1, added=True
    )
    brightness: float = setting(
        0.0, "colour jitter: factor in [1 - x, 1 + x]", ge=0, le=1, added=True
    )
    contrast: float = setting(
        0.0, "colour jitter: factor in [1 - x, 1 + x]", ge=0, le=1, added=True
    )
    saturation: float = setting(
        0.0, "colour jitter: factor in [1 - x, 1 + x]; RGB alone", ge=0, le=1, added=True
    )
    hue: float = setting(
        0.0,
        "colour jitter: shift in [-x, x] of the colour circle; RGB alone",
        ge=0,
        le=0.5,
        added=True,
    )
    jitter_probability: float = setting(
        1.0, "colour jitter: share of the images that get it", ge=0, le=1, added=True
    )
    grayscale_probability: float = setting(
        0.0, "grayscale: its probability; RGB alone", ge=0, le=1, added=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("crop_scale", "crop_ratio"):
            pair = getattr(self, name)
            if pair is not None and pair[0] > pair[1]:
                raise ConfigError(
                    f"{name} must be [smallest, largest], not {list(pair)}", ("views", name)
                )
