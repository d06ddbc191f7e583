"""Part ``probe``: how well classes can be read off frozen latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.part import UNCONTRASTED
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.probes.classifiers import (
    Labels,
    Outcome,
    classifiers,
    linear,
    number_of,
)
from cvae_core.evaluation.probes.confusion import confusion_csv, confusion_matrix, confusion_png
from cvae_core.evaluation.probes.declaration import ProbeConfig, Protocol, Representation
from cvae_core.evaluation.probes.protocols import paper_split
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import Subject
from cvae_core.models import VAE, ContrastiveVAE

SHOWN: tuple[Protocol, ...] = ("standard", "paper", "standardised")
"""Of which a confusion matrix is made: of the first of them that there is."""


def evaluate(subject: Subject, settings: ProbeConfig) -> Iterator[float | Findings]:
    """Accuracy of every classifier on every representation, and one confusion matrix.

    The matrix is of the standard protocol, else of another one, on the first representation that
    VAEs have as well: that way it shows the same thing for every trial of a sweep.

    A classifier for which there are too few images is left out, and a warning says so.

    Raises:
        AbsentError: all images are of one class, or projections alone are asked for of a model
            that has none, or whose head is not trained.
        EvaluationError: too few images for every classifier, or latents that are not finite.
    """
    representations, left_out = _representations(subject, settings)
    fit_labels, labels = subject.labels("fit"), subject.labels("judged")
    _check(fit_labels, labels, subject)
    settings, too_few = _feasible(settings, fit_labels, labels, subject)
    # Not the projection where there is another one: a VAE has none.
    shown = min(representations, key=lambda kind: kind == "projection")
    of: Iterator[Protocol] = (each for each in SHOWN if each in settings.protocols)
    charted = linear(next(of, "standard"), shown)
    steps, done = len(representations) * number_of(settings), 0
    findings = Findings(
        facts={"fit_images": len(fit_labels), "judged_images": len(labels)},
        warnings=[*_unseen(fit_labels, labels, subject), *too_few, *left_out],
    )
    yield from within(0, 0.08 / steps, subject.encoded("fit"))
    yield from within(0.08 / steps, 0.1 / steps, subject.encoded("judged"))
    for representation in representations:
        fit = subject.representation(representation, "fit")
        yield (done + 0.1) / steps
        judged = subject.representation(representation, "judged")
        for classify in classifiers(settings, representation, (fit, fit_labels), (judged, labels)):
            found = yield from beating(classify, (done + 0.5) / steps)
            done += 1
            _add(findings, found)
            if charted in found.metrics:
                matrix = confusion_matrix(*found.classes, len(subject.classes))
                findings.files.update(_chart(matrix, charted, subject))
    yield findings


def _add(findings: Findings, found: Outcome) -> None:
    findings.metrics.update(found.metrics)
    findings.facts.update(found.facts)
    findings.warnings.extend(found.warnings)


def _representations(
    subject: Subject, settings: ProbeConfig
) -> tuple[list[Representation], list[str]]:
    """Those asked for that the model has, and a line where its projections are left out.

    Raises:
        AbsentError: it has none of them.
    """
    chosen, lacking = list(dict.fromkeys(settings.representations)), ""
    warnings = []
    if not isinstance(subject.model, VAE):
        chosen = [kind for kind in chosen if kind == "mean"]
        lacking = "a baseline has neither samples nor projections to classify"
    elif not isinstance(subject.model, ContrastiveVAE):
        chosen = [kind for kind in chosen if kind != "projection"]
        lacking = "a VAE has no projections to classify"
    elif "projection" in chosen and not subject.config.contrasts:
        chosen.remove("projection")
        lacking = UNCONTRASTED
        warnings.append(f"no probe of projections: {UNCONTRASTED}")
    if not chosen:
        raise AbsentError(f"{lacking}: ask for mean as well")
    return chosen, warnings


def _check(fit_labels: Labels, labels: Labels, subject: Subject) -> None:
    judged = f"{subject.split} images"
    for checked_labels, what in ((fit_labels, "training images to fit on"), (labels, judged)):
        if len(set(checked_labels.tolist())) == 1:
            only = subject.classes[int(checked_labels[0])]
            raise AbsentError(
                f"the {len(checked_labels)} {what} are all of class {only!r}: "
                "there is nothing to classify"
            )


def _feasible(
    settings: ProbeConfig, fit_labels: Labels, labels: Labels, subject: Subject
) -> tuple[ProbeConfig, list[str]]:
    """The settings without the classifiers for which there are too few images, and a line of each.

    Raises:
        EvaluationError: nothing is left.
    """
    protocols, neighbours = settings.protocols, settings.neighbours
    too_few = []
    fit, score = paper_split(len(labels))
    if "paper" in protocols and (len(set(labels[fit].tolist())) < 2 or not len(score)):
        protocols = tuple(protocol for protocol in protocols if protocol != "paper")
        too_few.append(
            f"no probe by the paper's protocol: {len(labels)} {subject.split} images are too few, "
            "as it fits on 80 % of them; use more images, or leave paper out of the protocols"
        )
    if neighbours is not None and neighbours > len(fit_labels):
        too_few.append(
            f"no k-NN: k = {neighbours} needs as many training images, and there are "
            f"{len(fit_labels)}; set a smaller number of neighbours"
        )
        neighbours = None
    if too_few and not protocols and neighbours is None:
        raise EvaluationError("; ".join(too_few))
    return replace(settings, protocols=protocols, neighbours=neighbours), too_few


def _unseen(fit_labels: Labels, labels: Labels, subject: Subject) -> list[str]:
    unseen = np.setdiff1d(labels, fit_labels).tolist()
    if not unseen:
        return []
    names = ", ".join(repr(subject.classes[label]) for label in unseen[:5])
    more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
    count = int(np.isin(labels, unseen).sum())
    return [
        f"no training image is of class {names}{more}: the {count} {subject.split} images of it "
        "count as wrong"
    ]


def _chart(matrix: NDArray[np.int64], name: str, subject: Subject) -> dict[str, bytes]:
    share = 100 * np.trace(matrix) / matrix.sum()
    title = [subject.label, f"{name} {share:.2f} % of {matrix.sum():,} {subject.split} images"]
    classes = subject.classes
    return {
        "confusion_matrix.csv": confusion_csv(matrix, classes),
        "confusion_matrix.png": confusion_png(matrix, classes, [line for line in title if line]),
    }
