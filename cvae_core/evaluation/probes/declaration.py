"""Part ``probe``, declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.part import Part
from cvae_core.settings import Checked, setting

Representation = Literal["mean", "sample", "projection"]
Protocol = Literal["standardised", "standard", "paper"]


@dataclass(frozen=True)
class ProbeConfig(Checked):
    """Classifiers on frozen latents: logistic regression by three protocols, and k-NN."""

    protocols: tuple[Protocol, ...] = setting(
        ("standardised", "standard", "paper"),
        "logistic regression; standardised: on training latents scaled to unit variance, its C "
        "chosen on images held out, scored on test; standard: C = 1 and latents as they are; "
        "paper: the same fitted on 80 % of the test latents, scored on the others, by a split of "
        "its own and by the one of the authors' notebook",
    )
    representations: tuple[Representation, ...] = setting(
        ("mean",),
        "what is classified: the posterior's mean, a sample of it, the projection (CVAE alone)",
    )
    neighbours: int | None = setting(
        20, "k of the k-NN classifier; another than 20 is in its name; null: none", ge=1
    )
    splits: bool = setting(
        False, "paper: also the mean and the standard deviation over 20 other splits"
    )
    cosine: bool = setting(True, "k-NN by the cosine of latents beside that by their distance")


METRICS = (
    Metric(
        "val/probe_accuracy",
        "val probe",
        "logistic regression (C = 1, at its optimum) on latent means: fitted on 10,000 "
        "fixed training images, scored on validation",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy_standardised<representation>",
        "probe scaled",
        "logistic regression on latent means scaled to unit variance by the training part's "
        "statistics, of the C in 0.01, 0.1, 1, 10, 100 that has the smallest log-loss on 1,000 "
        "training images held out from 4,000: what can be read off the latents, whatever their "
        "scale; of another representation than the mean with that in its name",
        "higher",
        "share of images",
        places={"<representation>": "(_sample|_projection)?"},
    ),
    Metric(
        "probe/accuracy",
        "probe",
        "logistic regression (C = 1, at its optimum) on latent means: fitted on the "
        "training part, scored once on test. At one C the penalty weighs more on small latents, so "
        "it measures their scale, which follows β, as well",
        "higher",
        "share of images",
    ),
    Metric(
        "probe/accuracy_<representation>",
        "probe",
        "probe/accuracy on samples of the posterior, or on projections of the means (CVAE)",
        "higher",
        "share of images",
        places={"<representation>": "(sample|projection)"},
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
        places={"<representation>": "(sample|projection)"},
    ),
    Metric(
        "probe/accuracy_paper_notebook<representation>",
        "probe 80/20 (42)",
        "probe/accuracy_paper with the split of the authors' notebook: scikit-learn's "
        "train_test_split with test_size=0.2 and random_state=42",
        "higher",
        "share of images",
        places={"<representation>": "(_sample|_projection)?"},
    ),
    Metric(
        "probe/accuracy_paper_splits_mean<representation>",
        "probe 80/20 mean",
        "mean of probe/accuracy_paper over the 20 splits of random_state 0 to 19",
        "higher",
        "share of images",
        places={"<representation>": "(_sample|_projection)?"},
    ),
    Metric(
        "probe/accuracy_paper_splits_sd<representation>",
        "probe 80/20 sd",
        "standard deviation of the same 20 accuracies: how far one split alone can be trusted",
        None,
        "share of images",
        places={"<representation>": "(_sample|_projection)?"},
    ),
    Metric(
        "probe/knn_accuracy<k><representation>",
        "k-NN",
        "vote of the k = 20 nearest training latents (Euclidean), of equal votes the smallest "
        "class; another k and another representation than the mean are in the name",
        "higher",
        "share of images",
        places={"<k>": r"(_k\d+)?", "<representation>": "(_sample|_projection)?"},
    ),
    Metric(
        "probe/knn_accuracy_cosine<k><representation>",
        "cosine k-NN",
        "the same vote where the nearest latents are those of the smallest angle: their lengths "
        "have no part in it",
        "higher",
        "share of images",
        "arXiv:1805.01978, section 3.4, with equal weights",
        places={"<k>": r"(_k\d+)?", "<representation>": "(_sample|_projection)?"},
    ),
)

PROBE = Part(
    "probe",
    "cvae_core.evaluation.probes.part",
    ProbeConfig,
    on=True,
    title="linear probes, k-NN and confusion matrix",
    metrics=METRICS,
    # Not raised when another solver took over above 2,000 coefficients, nearer to the same optimum:
    # all probes would be measured again for the fourth digit of raw pixels.
    version=2,
    latents=True,
)
