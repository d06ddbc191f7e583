"""Every metric: what it is, which way is better, its unit and its source.

Tables, reports and ``docs/metrics.md`` take their words from here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One metric, or a family of them whose names differ in ``<…>``."""

    name: str
    title: str
    """A few letters, for the head of a column."""
    definition: str
    better: Literal["higher", "lower"] | None
    """None where neither is."""
    unit: str = ""
    source: str = ""
    depends: tuple[str, ...] = ()
    """Settings and groups that change what it measures: where they differ, it compares nothing."""
    depends_cvae: tuple[str, ...] = ()
    """The same, of a contrastive VAE alone."""

    def changed_by(self, names: Iterable[str], *, contrastive: bool) -> list[str]:
        """Those of the settings (dotted names) that change what it measures.

        Args:
            names: of settings in which trials differ.
            contrastive: whether a contrastive VAE is among the trials.
        """
        depends = (*self.depends, *(self.depends_cvae if contrastive else ()))
        return [name for name in names if any(f"{name}.".startswith(f"{d}.") for d in depends)]

    def matches(self, name: str) -> bool:
        """Whether a metric's name is of this family."""
        return _pattern(self.name).fullmatch(name) is not None


_SCALE = ("data.value_range", "data.divisor")
_NT_XENT = ("tau", "batch_size", "contrast", "architecture.projection", "views")

METRICS = [
    Metric(
        "train/loss",
        "train loss",
        "reconstruction + β·KL, + λ·contrastive term for a CVAE; mean over the epoch's images",
        "lower",
        depends=("model", "beta", *_SCALE),
        depends_cvae=("lambda", *_NT_XENT),
    ),
    Metric(
        "train/reconstruction",
        "train MSE",
        "squared error per pixel of decoded samples, in the model's range; mean over the images",
        "lower",
        "squared pixel value",
        depends=_SCALE,
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
        depends_cvae=_NT_XENT,
    ),
    Metric(
        "val/loss",
        "val loss",
        "train/loss on the validation part, with fixed noise",
        "lower",
        depends=("model", "beta", *_SCALE),
        depends_cvae=("lambda", *_NT_XENT),
    ),
    Metric(
        "val/reconstruction",
        "val MSE",
        "train/reconstruction on the validation part, with fixed noise",
        "lower",
        "squared pixel value",
        depends=_SCALE,
    ),
    Metric("val/kl", "val KL", "train/kl on the validation part", None, "nats per image"),
    Metric(
        "val/contrastive",
        "val NT-Xent",
        "train/contrastive on the validation part, with fixed views and noise",
        "lower",
        "nats",
        depends_cvae=_NT_XENT,
    ),
    Metric(
        "val/probe_accuracy",
        "val probe",
        "logistic regression (C = 1, at its optimum) on latent means: fitted on 10,000 "
        "fixed training images, scored on validation",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy",
        "probe",
        "logistic regression (C = 1, at its optimum) on latent means: fitted on the "
        "training part, scored once on test",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy_<representation>",
        "probe",
        "probe/accuracy on samples of the posterior, or on projections of the means (CVAE)",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy_paper",
        "probe 80/20",
        "the paper's protocol: fitted on 80 % of the test latents, scored on the other 20 %",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy_paper_<representation>",
        "probe 80/20",
        "probe/accuracy_paper on samples of the posterior, or on projections (CVAE)",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/knn_accuracy<k><representation>",
        "k-NN",
        "vote of the k = 20 nearest training latents (Euclidean), of equal votes the smallest "
        "class; another k and another representation than the mean are in the name",
        "higher",
        "share of images",
    ),
    Metric(
        "test/reconstruction_mse",
        "test MSE",
        "squared error per pixel of decoded latent means, in the model's range; mean over test",
        "lower",
        "squared pixel value",
        depends=_SCALE,
    ),
    Metric(
        "test/elbo",
        "ELBO",
        "evidence lower bound with a Gaussian decoder on pixels in [0, 1], whose one variance is "
        "the mean squared error on the first 10,000 images of the training part, also where "
        "validation is judged; of decoded posterior samples with fixed noise, without β and λ; "
        "mean over test",
        "higher",
        "nats per image",
        "arXiv:2006.13202, section 3",
    ),
    Metric(
        "latent/kl",
        "KL",
        "KL divergence of the posterior from the prior, summed over dimensions; mean over test",
        None,
        "nats per image",
        "arXiv:1312.6114, appendix B",
    ),
    Metric(
        "latent/active_units",
        "active units",
        "latent dimensions whose mean has a variance above 0.01 over the test images",
        None,
        "dimensions",
        "arXiv:1509.00519, section 5.2",
    ),
    Metric(
        "latent/active_units_<threshold>",
        "active units",
        "latent/active_units with another threshold",
        None,
        "dimensions",
    ),
    Metric(
        "projection/alignment",
        "alignment",
        "squared distance of the normalised projections of an image's mean and its view's; mean "
        "over test (CVAE). Views have fixed parameters, but are made by the trial's own settings: "
        "to be compared between trials of equal views alone",
        "lower",
        "",
        "arXiv:2005.10242, equation 7",
        depends_cvae=("views",),
    ),
    Metric(
        "projection/uniformity",
        "uniformity",
        "log of the mean of exp(-2 d²) over all pairs of normalised projections of test images "
        "(CVAE)",
        "lower",
        "",
        "arXiv:2005.10242, equation 8",
    ),
    Metric(
        "umap/trustworthiness<count><map>",
        "trustworthiness",
        "how far neighbours on the map (k = 15) are neighbours among the latents, in [0, 1]; over "
        "all test images up to 10,000, another N and other settings of the map are in the name",
        "higher",
        "",
        "Venna and Kaski, ICANN 2001",
    ),
    Metric(
        "umap/shared_trustworthiness",
        "trustworthiness",
        "umap/trustworthiness of the map that all trials share, over their aligned latents",
        "higher",
        "",
        "Venna and Kaski, ICANN 2001",
    ),
    Metric(
        "fd/<extractor>",
        "FD",
        "Fréchet distance of generated images from test images on the features of a classifier "
        "trained here on the data set's training split; N = 10,000, another N is in the name",
        "lower",
        "squared feature",
        "arXiv:1706.08500",
    ),
    Metric(
        "fd/<extractor>_floor",
        "FD floor",
        "the same distance of N training images from the test images: about what another draw "
        "of real images scores (the classifier has seen the training images)",
        "lower",
        "squared feature",
    ),
    Metric(
        "fd/<extractor>_floor_halves",
        "FD floor",
        "the same distance between two disjoint sets of N training images",
        "lower",
        "squared feature",
    ),
    Metric(
        "kid/<extractor>",
        "KID",
        "unbiased squared MMD of generated and test images with the kernel (x·y/D + 1)³, over all "
        "N of each at once, on the features of fd/ or fid/",
        "lower",
        "",
        "arXiv:1801.01401",
    ),
    Metric(
        "kid/<extractor>_floor",
        "KID floor",
        "KID of N training images against the test images",
        "lower",
    ),
    Metric(
        "kid/<extractor>_floor_halves",
        "KID floor",
        "KID between two disjoint sets of N training images",
        "lower",
    ),
    Metric(
        "fid/inception<variant>",
        "FID",
        "Fréchet distance on the 2,048 pooled features of pytorch-fid's Inception: both sides as "
        "8-bit images, grey repeated to RGB, resized to 299×299 (bilinear); N = 10,000 and "
        "pytorch-fid's weights, another N or file is in the name",
        "lower",
        "squared feature",
        "arXiv:1706.08500",
    ),
    Metric(
        "fid/inception<variant>_floor",
        "FID floor",
        "FID of N training images against the test images",
        "lower",
        "squared feature",
    ),
    Metric(
        "fid/inception<variant>_floor_halves",
        "FID floor",
        "FID between two disjoint sets of N training images",
        "lower",
        "squared feature",
    ),
    Metric(
        "extractor/<extractor>_accuracy",
        "classifier",
        "test accuracy of the classifier whose features fd/ compares",
        "higher",
        "share of images",
    ),
    Metric("time/epoch_s", "epoch", "seconds of an epoch, validation included", "lower", "seconds"),
    Metric(
        "time/images_per_s", "images/s", "training images a second, without validation", "higher"
    ),
]

_PLACES = {
    "<extractor>": r"([A-Za-z0-9_-]+-cnn|inception(-[0-9a-f]{8})?)(_n\d+)?",
    "<variant>": r"(-[0-9a-f]{8})?(_n\d+)?",
    "<representation>": "(sample|projection)",
    "<threshold>": r"[0-9.e-]+",
    "<k>": r"(_k\d+)?",
    "<count>": r"(_n\d+)?",
    "<map>": r"(_k\d+)?(_d[0-9.e-]+)?",
}


@cache
def _pattern(name: str) -> re.Pattern[str]:
    pattern = re.escape(name)
    for place, expression in _PLACES.items():
        if place == "<representation>" and f"<k>{place}" in name:
            expression = "(_sample|_projection)?"
        pattern = pattern.replace(re.escape(place), expression)
    return re.compile(pattern)


def describe(name: str) -> Metric | None:
    """What a metric is, also one measured on validation; None where it is not known."""
    found = next((metric for metric in METRICS if metric.matches(name)), None)
    if found is None and name.startswith("val/"):
        measured = name.removeprefix("val/")
        candidates = [measured.replace("_", "/", 1), f"test/{measured}"]
        found = next((m for m in METRICS for c in candidates if m.matches(c)), None)
    return found


def on_validation(name: str) -> str:
    """The name that a metric of test has where it is measured on validation.

    ``fd/mnist-cnn`` becomes ``val/fd_mnist-cnn``, ``test/elbo`` becomes ``val/elbo``.
    """
    group, _, rest = name.partition("/")
    return f"val/{rest}" if group == "test" else f"val/{group}_{rest}"


def variant(name: str, count: int, usual: int = 10_000) -> str:
    """The name of a metric of N images: as it is where N is the usual one, else with N in it."""
    return name if count == usual else f"{name}_n{count}"
