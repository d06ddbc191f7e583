from __future__ import annotations

import csv
import dataclasses
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation import progress as waiting
from cvae_core.evaluation.metrics import METRICS, describe
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.probes.declaration import ProbeConfig
from cvae_core.evaluation.probes.protocols import standard
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult

MakeSubject = Callable[..., Subject]
EVERYTHING = ProbeConfig(
    representations=("mean", "sample", "projection"), neighbours=5, splits=True
)


def probed(subject: Subject, **settings: Any) -> Findings:
    *shares, findings = measure("probe", subject, ProbeConfig(**settings))
    assert isinstance(findings, Findings)
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares)
    assert shares == sorted(shares)  # type: ignore[type-var]
    return findings


def relabelled(small: Dataset, train: Any = None, test: Any = None) -> Dataset:
    """The same images with other labels, each a function of the old ones."""
    parts = {
        name: Images(images.pixels, change(images.labels))
        for name, images, change in (("train", small.train, train), ("test", small.test, test))
        if change
    }
    return dataclasses.replace(small, **parts)


def test_on_validation_it_is_the_probe_of_training(
    make_subject: MakeSubject, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    metrics = probed(make_subject(config, small, trained, split="validation")).metrics
    training = validation_judge(config, small)(trained.model)
    assert metrics["val/probe_accuracy"] == training["val/probe_accuracy"]
    assert set(metrics) == {
        "val/probe_accuracy_standardised",
        "val/probe_accuracy",
        "val/probe_accuracy_paper",
        "val/probe_accuracy_paper_notebook",
        "val/probe_knn_accuracy",
        "val/probe_knn_accuracy_cosine",
    }


def test_every_representation_is_classified_by_everything(contrastive: Subject) -> None:
    *_, findings = measure("probe", contrastive, EVERYTHING)
    assert isinstance(findings, Findings)
    labels, judged = contrastive.labels("fit"), contrastive.labels("judged")
    order = np.random.default_rng(0).permutation(60)
    first, rest = order[:48], order[48:]
    expected = {}
    for kind, suffix in (("mean", ""), ("sample", "_sample"), ("projection", "_projection")):
        x = contrastive.representation(kind, "fit").astype(float)  # type: ignore[arg-type]
        y = contrastive.representation(kind, "judged").astype(float)  # type: ignore[arg-type]
        linear = LogisticRegression(max_iter=5000, tol=1e-9)
        expected[f"probe/accuracy{suffix}"] = linear.fit(x, labels).score(y, judged)
        knn = KNeighborsClassifier(5, algorithm="brute").fit(x, labels)
        expected[f"probe/knn_accuracy_k5{suffix}"] = knn.score(y, judged)
        cosine = KNeighborsClassifier(5, algorithm="brute", metric="cosine").fit(x, labels)
        expected[f"probe/knn_accuracy_cosine_k5{suffix}"] = cosine.score(y, judged)
        linear.fit(y[first], judged[first])
        expected[f"probe/accuracy_paper{suffix}"] = linear.score(y[rest], judged[rest])
    assert findings.metrics | expected == findings.metrics
    assert len(set(expected.values())) > 5
    for name in findings.metrics:
        assert describe(name) in METRICS
    more = ("standardised", "paper_notebook", "paper_splits_mean", "paper_splits_sd")
    assert set(findings.metrics) - set(expected) == {
        f"probe/accuracy_{name}{suffix}"
        for name in more
        for suffix in ("", "_sample", "_projection")
    }


def test_a_vae_s_projections_are_left_out(subject: Subject) -> None:
    linear = {"protocols": ("standard",)}
    left = probed(subject, representations=("projection", "mean"), **linear)
    assert left == probed(subject, representations=("mean", "mean"), **linear)
    with pytest.raises(AbsentError, match="a VAE has no projections"):
        probed(subject, representations=("projection",))


def test_the_matrix_is_of_what_both_models_have(contrastive: Subject) -> None:
    linear = {"protocols": ("standard",), "neighbours": None}
    findings = probed(contrastive, representations=("projection", "mean"), **linear)
    assert diagonal(findings) == pytest.approx(findings.metrics["probe/accuracy"])
    alone = probed(contrastive, representations=("projection",), **linear)
    assert diagonal(alone) == pytest.approx(alone.metrics["probe/accuracy_projection"])
    paper = probed(contrastive, protocols=("paper",), neighbours=None)
    assert diagonal(paper) == pytest.approx(paper.metrics["probe/accuracy_paper"])
    assert counts(paper).sum() == 12


def counts(findings: Findings) -> np.ndarray:
    rows = list(csv.reader(io.StringIO(findings.files["confusion_matrix.csv"].decode())))
    return np.array([row[1:] for row in rows[1:]], dtype=int)


def diagonal(findings: Findings) -> float:
    return float(np.trace(counts(findings)) / counts(findings).sum())


def test_the_matrix_is_of_the_standard_protocol(subject: Subject) -> None:
    findings = probed(subject)
    linear = LogisticRegression(max_iter=1000).fit(
        subject.posterior("fit")[0], subject.labels("fit")
    )
    predicted = linear.predict(subject.posterior("judged")[0])
    expected = confusion_matrix(subject.labels("judged"), predicted, labels=range(10))
    assert (counts(findings) == expected).all()
    assert findings.files["confusion_matrix.png"].startswith(b"\x89PNG")
    assert findings.files == probed(subject).files
    c = findings.facts["c_standardised"]
    assert findings.facts == {"fit_images": 270, "judged_images": 60, "c_standardised": c}


def test_images_are_encoded_once(
    make_subject: MakeSubject, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    subject = make_subject(config, small, trained)
    images: list[int] = []
    subject.model.encoder.register_forward_hook(lambda _, inputs, out: images.append(len(out[0])))
    probed(subject, representations=("mean", "sample"))
    assert len(images) == 2  # 270 and 60 images, a batch each


def test_one_class_alone_cannot_be_classified(
    make_subject: MakeSubject, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    named = dataclasses.replace(small, classes=tuple(f"class {c}" for c in range(10)))
    test = relabelled(named, test=lambda labels: labels * 0 + 3)
    with pytest.raises(AbsentError, match="the 60 test images are all of class 'class 3'"):
        probed(make_subject(config, test, trained))
    train = relabelled(named, train=lambda labels: labels * 0 + 4)
    with pytest.raises(AbsentError, match=r"270 training images to fit on .* 'class 4'"):
        probed(make_subject(config, train, trained))


def test_a_class_that_training_lacks_counts_as_wrong(
    make_subject: MakeSubject, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    data = relabelled(small, train=lambda labels: np.where(labels == 2, 1, labels))
    findings = probed(make_subject(config, data, trained))
    missing = int((small.test.labels == 2).sum())
    matrix = counts(findings)
    assert missing > 0
    assert (matrix[2].sum(), matrix[:, 2].sum()) == (missing, 0)
    (warning,) = findings.warnings
    assert f"no training image is of class '{small.classes[2]}'" in warning
    assert f"the {missing} test images" in warning


def test_a_classifier_without_enough_images_is_left_out_alone(
    make_subject: MakeSubject, config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    pair = [0, int(np.flatnonzero(small.test.labels != small.test.labels[0])[0])]
    test = Images(small.test.pixels[pair], small.test.labels[pair])
    subject = make_subject(config, dataclasses.replace(small, test=test), trained)
    usual, paper = probed(subject), "paper's protocol: 2 test images are too few"
    linear = {"probe/accuracy_standardised", "probe/accuracy"}
    assert set(usual.metrics) == {*linear, "probe/knn_accuracy", "probe/knn_accuracy_cosine"}
    without = probed(subject, cosine=False).metrics
    assert set(without) == {*linear, "probe/knn_accuracy"}
    assert any(paper in warning for warning in usual.warnings)
    linear = probed(subject, protocols=("standard",), neighbours=271)
    assert linear.metrics == {"probe/accuracy": usual.metrics["probe/accuracy"]}
    assert set(linear.files) == {"confusion_matrix.csv", "confusion_matrix.png"}
    (*_, neighbours) = linear.warnings
    assert "k = 271 needs" in neighbours and "there are 270" in neighbours
    with pytest.raises(EvaluationError, match=rf"{paper}.*k = 271 needs"):
        probed(subject, protocols=("paper",), neighbours=271)


def test_the_fit_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    # With two, float32 latents of a large scale were seen to stop at another iteration.
    seen: list[int] = []
    fit = LogisticRegression.fit

    def noted(self: LogisticRegression, *arguments: Any) -> Any:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return fit(self, *arguments)

    monkeypatch.setattr(LogisticRegression, "fit", noted)
    latents = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    with threadpool_limits(2):
        standard(latents, np.arange(50) % 2, latents)
        assert max(pool["num_threads"] for pool in threadpool_info()) == 2
    assert set(seen) == {1}


def test_a_long_call_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "BEAT_S", 0.05)

    def collect(call: Callable[[], int]) -> Any:
        return (yield from waiting.beating(call, 0.25))

    def slow() -> int:
        time.sleep(0.3)
        return 7

    beats, running = [], collect(slow)
    with pytest.raises(StopIteration) as end:
        while True:
            beats.append(next(running))
    assert end.value.value == 7
    assert len(beats) >= 3
    assert set(beats) == {0.25}
    with pytest.raises(ZeroDivisionError):
        list(collect(lambda: 1 // 0))
