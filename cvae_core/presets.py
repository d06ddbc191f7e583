"""What a data set changes in the declared defaults of a trial's settings."""

from __future__ import annotations

from typing import Any

from cvae_core.settings import merge

_COLOUR: dict[str, Any] = {
    # The declared defaults are the paper's MNIST shape; its CIFAR-10 shape differs by this.
    "batch_size": 256,
    "data": {"value_range": "symmetric"},
    "architecture": {
        "channels": [32, 64, 128, 256],
        "latent_dim": 128,
        "projection": [64, 32],
    },
    "views": {
        "crop_scale": [0.2, 1.0],
        "flip_probability": 0.5,
        "brightness": 0.4,
        "contrast": 0.4,
        "saturation": 0.4,
        "hue": 0.1,
        "grayscale_probability": 0.2,
        "rotation_degrees": 0.0,
        "translation": 0.0,
    },
}


PRESETS: dict[str, dict[str, Any]] = {
    "cifar10": _COLOUR,
    "folder": _COLOUR,
    # Mirrored, a house number is another one or none.
    "svhn": merge(_COLOUR, {"views": {"flip_probability": 0.0}}),
}
"""By data set what differs from the declared defaults."""
