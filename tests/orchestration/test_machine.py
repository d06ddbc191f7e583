from __future__ import annotations

import platform
from pathlib import Path

import pytest

from orchestration import machine


def test_the_processor_has_the_name_that_the_kernel_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Quick 9000: 2 GHz\nmodel name\t: Slow\n")
    monkeypatch.setattr(machine, "CPU_INFO", info)
    assert machine.processor() == "Quick 9000: 2 GHz"
    info.unlink()
    assert machine.processor() in (platform.processor(), platform.machine())
