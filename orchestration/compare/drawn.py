"""What a run draws at its end: files of the whole sweep, made anew where they would show more."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestration import store
from orchestration.ledger.documents import ArtifactRef, Evaluated, Failure
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import artifacts_of


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn."""

    digest: str
    """Of all that it shows."""
    files: Callable[[], Mapping[str, bytes]]
    """Makes it: content by file name."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    """For tags of MLflow's run."""


def note_drawn(ledger: Ledger, entry: str, prepare: Callable[[], Drawing]) -> None:
    """Draw and write down what is not there yet; a failure is noted as well.

    Args:
        ledger: of the sweep; its lock is held.
        entry: name among the sweep's evaluations.
        prepare: says what there is to be drawn.
    """
    settings: dict[str, str] = {}
    began = time.perf_counter()
    noted = ledger.sweep.evaluations.get(entry, Evaluated())
    try:
        drawing = prepare()
        settings = {"digest": drawing.digest}
        if noted.settings == settings:
            return
        files = drawing.files()
        artifacts = [_written(ledger, entry, name, content) for name, content in files.items()]
        evaluated = Evaluated(
            state="finished", settings=settings, artifacts=artifacts, facts=dict(drawing.facts)
        )
    except Exception as error:  # drawing is not to end a sweep whose trials are trained
        failure = Failure(
            kind=type(error).__name__, message=str(error), traceback=traceback.format_exc()
        )
        evaluated = Evaluated(state="failed", settings=settings, error=failure)
    evaluated.seconds = time.perf_counter() - began
    evaluated.ended = time.time()
    ledger.note_evaluation("", entry, evaluated)
    kept = {ref.path for ref in ledger.sweep.evaluations[entry].artifacts}
    for ref in noted.artifacts:
        if ref.path not in kept:
            store.remove(ledger.folder / ref.path)


def _written(ledger: Ledger, entry: str, name: str, content: bytes) -> ArtifactRef:
    path = f"{artifacts_of(entry)}/{name}"
    store.write_bytes(ledger.folder / path, content)
    digest = hashlib.sha256(content).hexdigest()
    return ArtifactRef(path=path, sha256=digest, bytes=len(content))
