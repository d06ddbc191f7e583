"""What is wrong with the metric that early stopping and best-epoch selection look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cvae_core.evaluation.metrics import describe
from orchestration.spec.checks.metrics import COMPARABLE, Trials, not_computed, sealed
from orchestration.spec.errors import SpecErrors
from orchestration.spec.yaml_file import Location


def check_selection(
    errors: SpecErrors,
    grids: Sequence[Mapping[str, list[Any]]],
    trials: Trials,
) -> None:
    """Check every metric that trials select by beside the rest of the file.

    Args:
        errors: where mistakes are noted.
        grids: the grids, by dotted names.
        trials: of the grid's cells.
    """
    for name in dict.fromkeys(config.selection.metric for config in trials.configs):
        reason = _refusal(name, trials)
        if reason is not None:
            errors.add(_place(name, grids), reason)


def _refusal(name: str, trials: Trials) -> str | None:
    refused = sealed(name)
    if refused is not None:
        return refused
    metric = describe(name)
    if metric is None or metric.better is None:
        return f"of {name} neither more nor less is better by itself; write {COMPARABLE}"
    reason = not_computed(name, trials)
    return None if reason is None else f"{name} {reason}"


def _place(name: str, grids: Sequence[Mapping[str, list[Any]]]) -> Location:
    for index, grid in enumerate(grids):
        if name in grid.get("selection.metric", []):
            return (
                ("grid", index, "selection.metric")
                if len(grids) > 1
                else ("grid", "selection.metric")
            )
    return ("base", "selection", "metric")
