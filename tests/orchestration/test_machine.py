"""What is read of the processor."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from orchestration import machine


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ("fpu avx512_bf16 amx_tile amx_bf16", "amx_bf16"),
        ("fpu avx512f avx512_bf16", "avx512_bf16"),
        ("fpu avx512f avx512_bf16x", None),
        ("", None),
    ],
)
def test_a_processor_s_name_and_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, found: str | None
) -> None:
    one = f"processor\t: 0\nmodel name\t: Made: up 7\nflags\t\t: {flags}\nbogomips\t: 1\n\n"
    (tmp_path / "cpuinfo").write_text(one * 2)
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    assert machine.processor() == "Made: up 7"
    assert machine.bfloat16_instructions() == found


def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "none")
    assert machine.processor() in (platform.processor(), platform.machine())
    assert machine.bfloat16_instructions() is None
