"""Names of entries among the evaluations of a trial or of a sweep."""

from __future__ import annotations


def entry_at(part: str, epoch: int) -> str:
    """The name of a part's entry for one of a trial's checkpoints."""
    return f"{part}@{epoch}"


def split_entry(entry: str) -> tuple[str, int | None]:
    """Part and epoch of an entry; None: of what the trial ended with."""
    part, _, epoch = entry.partition("@")
    return part, int(epoch) if epoch else None


SEARCH = "search"
"""Among the sweep's evaluations: the figures of its searches, which every run draws."""

REPORT = "report"
"""Among them as well: the page that says what came of the sweep."""
DRAWN = (SEARCH, REPORT)
"""What a run makes at its end, and ``retry`` makes again."""

MAP = "shared_umap"
