"""The metrics of the parts ``fd`` and ``fid``."""

from __future__ import annotations

from dataclasses import replace

from cvae_core.evaluation.metric import Metric

IN_TRAINING = "val/fd_<data>-cnn"
"""What ``fd`` measures of a model in training."""
EXTRACTOR = {"<extractor>": r"([A-Za-z0-9_-]+-cnn|inception(-[0-9a-f]{8})?(-bf16)?)(_n\d+)?"}
VARIANT = {"<variant>": r"(-[0-9a-f]{8})?(-bf16)?(_n\d+)?"}
EX_POST = "arXiv:1903.12436, section 4"
SHARE = "_decoder_share"
BESIDE = ("_se", "_reconstruction", "_gaussian", "_mixture", SHARE, "_floor")
"""What is shown beside a distance that somebody asks for."""


def _distance(name: str, title: str, definition: str, unit: str, source: str = "") -> Metric:
    places = {key: value for key, value in (EXTRACTOR | VARIANT).items() if key in name}
    return Metric(
        name, title, definition, "lower", unit, source, places=places, stand_in=IN_TRAINING
    )


def _of_sources(name: str, title: str, unit: str) -> tuple[Metric, ...]:
    """A distance of images whose latents do not come from the prior."""
    return (
        _distance(
            f"{name}_reconstruction",
            f"{title} reconstruction",
            f"{name} of the judged images' own reconstructions (decoded posterior means): what the "
            "decoder cannot do, whatever its latents. They are no fresh images, so that a decoder "
            "without any error would be below the floor",
            unit,
        ),
        _distance(
            f"{name}_gaussian",
            f"{title} Gaussian",
            f"{name} of images whose latents are drawn from a Gaussian with full covariance, "
            "fitted to the posterior means of 10,000 training images",
            unit,
            EX_POST,
        ),
        _distance(
            f"{name}_mixture",
            f"{title} mixture",
            f"{name} of images whose latents are drawn from a mixture of ten Gaussians with full "
            "covariances, fitted to the posterior means of 10,000 training images",
            unit,
            EX_POST,
        ),
    )


def _decoder_share(name: str, title: str) -> Metric:
    share = _distance(
        f"{name}{SHARE}",
        f"{title} decoder's share",
        "(R - F) / (P - F) of the distances P of prior samples, R of reconstructions and F of "
        "real images (the floor), all of one N: from 0.5 on the distance is mostly the decoder's, "
        "below mostly the prior's; none where prior samples are at the floor",
        "share of the distance above its floor",
    )
    return replace(share, better=None)


def _floors(name: str, title: str, unit: str) -> tuple[Metric, ...]:
    return (
        _distance(
            f"{name}_floor",
            f"{title} floor",
            "the same distance of N training images from the test images: about what another draw "
            "of real images scores (a classifier trained here has seen the training images)",
            unit,
        ),
        _distance(
            f"{name}_floor_halves",
            f"{title} floor",
            "the same distance between two disjoint sets of N training images",
            unit,
        ),
    )


def _error(name: str, of: str) -> Metric:
    error = _distance(
        name,
        "KID ±",
        f"standard error of {of}: of the U-statistic itself, first order, both sides taken as "
        "samples; √2 times too large where both have one distribution",
        "",
        "arXiv:1611.04488, section 2",
    )
    return replace(error, better=None)


def _manifold(name: str, title: str, definition: str, source: str) -> Metric:
    metric = _distance(f"{name}/<extractor>", title, definition, "", source)
    unit = "" if name == "density" else "share of images"
    return replace(metric, better="higher", unit=unit)


PRECISION = "arXiv:1904.06991"
DENSITY = "arXiv:2002.09797"
FD_METRICS = (
    _distance(
        "fd/<extractor>",
        "FD",
        "Fréchet distance of generated images from test images on the features of a classifier "
        "trained here on the data set's training split; N = 10,000, another N is in the name",
        "squared feature",
        "arXiv:1706.08500",
    ),
    *_of_sources("fd/<extractor>", "FD", "squared feature"),
    _decoder_share("fd/<extractor>", "FD"),
    *_floors("fd/<extractor>", "FD", "squared feature"),
    _distance(
        "kid/<extractor>",
        "KID",
        "unbiased squared MMD of generated and test images with the kernel (x·y/D + 1)³, over all "
        "N of each at once, on the features of fd/ or fid/",
        "",
        "arXiv:1801.01401",
    ),
    *_of_sources("kid/<extractor>", "KID", ""),
    *_floors("kid/<extractor>", "KID", ""),
    _error("kid/<extractor>_se", "kid/<extractor>"),
    _error("kid/<extractor>_reconstruction_se", "kid/<extractor>_reconstruction"),
    _error("kid/<extractor>_gaussian_se", "kid/<extractor>_gaussian"),
    _error("kid/<extractor>_mixture_se", "kid/<extractor>_mixture"),
    _manifold(
        "precision",
        "precision",
        "share of N prior samples that lie in the ball of a test image, which reaches to its 3rd "
        "nearest other one, on the features of fd/ or fid/",
        PRECISION,
    ),
    _manifold(
        "recall",
        "recall",
        "share of N test images that lie in the ball of a prior sample, which reaches to its 3rd "
        "nearest other one, on the features of fd/ or fid/",
        PRECISION,
    ),
    _manifold(
        "density",
        "density",
        "mean number of balls of test images (to the 5th nearest other one) that a prior sample "
        "lies in, over 5; it may be above 1",
        DENSITY,
    ),
    _manifold(
        "coverage",
        "coverage",
        "share of N test images whose ball (to the 5th nearest other one) has a prior sample in it",
        DENSITY,
    ),
    replace(
        _distance(
            "extractor/<extractor>_accuracy",
            "classifier",
            "test accuracy of the classifier whose features fd/ compares",
            "share of images",
        ),
        better="higher",
        stand_in="val/probe_accuracy",
    ),
)
FID_METRICS = (
    _distance(
        "fid/inception<variant>",
        "FID",
        "Fréchet distance on the 2,048 pooled features of pytorch-fid's Inception: both sides as "
        "8-bit images, grey repeated to RGB, resized to 299×299 (bilinear); N = 10,000, "
        "pytorch-fid's weights and float32; another N, file or precision (bf16) is in the name",
        "squared feature",
        "arXiv:1706.08500",
    ),
    *_of_sources("fid/inception<variant>", "FID", "squared feature"),
    _decoder_share("fid/inception<variant>", "FID"),
    *_floors("fid/inception<variant>", "FID", "squared feature"),
)
