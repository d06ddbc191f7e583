"""Whether a plan's trials compute in the numbers that are fastest here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.plan.plan import make_plan
from orchestration.plan.precision import asks_for, precision_here
from orchestration.spec.sweep import SweepSpec

Load = Callable[..., SweepSpec]
SEARCH = "search: {trials: 3, space: {beta: {log: [1e-3, 1]}%s}}"


@pytest.mark.parametrize(
    ("text", "float32", "bfloat16"),
    [
        ("", True, False),
        ("base: {precision: bfloat16}", False, True),
        ("grid: {precision: [float32, bfloat16]}", True, True),
        (SEARCH % "", True, False),
        (SEARCH % ", precision: {choice: [float32, bfloat16]}", True, True),
    ],
)
def test_what_a_plan_asks_for(
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    float32: bool,
    bfloat16: bool,
) -> None:
    """Baselines, which every sweep has, compute in float32 in any case."""
    plan = make_plan(load(f"name: a\n{text}\n"))
    assert (asks_for("float32", plan), asks_for("bfloat16", plan)) == (float32, bfloat16)
    (tmp_path / "cpuinfo").write_text("flags : amx_bf16\n")
    monkeypatch.setattr("orchestration.machine.CPU_INFO", tmp_path / "cpuinfo")
    faster = None if bfloat16 else "bfloat16"
    assert precision_here(plan) == {"instructions": "amx_bf16", "faster": faster}
    (tmp_path / "cpuinfo").write_text("flags : fpu\n")
    faster = None if float32 else "float32"
    assert precision_here(plan) == {"instructions": None, "faster": faster}
