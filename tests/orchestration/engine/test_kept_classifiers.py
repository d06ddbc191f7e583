"""The classifier that a sweep keeps is one and the same for all of its trials."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from orchestration.engine.evaluator import Evaluator


def classifier(bias: float) -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": {"bias": torch.tensor([bias])}, "accuracy": 0.5}, buffer)
    return buffer.getvalue()


def test_a_sound_one_stays_and_a_damaged_one_is_replaced(tmp_path: Path) -> None:
    evaluator = Evaluator({}, tmp_path, "cpu")
    first, second = classifier(1.0), classifier(1.0000001)
    evaluator.keep({"c.pt": first})
    evaluator.keep({"c.pt": second})  # of a worker that began to train before the first was there
    kept = evaluator.kept / "c.pt"
    assert kept.read_bytes() == first
    kept.write_bytes(first[: len(first) // 2])
    evaluator.keep({"c.pt": second})
    assert kept.read_bytes() == second
