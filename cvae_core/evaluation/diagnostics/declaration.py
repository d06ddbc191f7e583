"""Part ``diagnostics``, declared."""

from __future__ import annotations

from dataclasses import dataclass

from cvae_core.evaluation.metric import PIXEL_SCALE, Metric
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.settings import Checked, setting


@dataclass(frozen=True)
class DiagnosticsConfig(Checked):
    """What the latents are used for, and the error and likelihood of reconstructions."""

    active_threshold: float = setting(
        0.01, "a unit is active where its mean's variance over the images is above this", gt=0
    )


METRICS = (
    Metric(
        "test/reconstruction_mse",
        "test MSE",
        "squared error per pixel of decoded latent means, in the model's range; mean over test",
        "lower",
        "squared pixel value",
        depends=PIXEL_SCALE,
        stand_in="val/reconstruction",
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
        stand_in="val/reconstruction",
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
        places={"<threshold>": "[0-9.e-]+"},
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
)

DIAGNOSTICS = Part(
    "diagnostics",
    "cvae_core.evaluation.diagnostics.part",
    DiagnosticsConfig,
    on=True,
    title="reconstruction error, ELBO and what the latents are used for",
    metrics=METRICS,
    seconds=Seconds(0.2, 0.3),
)
