"""Of a CVAE whose projection head is not trained to the end, no projection is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import AbsentError
from cvae_core.evaluation.diagnostics.declaration import DiagnosticsConfig
from cvae_core.evaluation.metrics import describe
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.probes.declaration import ProbeConfig
from cvae_core.evaluation.subject import Subject

REASON = "the projection head is not trained (lambda: 0)"
FINE_TUNED = [{"epochs": 1, "beta": 0, "weights": {"reconstruction": 0}}, {"lambda": 0}]


def falling(epochs: int, **more: Any) -> dict[str, Any]:
    return {"schedule": {"lambda": {"shape": "linear", "epochs": epochs, **more}}}


@pytest.mark.parametrize(
    ("settings", "contrasts"),
    [
        ({}, True),
        ({"lambda": 0}, False),
        ({"stages": FINE_TUNED}, False),
        ({"stages": [{"epochs": 1, "lambda": 0}, {}]}, True),
        ({"lambda": 0, "stages": [{"epochs": 1}, {"lambda": 0.2}]}, True),
        (falling(1, start=1, end=0), False),
        (falling(2, start=1, end=0), True),  # trained up to the last step
        (falling(2, start=0, end=0), False),
        (falling(1, start=0, end=1), True),
        ({"model": "vae"}, False),
        ({"model": "untrained"}, False),
    ],
)
def test_where_the_head_is_trained_to_the_end(settings: dict[str, Any], contrasts: bool) -> None:
    config = TrialConfig.from_settings({"model": "cvae", "epochs": 2} | settings)
    assert config.contrasts == contrasts


@pytest.fixture(scope="module")
def fine_tuned(make_subject: Callable[..., Subject], small: Dataset) -> Subject:
    settings = {"model": "cvae", "contrast": "mean", "epochs": 2, "stages": FINE_TUNED}
    config = TrialConfig.from_settings(settings)
    return make_subject(config, small, fit(config, small))


def findings(subject: Subject, part: str, settings: Any = None) -> Findings:
    *_, last = measure(part, subject, settings)
    assert isinstance(last, Findings)
    return last


def test_diagnostics_are_of_all_else(fine_tuned: Subject, contrastive: Subject) -> None:
    found = findings(fine_tuned, "diagnostics", DiagnosticsConfig())
    usual = findings(contrastive, "diagnostics", DiagnosticsConfig())
    assert set(usual.metrics) - set(found.metrics) == {
        "projection/alignment",
        "projection/uniformity",
    }
    assert found.warnings == [f"no figures of projections: {REASON}"]
    assert usual.warnings == []


def test_the_probe_is_of_means_alone(fine_tuned: Subject) -> None:
    both, alone = (
        ProbeConfig(representations=asked, protocols=("standard",))
        for asked in (("projection", "mean"), ("mean",))
    )
    found, means = (findings(fine_tuned, "probe", asked) for asked in (both, alone))
    assert found.metrics == means.metrics
    assert set(found.warnings) - set(means.warnings) == {f"no probe of projections: {REASON}"}
    with pytest.raises(AbsentError, match=r"not trained \(lambda: 0\): ask for mean as well"):
        findings(fine_tuned, "probe", ProbeConfig(representations=("projection",)))


def test_heads_of_other_widths_and_stages_are_not_compared() -> None:
    for name in ("projection/alignment", "projection/uniformity"):
        metric = describe(name)
        assert metric is not None
        differing = ["architecture.projection", "stages", "beta"]
        assert metric.changed_by(differing, contrastive=True) == differing[:2]
    uniformity = describe("latent/uniformity")
    assert uniformity is not None
    differing = ["architecture.latent_dim", "beta"]
    assert uniformity.changed_by(differing, contrastive=False) == differing[:1]
