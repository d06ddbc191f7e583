"""Parts ``diagnostics`` and ``iwae``, declared."""

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


@dataclass(frozen=True)
class IwaeConfig(Checked):
    """A tighter bound on the images' likelihood than the ELBO is."""

    samples: int = setting(
        64, "K, samples of each image's posterior; another than 64 is in the name", ge=1
    )
    n: int = setting(
        1_000, "images, never more than there are; another setting is in the name", ge=1
    )

    def decoded(self, judged: int) -> int:
        """Images that are decoded where there are so many to be judged."""
        return self.samples * min(self.n, judged)


HEAD = ("architecture.projection", "stages")
"""Settings that change what is measured of projections: into how many dimensions, and what of."""
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
        "latent/effective_beta",
        "effective β",
        "β·P / (2wσ²), P the number of an image's pixels (times channels), σ² that of test/elbo in "
        "the model's range, β and the reconstruction's weight w those of the end of the epoch "
        "judged: how often KL counts beside a "
        "Gaussian log-likelihood. At 1 the objective is the ELBO, above 1 a β-VAE's",
        None,
        "",
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
        places={"<threshold>": "[0-9.e-]+"},
    ),
    Metric(
        "projection/alignment",
        "alignment",
        "squared distance of the normalised projections of an image's mean and its view's; mean "
        "over test (CVAE; not there where the head is not trained to the end). Views have fixed "
        "parameters, but are made by the trial's own settings: to be compared between trials of "
        "equal views alone",
        "lower",
        "",
        "arXiv:2005.10242, equation 7",
        depends_cvae=("views", *HEAD),
    ),
    Metric(
        "projection/uniformity",
        "uniformity",
        "log of the mean of exp(-2 d²) over all pairs of normalised projections of test images "
        "(CVAE; not there where the head is not trained to the end)",
        "lower",
        "",
        "arXiv:2005.10242, equation 8",
        depends_cvae=HEAD,
    ),
    Metric(
        "latent/alignment",
        "latent alignment",
        "squared distance of the normalised latent means of an image and its view; mean over "
        "5,000 test images. Views are those that the data set has by default, with fixed "
        "parameters, whatever the trial's own are: the same for VAE and CVAE",
        "lower",
        "",
        "arXiv:2005.10242, equation 7",
    ),
    Metric(
        "latent/uniformity",
        "latent uniformity",
        "log of the mean of exp(-2 d²) over all pairs of normalised latent means of 5,000 test "
        "images",
        "lower",
        "",
        "arXiv:2005.10242, equation 8",
        depends=("architecture.latent_dim",),
    ),
    Metric(
        "latent/silhouette",
        "silhouette",
        "silhouette of the classes on latent means (Euclidean): near 1 where classes lie apart, "
        "near 0 where they overlap; mean over 2,000 test images",
        "higher",
        "",
        "doi:10.1016/0377-0427(87)90125-7",
    ),
    Metric(
        "latent/nmi",
        "NMI",
        "normalised mutual information of the classes and as many clusters of k-means on latent "
        "means (ten starts, fixed seed), over the mean of both entropies; of 10,000 test images "
        "at most",
        "higher",
        "",
        "doi:10.1017/CBO9780511809071, section 16.3",
    ),
)
IWAE_METRICS = (
    Metric(
        "test/iwae<k><n>",
        "IWAE",
        "importance-weighted bound of K = 64 posterior samples with the Gaussian decoder of "
        "test/elbo, fixed noise; mean over 1,000 test images; another K or N is in the name",
        "higher",
        "nats per image",
        "arXiv:1509.00519, equation 8",
        places={"<k>": r"(_k\d+)?", "<n>": r"(_n\d+)?"},
        stand_in="val/reconstruction",
    ),
)

DIAGNOSTICS = Part(
    "diagnostics",
    "cvae_core.evaluation.diagnostics.part",
    DiagnosticsConfig,
    on=True,
    title="reconstruction error, ELBO, what the latents are used for and how they lie",
    metrics=METRICS,
    seconds=Seconds(0.2, 0.36),
    additions=1,
)
IWAE = Part(
    "iwae",
    "cvae_core.evaluation.diagnostics.iwae",
    IwaeConfig,
    on=False,
    decodes=True,
    posterior=True,
    title="importance-weighted bound, tighter than the ELBO",
    metrics=IWAE_METRICS,
    seconds=Seconds(per_thousand=7.5 / 64),
    images=IwaeConfig.decoded,
)
