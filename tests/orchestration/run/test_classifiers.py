"""By which classifier a sweep judges, where other sweeps have had theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.evaluation.distances.classifier import digest_of, file_of
from orchestration.ledger.documents import Evaluated, Sweep
from orchestration.ledger.draft import Draft
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import EXTRACTORS
from orchestration.run.classifiers import shares_classifier

CONFIG = TrialConfig()
DATA = CONFIG.data.dataset


def judged(folder: Path, weight: float) -> Evaluated:
    """What a sweep in this folder found with a classifier of this weight."""
    path = folder / EXTRACTORS / file_of(f"{DATA}-cnn", "abc")
    path.parent.mkdir(parents=True)
    torch.save({"weights": {"0.weight": torch.full((1,), weight)}}, path)
    facts = {"extractor": f"{DATA}-cnn", "extractor_digest": digest_of(path)}
    return Evaluated(state="finished", facts=facts)


@pytest.mark.parametrize("dry", [True, False])
def test_of_two_sweeps_with_different_classifiers_one_is_followed(
    tmp_path: Path, *, dry: bool
) -> None:
    """Whether it is tried beforehand or done: else what could be had is gone when it is wanted."""
    sweep = Sweep(name="own", sweep_id="1", created=0.0, spec={}, plan=[], data={DATA: "abc"})
    ledger = Ledger.create(tmp_path / "own", sweep)
    ledger = Draft.of(ledger) if dry else ledger
    found = {name: judged(tmp_path / name, weight) for name, weight in (("a", 1.0), ("b", 2.0))}
    shared = [shares_classifier(ledger, tmp_path / n, found[n], CONFIG) for n in ("a", "b", "a")]
    assert shared == [True, False, True]
    assert (tmp_path / "own" / EXTRACTORS).exists() is not dry
