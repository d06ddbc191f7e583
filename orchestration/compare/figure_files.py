"""The figures of a sweep's searches: drawn when a run ends, and shown by MLflow's parent run."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

from orchestration.compare.drawn import Drawing, note_drawn
from orchestration.compare.figures import search_figures
from orchestration.compare.searches import add_importances, search_comparison
from orchestration.ledger.documents import Evaluated
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import SEARCH
from orchestration.ledger.paths import artifacts_of

VERSION = 1
"""Raised where figures of the same results would look different."""
DOCUMENT = "compare.json"


def note_search(ledger: Ledger) -> None:
    """Draw what the searches have found, unless that was done already; a failure is noted as well.

    A sweep without a search has nothing of the kind.

    Args:
        ledger: of the sweep; its lock is held.
    """
    if ledger.planned_studies():
        note_drawn(ledger, SEARCH, partial(_drawing, ledger))


def search_document(ledger: Ledger) -> dict[str, Any]:
    """What the searches have found, importances included.

    Those take seconds: where a run has noted the same, it is read.
    """
    document = search_comparison(ledger)
    noted = ledger.sweep.evaluations.get(SEARCH, Evaluated())
    for ref in noted.artifacts:
        path = ledger.folder / ref.path
        same = noted.settings.get("digest") == digest_of(document) and path.is_file()
        if path.name == DOCUMENT and same and _sha256(path.read_bytes()) == ref.sha256:
            stored: dict[str, Any] = json.loads(path.read_bytes())
            return stored
    add_importances(document, ledger)
    return document


def digest_of(document: dict[str, Any]) -> str:
    """A hash of all that figures show; importances follow from it.

    Args:
        document: as ``search_comparison`` makes it.
    """
    text = json.dumps([VERSION, document], sort_keys=True, separators=(",", ":"))
    return _sha256(text.encode())


def place_of(ledger: Ledger) -> Path:
    """The folder of the figures."""
    return ledger.folder / artifacts_of(SEARCH)


def _drawing(ledger: Ledger) -> Drawing:
    document = search_comparison(ledger)
    digest = digest_of(document)

    def files() -> dict[str, bytes]:
        add_importances(document, ledger)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        return {**search_figures(document), DOCUMENT: text.encode()}

    return Drawing(digest, files, _facts(document))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _facts(document: dict[str, Any]) -> dict[str, str | int | float]:
    """For tags of MLflow's run: the best trial of each family."""
    facts: dict[str, str | int | float] = {}
    for family in document["families"]:
        if family["best"] is not None:
            facts[f"best_{family['family']}"] = family["best"]["key"]
            facts[f"best_{family['family']}_value"] = family["best"]["values"][0]
        elif family["front"]:
            facts[f"front_{family['family']}"] = " ".join(e["key"] for e in family["front"])
    return facts
