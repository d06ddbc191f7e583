"""Typed, frozen settings of one trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cvae_core.errors import ConfigError
from cvae_core.settings import Checked, ModelName, build, chosen, group, merge, plain, setting

NUMERICS = 2
"""Raised whenever a change of this project's arithmetic changes results for equal settings."""


@dataclass(frozen=True)
class Baseline:
    """A model that others are measured against, and that has no settings of its own to tune."""

    settings: tuple[str, ...]
    """All that it depends on: settings and groups, with dots."""
    epochs: int = 1
    """How long it is trained, whatever ``epochs`` says."""
    decodes: bool = False
    """Whether it makes images of latents."""


BASELINES: dict[str, Baseline] = {
    "pca": Baseline(("data", "architecture.latent_dim"), decodes=True),
    "pixels": Baseline(("data",)),
    "untrained": Baseline(("data", "architecture", "seed")),
    "supervised": Baseline(("data", "architecture", "seed", "batch_size"), epochs=5),
}
"""In the order in which they stand below the models that are compared."""


@dataclass(frozen=True)
class DataConfig(Checked):
    """Which images, how they are split and scaled."""

    name: Literal["digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "svhn", "folder"] = (
        setting("digits", "data set; folder: images of your own")
    )
    validation_fraction: float = setting(
        0.1, "share of the training images that is held out for validation", gt=0, lt=1
    )
    split_seed: int = setting(
        0, "seed of the train/validation split, the same for every trial seed", ge=0
    )
    divisor: Literal[255, 256] = setting(
        255, "pixels are divided by this (the paper's text says 256, its code 255)"
    )
    value_range: Literal["unit", "symmetric"] = setting(
        "unit", "range of a scaled image: [0, 1] with a sigmoid output, or [-1, 1] with tanh"
    )
    path: str | None = setting(
        None,
        "folder: where train/CLASS/… and test/CLASS/… lie, below --data-root or the working "
        "directory; null: there itself",
        added=True,
        identity=False,
    )
    image_size: int = setting(
        32, "folder: images are scaled and cut to squares of so many pixels", ge=4, added=True
    )
    colour: Literal["auto", "grey", "rgb"] = setting(
        "auto", "folder: channels; auto: grey where every image is", added=True
    )
    content: str | None = setting(
        None,
        "folder: hash of the files, filled in by cvae-sweep; where given, others are refused",
        added=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name == "folder":
            if not (self.content or "0").isalnum():  # names of files are made of it
                raise ConfigError("data.content must be a hash, of digits and letters alone")
            return
        for declared in dataclasses.fields(self):
            own = declared.metadata["doc"].startswith("folder:")
            if own and getattr(self, declared.name) != declared.default:
                raise ConfigError(f"data.{declared.name} belongs to data: {{name: folder}} alone")

    @property
    def dataset(self) -> str:
        """Tells the data sets of a sweep apart: two of one name are the same images."""
        if self.name != "folder":
            return self.name
        return f"folder-{(self.content or '')[:12]}-{self.image_size}-{self.colour}"


@dataclass(frozen=True)
class ArchitectureConfig(Checked):
    """Shape of encoder, decoder and projection head."""

    channels: tuple[int, ...] = setting(
        (8, 16, 32), "output channels of the encoder's convolutions; the decoder mirrors them", ge=1
    )
    latent_dim: int = setting(10, "latent dimensions", ge=1)
    norm: Literal["none", "batch", "group"] = setting(
        "none", "normalisation after each convolution but the last of the decoder"
    )
    projection: tuple[int, ...] = setting(
        (8, 5), "widths of the projection head, hidden layers first", ge=1, only="cvae"
    )


@dataclass(frozen=True)
class ViewsConfig(Checked):
    """How the second view of an image is made for the contrastive term."""

    pairs: Literal["original+augmented", "two augmented"] = setting(
        "original+augmented",
        "what is contrasted (the paper's text: the first, its code: the second)",
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
                raise ConfigError(f"{name} must be [smallest, largest], not {list(pair)}")


@dataclass(frozen=True)
class SelectionConfig(Checked):
    """Early stopping and the choice of the epoch that is evaluated, on validation."""

    metric: Literal["val/loss", "val/reconstruction"] = setting(
        "val/loss", "what early stopping and best-epoch selection look at; smaller is better"
    )
    epoch: Literal["last", "best"] = setting("last", "which epoch's weights are evaluated")
    patience: int = setting(
        0, "stop after this many epochs in a row without improvement; 0: never", ge=0
    )
    min_delta: float = setting(0.0, "an improvement is a decrease by more than this", ge=0)


@dataclass(frozen=True)
class TrialConfig(Checked):
    """Everything that decides what a trial computes. Paths and resources are not in it."""

    model: ModelName = setting(
        "vae",
        "vae, or cvae: the same with a contrastive term; or a baseline (`docs/arms.md`): pca, "
        "pixels, untrained, supervised",
    )
    beta: float = setting(1e-3, "β, the weight of the KL divergence", ge=0)
    lambda_: float = setting(
        0.1, "λ, the weight of the contrastive term", ge=0, only="cvae", name="lambda"
    )
    tau: float = setting(0.5, "τ, the temperature of NT-Xent", gt=0, only="cvae")
    epochs: int = setting(20, "passes over the training images", ge=1)
    seed: int = setting(0, "seed of weights, batches, noise and views", ge=0, lt=2**63)
    batch_size: int = setting(128, "images per training step; the last batch may be smaller", ge=2)
    learning_rate: float = setting(1e-4, "Adam's learning rate", gt=0)
    clip_norm: float | None = setting(1.0, "largest global gradient norm; null: no clipping", gt=0)
    contrast: Literal["sample", "mean"] = setting(
        "sample", "what enters the projection head: a sampled latent or its mean", only="cvae"
    )
    data: DataConfig = group(DataConfig(), "data set, split and scaling")
    architecture: ArchitectureConfig = group(
        ArchitectureConfig(), "encoder, decoder and projection head"
    )
    views: ViewsConfig = group(ViewsConfig(), "augmentations", only="cvae")
    selection: SelectionConfig = group(SelectionConfig(), "early stopping and best-epoch selection")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> TrialConfig:
        """Build from nested plain values, on top of the data set's preset.

        Raises:
            ConfigError: an unknown setting, or a value outside its limits.
        """
        data = settings.get("data", {})
        name = data.get("name", DataConfig().name) if isinstance(data, Mapping) else data
        preset = PRESETS.get(str(name), {})
        model = settings.get("model")
        if model in BASELINES:
            # What it does not depend on is at its default, so that equal ones are equal, and is
            # not looked at: a stage may train nothing of a model that has none.
            baseline = BASELINES[model]
            own = chosen(settings, baseline.settings)
            settings = own | {"model": model, "epochs": baseline.epochs}
        return build(cls, merge(preset, settings))

    def to_settings(self) -> dict[str, Any]:
        """Nested plain values under the names that files use; tuples become lists."""
        settings: dict[str, Any] = plain(self)
        return settings


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
"""What a data set changes in the declared defaults."""
