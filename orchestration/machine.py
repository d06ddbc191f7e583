"""What machine this is, as far as figures and times depend on it."""

from __future__ import annotations

import platform
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""What processors call their instructions for products in bfloat16, the faster ones first."""


def processor() -> str:
    """The processor's name; its architecture where the system does not tell."""
    return _about("model name") or platform.processor() or platform.machine()


def bfloat16_instructions() -> str | None:
    """The processor's fastest instructions for products in bfloat16; None: it has none."""
    flags = _about("flags").split()
    return next((name for name in BFLOAT16 if name in flags), None)


def _about(field: str) -> str:
    """What the system says of the first processor; empty where it does not tell."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in fields if name.strip() == field), "")
