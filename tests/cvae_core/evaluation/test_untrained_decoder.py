"""Of a model whose decoder is not trained, nothing that is decoded is measured or shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.errors import AbsentError
from cvae_core.evaluation.distances.declaration import FdConfig
from cvae_core.evaluation.distances.fd import validation_judge
from cvae_core.evaluation.part import UNTRAINED
from cvae_core.evaluation.parts import PARTS, Findings, lacks, measure
from cvae_core.evaluation.subject import Subject

REASON = r"the decoder is not trained \(weights.reconstruction: 0\)"
SIMCLR = {"model": "cvae", "beta": 0, "weights": {"reconstruction": 0}, "epochs": 2}


@pytest.fixture(scope="module")
def simclr(make_subject: Callable[..., Subject], small: Dataset) -> Subject:
    config = TrialConfig.from_settings(SIMCLR)
    return make_subject(config, small, fit(config, small))


@pytest.fixture
def undecodable(simclr: Subject, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Whoever looks at a decoded image fails."""

    def fail(*_: object) -> None:
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(simclr.model, "decode", fail)
    return simclr


def findings(subject: Subject, part: str) -> Findings:
    *_, last = measure(part, subject, PARTS[part].settings())
    assert isinstance(last, Findings)
    return last


@pytest.mark.parametrize("part", ["fd", "fid"])
def test_distances_of_samples_are_absent(undecodable: Subject, part: str) -> None:
    with pytest.raises(AbsentError, match=REASON):
        findings(undecodable, part)


def test_no_distance_in_training(small: Dataset, tmp_path: Path) -> None:
    config = TrialConfig.from_settings(SIMCLR)
    with pytest.raises(AbsentError, match=REASON):
        validation_judge(config, small, FdConfig(), tmp_path, None)
    assert not any(tmp_path.iterdir())  # no classifier was trained for it


def test_what_was_trained_in_an_earlier_stage_alone_is_not_trained() -> None:
    without = {"beta": 0, "weights": {"reconstruction": 0}}
    for stages, lacking in (
        ([{"epochs": 1}, without], UNTRAINED),
        ([{"epochs": 1, **without}, {}], None),
    ):
        config = TrialConfig.from_settings({"model": "cvae", "epochs": 2, "stages": stages})
        assert lacks(config, "fd") == lacking
        assert lacks(config, "probe") is None


def test_diagnostics_are_of_the_latents_alone(undecodable: Subject) -> None:
    found = findings(undecodable, "diagnostics")
    assert found.metrics.keys() == {
        *("latent/kl", "latent/active_units"),
        *("latent/alignment", "latent/uniformity", "latent/silhouette", "latent/nmi"),
        *("projection/alignment", "projection/uniformity"),
    }
    assert found.warnings == [
        "no reconstruction error and no ELBO: the decoder is not trained (weights.reconstruction: "
        "0)"
    ]


def test_pictures_are_the_curves_alone(undecodable: Subject) -> None:
    found = findings(undecodable, "pictures")
    assert found.files.keys() == {"curves.png", "curves.csv"}
    assert found.warnings == [
        "no reconstructions and no samples: the decoder is not trained (weights.reconstruction: 0)"
    ]
    head = found.files["curves.csv"].decode().splitlines()[0]
    assert "contrastive" in head
    assert "reconstruction" not in head


def test_the_probe_is_as_of_any_other_model(undecodable: Subject) -> None:
    assert 0 < findings(undecodable, "probe").metrics["probe/accuracy"] <= 1
