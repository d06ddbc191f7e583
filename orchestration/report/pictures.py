"""Pictures of a report: both sides of a pairing below one another, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.compare.answers import Answers
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger

SHOWN = (
    ("reconstructions.png", "reconstructions: image above, its reconstruction below"),
    ("samples.png", "samples of the prior, decoded"),
    ("umap.png", "UMAP of the latent means"),
    ("fd_sources.png", "FD by where the latents come from"),
    ("fid_sources.png", "FID by where the latents come from"),
)
MOST_BYTES = 6_000_000
"""Of all pictures together, before they are encoded, which adds a third."""


@dataclass(frozen=True)
class Column:
    """A trial's pictures, in the order of captions; None where there is none."""

    side: str
    key: str
    pictures: Sequence[str | None]


@dataclass(frozen=True)
class Group:
    """Both sides of a pairing, of one seed."""

    title: str
    columns: Sequence[Column]


@dataclass(frozen=True)
class Columns:
    """Pairings with their pictures, as many as there is room for."""

    groups: Sequence[Group]
    captions: Sequence[str]
    """Of the pictures in ``SHOWN`` that some trial has."""
    left_out: int
    """Pairings whose pictures had no room."""


def picture_columns(ledger: Ledger, answered: Answers) -> Columns:
    """The pictures of each pairing's first seed that both sides have."""
    groups: list[Group] = []
    spent = left_out = 0
    for pairing in answered.pairings:
        reference, other = pairing.cells
        shared = [repeat for repeat in reference.trials if repeat in other.trials]
        if not shared:
            continue
        keys = [cell.trials[shared[0]].key for cell in pairing.cells]
        found = [_pictures(ledger, ledger.trials[key]) for key in keys]
        size = sum(len(content) for files in found for content in files.values())
        if not size:
            continue
        if spent + size > MOST_BYTES:
            left_out += 1
            continue
        spent += size
        columns = [
            Column(side, key, [_uri(files[name]) if name in files else None for name, _ in SHOWN])
            for side, key, files in zip(pairing.sides, keys, found, strict=True)
        ]
        seed = f"seed {shared[0][0]}"
        groups.append(Group(f"{pairing.name}, {seed}" if pairing.name else seed, columns))
    pictures = [column.pictures for group in groups for column in group.columns]
    had = [place for place in range(len(SHOWN)) if any(each[place] for each in pictures)]
    return Columns(_only(groups, had), [SHOWN[place][1] for place in had], left_out)


def _only(groups: Sequence[Group], places: Sequence[int]) -> list[Group]:
    """The groups with these of the pictures alone."""
    return [
        Group(
            group.title,
            [Column(c.side, c.key, [c.pictures[place] for place in places]) for c in group.columns],
        )
        for group in groups
    ]


def _pictures(ledger: Ledger, trial: Trial) -> dict[str, bytes]:
    """By file name, those of a trial's pictures that are shown."""
    wanted = {name for name, _ in SHOWN}
    files = {}
    for entry, part in trial.evaluations.items():
        for ref in part.artifacts if "@" not in entry else ():
            path = ledger.folder / ref.path
            if path.name in wanted and path.exists():
                files[path.name] = path.read_bytes()
    return files


def _uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
