"""How many trials run at a time, wherever it is asked."""

from __future__ import annotations

import joblib
import pytest
import torch

from orchestration.plan.slots import Node, count_slots, this_machine
from orchestration.spec.sweep import Resources


@pytest.mark.parametrize(
    ("nodes", "cpu", "gpu", "most", "number"),
    [
        ([(8, 0)], 1, 0, None, 8),
        ([(8, 0)], 3, 0, None, 2),
        ([(8, 0)], 1, 0, 5, 5),
        ([(8, 0)], 1, 0, 50, 8),
        ([(8, 0)], 9, 0, None, 0),
        ([(3, 0), (3, 0)], 2, 0, None, 2),
        ([(8, 2)], 1, 1, None, 2),
        ([(8, 2)], 1, 0.5, None, 4),
        ([(8, 2)], 1, 0.6, None, 2),
        ([(8, 1)], 1, 0.1, None, 8),
        ([(20, 1)], 1, 0.1, None, 10),
        ([(20, 1)], 1, 1 / 3, None, 3),
        ([(8, 0)], 1, 1, None, 0),
        ([(8, 0), (8, 4), (1, 4)], 1, 1, None, 5),
        ([], 1, 0, 3, 0),
    ],
)
def test_no_trial_spans_two_machines_or_two_gpus(
    nodes: list[tuple[float, float]], cpu: int, gpu: float, most: int | None, number: int
) -> None:
    resources = Resources(cpu=cpu, gpu=gpu)
    assert count_slots([Node(*node) for node in nodes], resources, most) == number


def test_gpus_are_looked_for_only_where_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 6)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert this_machine(Resources(gpu=0.5)) == Node(6, 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: pytest.fail("asked for"))
    assert this_machine(Resources()) == Node(6, 0)
