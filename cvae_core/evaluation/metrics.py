"""Every metric: those of training here, those of the evaluation where its parts are declared.

Tables, reports and ``docs/metrics.md`` take their words from here.
"""

from __future__ import annotations

from cvae_core.evaluation.metric import PIXEL_SCALE, Metric
from cvae_core.evaluation.parts import PARTS

NT_XENT = ("tau", "batch_size", "contrast", "architecture.projection", "views")
"""Settings that change what the contrastive term measures."""

TRAINING = (
    Metric(
        "train/loss",
        "train loss",
        "reconstruction + β·KL, + λ·contrastive term for a CVAE; mean over the epoch's images",
        "lower",
        depends=("model", "beta", *PIXEL_SCALE),
        depends_cvae=("lambda", *NT_XENT),
    ),
    Metric(
        "train/reconstruction",
        "train MSE",
        "squared error per pixel of decoded samples, in the model's range; mean over the images",
        "lower",
        "squared pixel value",
        depends=PIXEL_SCALE,
    ),
    Metric(
        "train/kl",
        "train KL",
        "KL divergence of the posterior from the prior, summed over latent dimensions; mean over "
        "the images",
        None,
        "nats per image",
        "arXiv:1312.6114, appendix B",
    ),
    Metric(
        "train/contrastive",
        "train NT-Xent",
        "NT-Xent of an image and its view; mean over the 2B anchors of a batch. It grows with "
        "log(2B - 1), so a ragged last batch sets training and validation slightly apart",
        "lower",
        "nats",
        "arXiv:2002.05709, equation 1",
        depends_cvae=NT_XENT,
    ),
    Metric(
        "val/loss",
        "val loss",
        "train/loss on the validation part, with fixed noise",
        "lower",
        depends=("model", "beta", *PIXEL_SCALE),
        depends_cvae=("lambda", *NT_XENT),
    ),
    Metric(
        "val/reconstruction",
        "val MSE",
        "train/reconstruction on the validation part, with fixed noise",
        "lower",
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
        depends_cvae=NT_XENT,
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
METRICS = [*TRAINING, *(metric for part in PARTS.values() for metric in part.metrics), *TIME]


def describe(name: str) -> Metric | None:
    """What a metric is, also one measured on validation; None where it is not known."""
    metric = next((metric for metric in METRICS if metric.matches(name)), None)
    if metric is None and name.startswith("val/"):
        measured = name.removeprefix("val/")
        candidates = [measured.replace("_", "/", 1), f"test/{measured}"]
        metric = next((m for m in METRICS for c in candidates if m.matches(c)), None)
    return metric
