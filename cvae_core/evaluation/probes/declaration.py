"""Part ``probe``, declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.part import Part
from cvae_core.settings import Checked, setting

Representation = Literal["mean", "sample", "projection"]


@dataclass(frozen=True)
class ProbeConfig(Checked):
    """Classifiers on frozen latents: logistic regression by two protocols, and k-NN."""

    protocols: tuple[Literal["standard", "paper"], ...] = setting(
        ("standard", "paper"),
        "logistic regression; standard: fitted on training latents, scored on test; paper: fitted "
        "on 80 % of the test latents, scored on the others",
    )
    representations: tuple[Representation, ...] = setting(
        ("mean",),
        "what is classified: the posterior's mean, a sample of it, the projection (CVAE alone)",
    )
    neighbours: int | None = setting(
        20, "k of the k-NN classifier; another than 20 is in its name; null: none", ge=1
    )


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
        "probe/knn_accuracy<k><representation>",
        "k-NN",
        "vote of the k = 20 nearest training latents (Euclidean), of equal votes the smallest "
        "class; another k and another representation than the mean are in the name",
        "higher",
        "share of images",
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
    latents=True,
)
