"""An estimate for a terminal."""

from __future__ import annotations

from typing import Any

from orchestration.terminal.tables import Column, Sheet
from orchestration.words import count, duration


def estimate_table(document: dict[str, Any]) -> Sheet:
    """One row for each kind of trial."""
    kinds = document["kinds"]

    def numbers(title: str, cells: list[str], rank: int) -> Column:
        return Column(title, cells, rank=rank, right=True)

    columns = [
        Column("model", [kind["model"] for kind in kinds]),
        Column("data", [kind["data"] for kind in kinds], rank=5),
        numbers("trials", [str(kind["trials"]) for kind in kinds], 4),
        numbers("images/s", [f"{kind['images_per_s']:,.0f}" for kind in kinds], 1),
        numbers("epoch", [_short(kind["epoch_s"]) for kind in kinds], 2),
        numbers("evaluation", [_short(kind["evaluation_s"]) for kind in kinds], 3),
        numbers("one trial", [duration(kind["trial_s"]) for kind in kinds], 0),
    ]
    return Sheet("measured here just now", columns)


def estimate_line(document: dict[str, Any]) -> str:
    """How long all of it takes."""
    slots = document["slots"]
    together = f"{slots} trials at a time" if slots > 1 else "one trial at a time"
    if not document["sweep_s"]:
        return "nothing is left to train or to evaluate"
    words = "at most about" if document["at_most"] else "about"
    why = document.get("why_threads")
    each = f", {count(document['threads'], 'thread')} each ({why})" if why else ""
    took = duration(document["sweep_s"])
    return f"{words} {took} on this machine as busy as it is now, {together}{each}"


def precision_line(document: dict[str, Any]) -> str | None:
    """Which precision would be faster here than the one that is set; None: there is none."""
    here = document["precision"]
    if not document["sweep_s"] or here is None or here["faster"] is None:
        return None
    if here["faster"] == "float32":
        return (
            "this processor has no instructions for bfloat16: precision: float32 would be faster, "
            "and give other figures"
        )
    return (
        f"this processor computes in bfloat16 ({here['instructions']}): precision: bfloat16 would "
        "be faster, and give other figures (docs/performance.md)"
    )


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else duration(seconds)
