"""The figures of a sweep's searches: drawn when a run ends, and shown by MLflow's parent run."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from pathlib import Path
from typing import Any

from orchestration import store
from orchestration.compare.figures import search_figures
from orchestration.compare.searches import add_importances, search_comparison
from orchestration.ledger.documents import ArtifactRef, Evaluated, Failure
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import SEARCH
from orchestration.ledger.paths import artifacts_of

VERSION = 1
"""Raised where figures of the same results would look different."""


def note_search(ledger: Ledger) -> None:
    """Draw what the searches have found, unless that was done already; a failure is noted as well.

    A sweep without a search has nothing of the kind.

    Args:
        ledger: of the sweep; its lock is held.
    """
    if not ledger.planned_studies():
        return
    settings: dict[str, Any] = {}
    began = time.perf_counter()
    try:
        document = search_comparison(ledger)
        settings = {"digest": digest_of(document)}
        noted = ledger.sweep.evaluations.get(SEARCH)
        if noted is not None and noted.settings == settings:
            return
        add_importances(document, ledger)
        files = search_figures(document)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        files["compare.json"] = text.encode()
        artifacts = [_written(ledger.folder, name, content) for name, content in files.items()]
        evaluated = Evaluated(
            state="finished", settings=settings, artifacts=artifacts, facts=_facts(document)
        )
    except Exception as error:  # drawing is not to end a sweep whose trials are trained
        failure = Failure(
            kind=type(error).__name__, message=str(error), traceback=traceback.format_exc()
        )
        evaluated = Evaluated(state="failed", settings=settings, error=failure)
    evaluated.seconds = time.perf_counter() - began
    evaluated.ended = time.time()
    before = ledger.sweep.evaluations.get(SEARCH, Evaluated()).artifacts
    ledger.note_evaluation("", SEARCH, evaluated)
    kept = {ref.path for ref in ledger.sweep.evaluations[SEARCH].artifacts}
    for ref in before:
        if ref.path not in kept:
            store.remove(ledger.folder / ref.path)


def digest_of(document: dict[str, Any]) -> str:
    """A hash of all that figures show; importances follow from it.

    Args:
        document: as ``search_comparison`` makes it.
    """
    text = json.dumps([VERSION, document], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def place_of(ledger: Ledger) -> Path:
    """The folder of the figures."""
    return ledger.folder / artifacts_of(SEARCH)


def _written(folder: Path, name: str, content: bytes) -> ArtifactRef:
    path = f"{artifacts_of(SEARCH)}/{name}"
    store.write_bytes(folder / path, content)
    digest = hashlib.sha256(content).hexdigest()
    return ArtifactRef(path=path, sha256=digest, bytes=len(content))


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
