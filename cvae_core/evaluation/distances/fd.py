"""Distances on the features of a small classifier, trained here on the data set itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cvae_core.config import TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.errors import AbsentError
from cvae_core.evaluation.distances.classifier import file_name, obtain
from cvae_core.evaluation.distances.declaration import FD, FdConfig
from cvae_core.evaluation.distances.judge import judge, prior_distance
from cvae_core.evaluation.metric import on_validation
from cvae_core.evaluation.parts import Findings, lacks
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import Subject
from cvae_core.models import Model

TRAINING_SHARE = 0.8
"""Of the time, where the classifier is not there yet."""


def evaluate(subject: Subject, settings: FdConfig) -> Iterator[float | Findings]:
    """Distances of generated images, where they come from, and the classifier's accuracy.

    Yields:
        The share that is done, in (0, 1), and at last the findings.

    Raises:
        AbsentError: there is one class only.
        EvaluationError: there are too few images, or some are not finite.
    """
    name = f"{subject.config.data.dataset}-cnn"
    finding = obtain(subject.data, name, subject.cache, subject.kept)
    classifier = yield from within(0, TRAINING_SHARE, finding)
    findings = yield from within(
        TRAINING_SHARE, 1, judge(subject, classifier, settings, family="fd")
    )
    # It is measured on test, and does not belong under val/.
    own = {f"extractor/{name}_accuracy": classifier.accuracy} if subject.split == "test" else {}
    yield replace(
        findings,
        metrics=findings.metrics | own,
        warnings=[*findings.warnings, *classifier.warnings],
        keep={file_name(name, subject.data): classifier.to_bytes()},
    )


def validation_judge(
    config: TrialConfig, data: Dataset, settings: FdConfig, cache: Path, kept: Path | None
) -> tuple[Callable[[Model], dict[str, float]], dict[str, bytes]]:
    """For searches: ``val/fd_<dataset>-cnn`` of a model in training, as this part has it.

    N is in the name where it is not what ``data.validation_fraction``'s default holds out.

    The classifier is trained here where it is not there yet. The model and all random streams
    stay as they are.

    Returns:
        What judges, and the files that all trials share, as in ``Findings.keep``.

    Raises:
        AbsentError, EvaluationError: as ``evaluate``; the last also when a model is judged.
        AbsentError: no decoder is trained, either.
    """
    lacking = lacks(config, FD.name)
    if lacking is not None:
        raise AbsentError(lacking)
    name = f"{config.data.dataset}-cnn"
    for share_or_classifier in obtain(data, name, cache, kept):
        if not isinstance(share_or_classifier, float):
            classifier = share_or_classifier

    def measure(model: Model) -> dict[str, float]:
        subject = Subject(
            config, data, model.state_dict(), split="validation", cache=cache, kept=kept
        )
        *_, found = prior_distance(subject, classifier, settings.n)
        assert isinstance(found, dict)  # noqa: S101 - it ends with it
        return {on_validation(name): value for name, value in found.items()}

    return measure, {file_name(name, data): classifier.to_bytes()}
