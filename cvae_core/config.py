"""Typed, frozen settings of one trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cvae_core.augmentation import ViewsConfig
from cvae_core.baselines import BASELINES
from cvae_core.errors import ConfigError
from cvae_core.presets import PRESETS
from cvae_core.schedule import ScheduleConfig
from cvae_core.schedule_checks import check_course, rests_at_zero
from cvae_core.settings import Checked, ModelName, build, chosen, group, merge, plain, setting
from cvae_core.stages import StageConfig

NUMERICS = 3
"""Raised whenever a change of this project's arithmetic changes results for equal settings."""


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
                raise ConfigError(
                    "must be a hash, of digits and letters alone", ("data", "content")
                )
            return
        for declared in dataclasses.fields(self):
            own = declared.metadata["doc"].startswith("folder:")
            if own and getattr(self, declared.name) != declared.default:
                raise ConfigError("belongs to data: {name: folder} alone", ("data", declared.name))

    @property
    def dataset(self) -> str:
        """Tells the data sets of a sweep apart: two of one name are the same images."""
        if self.name != "folder":
            return self.name
        return f"folder-{(self.content or '')[:12]}-{self.image_size}-{self.colour}"

    @property
    def output(self) -> Literal["sigmoid", "tanh"]:  # of the same range as the images
        return "sigmoid" if self.value_range == "unit" else "tanh"


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
    kernel: Literal[3, 4, 5] = setting(
        4,
        "side of the convolutions' kernels; those that keep a map's size have an odd one: 3 for 4",
        added=True,
    )
    blocks: Literal["conv", "residual"] = setting(
        "conv",
        "residual: each convolution of the encoder is followed by a residual block of two 3×3 "
        "convolutions, and the decoder mirrors it",
        added=True,
    )
    output: Literal["auto", "sigmoid", "tanh"] = setting(
        "auto",
        "the decoder's last activation; auto: a sigmoid for [0, 1], tanh for [-1, 1] (the paper's "
        "released code: tanh in its VAEs, a sigmoid in its CVAEs, whatever the range)",
        added=True,
    )
    decoder_input: Literal["relu", "linear"] = setting(
        "relu",
        "activation of the decoder's first layer; linear: none (the paper's text names none, and "
        "its released code has none)",
        added=True,
    )


@dataclass(frozen=True)
class WeightsConfig(Checked):
    """Weights of the objective's terms besides β and λ."""

    reconstruction: float = setting(
        1.0,
        "weight of the reconstruction error; 0: the decoder is neither run nor trained, and "
        "nothing that needs it is measured (a CVAE with beta 0 is then SimCLR alone)",
        ge=0,
        added=True,
    )


@dataclass(frozen=True)
class SelectionConfig(Checked):
    """Early stopping and the choice of the epoch that is evaluated, on validation."""

    metric: str = setting(
        "val/loss",
        "what early stopping and best-epoch selection look at: `val/loss`, `val/reconstruction`, "
        "or, as often as `probe_every` or `fd_every` says, `val/probe_accuracy` or "
        "`val/fd_<data>-cnn`",
    )
    epoch: Literal["last", "best"] = setting("last", "which epoch's weights are evaluated")
    patience: int = setting(
        0,
        "stop after this many epochs in a row without improvement, of those that the metric is "
        "measured after by itself, and not for a scheduler; 0: never",
        ge=0,
    )
    min_delta: float = setting(0.0, "an improvement is a change by more than this", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.metric.startswith("val/"):
            raise ConfigError(
                f"must be one of validation, not {self.metric!r}", ("selection", "metric")
            )


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
    precision: Literal["float32", "bfloat16"] = setting(
        "float32",
        "numbers in which the model computes in training; weights, losses and all that is measured "
        "afterwards are float32 in any case (`docs/performance.md` says where bfloat16 is faster)",
        added=True,
    )
    packed: bool = setting(
        False,
        "set by `resources: {pack: …}` and by nothing else: the trial is trained at once with "
        "others, which rounds in another order (`docs/performance.md`)",
        added=True,
    )
    contrast: Literal["sample", "mean"] = setting(
        "sample", "what enters the projection head: a sampled latent or its mean", only="cvae"
    )
    data: DataConfig = group(DataConfig(), "data set, split and scaling")
    architecture: ArchitectureConfig = group(
        ArchitectureConfig(), "encoder, decoder and projection head"
    )
    views: ViewsConfig = group(ViewsConfig(), "augmentations", only="cvae", also={"augment": True})
    selection: SelectionConfig = group(SelectionConfig(), "early stopping and best-epoch selection")
    augment: bool = setting(
        False,
        "true: in training, an augmented view of each image is encoded in its place; validation "
        "and evaluation are of the originals in any case",
        added=True,
    )
    reconstruct: Literal["original", "view"] = setting(
        "original",
        "what the decoder's output is compared with: the image as it is, or the view of it that "
        "was encoded",
        also={"augment": True},
        added=True,
    )
    weights: WeightsConfig = group(WeightsConfig(), "weights of terms but β and λ", added=True)
    schedule: ScheduleConfig = group(
        ScheduleConfig(), "factors on settings that change while it trains", added=True
    )
    stages: tuple[StageConfig, ...] = setting(
        (),
        "stages of the training, one after the other (`docs/arms.md`); none: it is one",
        added=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_course(self)

    @property
    def decodes(self) -> bool:
        """Whether the decoder is trained to the end; else its images mean nothing.

        A decoder of an earlier stage alone knows nothing of what became of the latents since.
        """
        last = self.stages[-1].weights.reconstruction if self.stages else None
        return bool(self.weights.reconstruction if last is None else last)

    @property
    def contrasts(self) -> bool:
        """Whether the projection head is trained to the end; else projections mean nothing.

        A head of an earlier stage alone knows nothing of what became of the latents since.
        """
        if self.model != "cvae":
            return False
        last = self.stages[-1].lambda_ if self.stages else None
        weight = self.lambda_ if last is None else last
        return bool(weight) and not rests_at_zero(self, self.schedule.lambda_)

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
