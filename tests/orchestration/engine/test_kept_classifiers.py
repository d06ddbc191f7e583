"""The classifier that a sweep keeps is one and the same for all of its trials."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cvae_core.data.dataset import Dataset
from cvae_core.evaluation.distances import fd
from cvae_core.evaluation.distances.classifier import Classifier, digest_of, file_name, obtain
from orchestration import store
from orchestration.engine.evaluator import Evaluator
from orchestration.errors import StorageError


def classifier(bias: float) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": {"bias": torch.tensor([bias])}, "accuracy": 0.5}, buffer)
    return buffer.getvalue()


def test_a_sound_one_stays_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    evaluator = Evaluator({}, tmp_path, "cpu")
    first, second = classifier(1.0), classifier(1.0000001)
    assert evaluator.keep({"c.pt": first})
    # Of a worker that began to train before the first was there.
    assert not evaluator.keep({"c.pt": second})
    kept = evaluator.kept / "c.pt"
    assert kept.read_bytes() == first
    assert evaluator.keep({"c.pt": first})
    kept.write_bytes(first[: len(first) // 2])
    assert evaluator.keep({"c.pt": second})
    assert kept.read_bytes() == second


def test_one_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    evaluator = Evaluator({}, tmp_path, "cpu")
    (evaluator.kept / "c.pt").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"c\.pt.*Is a directory"):
        evaluator.keep({"c.pt": classifier(1.0)})


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A worker on another processor, and one that is done before it; digests of what it trained."""
    trained: list[str] = []

    def obtained(
        data: Dataset, name: str, cache: Path, kept: Path | None
    ) -> Iterator[float | Classifier]:
        *shares, found = obtain(data, name, cache, kept)
        yield from shares
        assert isinstance(found, Classifier)
        assert kept is not None
        path = kept / file_name(name, data)
        if not path.exists():
            store.write_bytes(path, found.to_bytes())
            with torch.no_grad():
                for weights in found.network.parameters():
                    weights.mul_(1.1)
            found = Classifier(name, found.network, found.accuracy, [])
            trained.append(found.digest)
        yield found

    monkeypatch.setattr(fd, "obtain", obtained)
    return trained


@pytest.mark.slow
def test_all_trials_are_judged_by_the_one_that_stays(
    local_sweep: Callable[..., Any], late: list[str]
) -> None:
    sweep = local_sweep(grid={"beta": [1e-3, 1e-2]}, evaluation={"fd": True})
    parts = [trial.evaluations["fd"] for trial in sweep.run().values()]
    (kept,) = (sweep.folder / "extractors").iterdir()
    assert len(late) == 1
    assert {part.facts["extractor_digest"] for part in parts} == {digest_of(kept)} != set(late)


@pytest.mark.slow
def test_so_are_they_in_training(
    local_sweep: Callable[..., Any],
    undisturbed: Callable[..., Any],
    request: pytest.FixtureRequest,
) -> None:
    asked = {"grid": {"beta": [1e-3]}, "evaluation": {"fd": False, "fd_every": 1}}
    (alone,) = undisturbed(**asked).values()
    late = request.getfixturevalue("late")
    (trial,) = local_sweep(**asked).run().values()
    assert len(late) == 1
    assert alone.epochs[0].metrics.keys() >= {"val/fd_digits-cnn"}
    assert [e.metrics for e in trial.epochs] == [e.metrics for e in alone.epochs]
