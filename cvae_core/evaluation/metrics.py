"""Every metric: those of training here, those of the evaluation where its parts are declared.

Tables, reports and ``docs/metrics.md`` take their words from here.
"""

from __future__ import annotations

from functools import cache

from cvae_core.evaluation.metric import PIXEL_SCALE, Metric
from cvae_core.evaluation.parts import PARTS

NT_XENT = ("tau", "batch_size", "contrast", "architecture.projection", "views")
"""Settings that change what the contrastive term measures."""
INPUTS = ("augment", "reconstruct")
"""Settings that change what images the terms of training are of."""
LOSS = ("model", "beta", "weights", "schedule.beta", "stages", *PIXEL_SCALE)
LOSS_CVAE = ("lambda", "schedule.lambda", *NT_XENT)
"""Settings that change what the sum of the terms measures."""

TRAINING = (
    Metric(
        "train/loss",
        "train loss",
        "reconstruction (times its weight) + β·KL, + λ·contrastive term for a CVAE, with the "
        "weights of each step; mean over the epoch's images",
        "lower",
        depends=(*LOSS, *INPUTS),
        depends_cvae=LOSS_CVAE,
        depends_augmented=("views",),
    ),
    Metric(
        "train/reconstruction",
        "train MSE",
        "squared error per pixel of decoded samples, in the model's range; mean over the images. "
        "Not there where the decoder is not trained",
        "lower",
        "squared pixel value",
        depends=(*INPUTS, *PIXEL_SCALE),
        depends_augmented=("views",),
    ),
    Metric(
        "train/kl",
        "train KL",
        "KL divergence of the posterior from the prior, summed over latent dimensions; mean over "
        "the images",
        None,
        "nats per image",
        "arXiv:1312.6114, appendix B",
        depends=("augment",),
        depends_augmented=("views",),
    ),
    Metric(
        "train/contrastive",
        "train NT-Xent",
        "NT-Xent of an image and its view; mean over the 2B anchors of a batch. It grows with "
        "log(2B - 1), so a ragged last batch sets training and validation slightly apart",
        "lower",
        "nats",
        "arXiv:2002.05709, equation 1",
        depends=("augment",),
        depends_cvae=(*NT_XENT, "stages"),
    ),
    Metric(
        "train/grad_norm",
        "gradient norm",
        "global L2 norm of the gradient of the whole loss before clipping; mean over the epoch's "
        "steps",
        None,
        depends=("model", "beta", *PIXEL_SCALE),
        depends_cvae=("lambda", *NT_XENT),
    ),
    Metric(
        "train/clipped",
        "clipped",
        "share of the epoch's steps whose gradient was scaled down to clip_norm. Where it differs "
        "between trials they differ in the size of their steps, too",
        None,
        "share of steps",
    ),
    Metric(
        "val/loss",
        "val loss",
        "train/loss on the validation part, with fixed noise, and in every epoch with the weights "
        "that the training ends with; of the originals, also with augment",
        "lower",
        depends=LOSS,
        depends_cvae=LOSS_CVAE,
    ),
    Metric(
        "val/reconstruction",
        "val MSE",
        "train/reconstruction on the validation part, with fixed noise; of the originals, also "
        "with augment",
        "lower",
        "squared pixel value",
        depends=PIXEL_SCALE,
    ),
    Metric(
        "val/reconstruction_of_mean",
        "MSE of the mean image",
        "squared error per pixel on the validation part, in the model's range, of the mean of the "
        "training images in the place of every reconstruction: the same at every epoch. A trial "
        "whose val/reconstruction is larger has learned less than that one image",
        None,
        "squared pixel value",
        depends=PIXEL_SCALE,
    ),
    Metric(
        "val/kl",
        "val KL",
        "train/kl on the validation part",
        None,
        "nats per image",
    ),
    Metric(
        "val/contrastive",
        "val NT-Xent",
        "train/contrastive on the validation part, with fixed views and noise",
        "lower",
        "nats",
        depends_cvae=(*NT_XENT, "stages"),
    ),
    Metric(
        "train/cross_entropy",
        "train cross-entropy",
        "of the classes that a linear classifier on the latent means predicts (the baseline "
        "supervised); mean over the epoch's images",
        "lower",
        "nats",
    ),
    Metric(
        "val/cross_entropy",
        "val cross-entropy",
        "train/cross_entropy on the validation part",
        "lower",
        "nats",
    ),
)
CHANGING = tuple(
    Metric(
        f"train/{name}",
        f"{word} then",
        f"{word} at the last step of the epoch, where a schedule or stages change it",
        None,
    )
    for name, word in (
        ("beta", "β"),
        ("lambda", "λ"),
        ("tau", "τ"),
        ("learning_rate", "learning rate"),
        ("weights_reconstruction", "weight of the reconstruction"),
    )
)
"""Settings that are recorded because they change."""
TIME = (
    Metric(
        "time/epoch_s",
        "epoch",
        "seconds of an epoch, validation included",
        "lower",
        "seconds",
    ),
    Metric(
        "time/images_per_s",
        "images/s",
        "training images a second, without validation",
        "higher",
    ),
)
METRICS = [
    *(*TRAINING, *CHANGING),
    *(metric for part in PARTS.values() for metric in part.metrics),
    *TIME,
]


@cache  # tables ask it of the same few names thousands of times
def describe(name: str) -> Metric | None:
    """What a metric is, also one measured on validation; None where it is not known."""
    metric = next((metric for metric in METRICS if metric.matches(name)), None)
    if metric is None and name.startswith("val/"):
        measured = name.removeprefix("val/")
        candidates = [measured.replace("_", "/", 1), f"test/{measured}"]
        metric = next((m for m in METRICS for c in candidates if m.matches(c)), None)
    return metric


def sign_of(name: str) -> int:
    """1 where a larger value of a metric is better, else -1; so of one that is not known."""
    metric = describe(name)
    return 1 if metric is not None and metric.better == "higher" else -1
