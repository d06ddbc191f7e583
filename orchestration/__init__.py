"""Run many trials: sweep files, the ledger, Ray Tune, MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.compare.loaded import load_sweep as load_sweep

__version__ = "0.3.0"


def __getattr__(name: str) -> Any:
    if name == "load_sweep":
        from orchestration.compare.loaded import load_sweep

        return load_sweep
    raise AttributeError(f"module 'orchestration' has no attribute {name!r}")
