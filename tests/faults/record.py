"""All of an ended sweep that has to be the same in every run, as plain values, and what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from orchestration import store
from tests.mlflow_content import check_ended, content, without_attempts

from .place import Place

OF_STATUS = ("tracking_uri", "parent_run_id")
OF_STATUS_TRIAL = ("run_id", "train_s", "images_per_s", "attempts", "attempt_epochs")
OF_EVALUATION = ("seconds", "ended")
OF_TAGS = ("git_commit", "mlflow.source.git.commit", "artifacts.search")
"""Of the code's place and, by their hash, of the files below."""
TIMED = ("search/budget.png", "search/compare.json")
"""They hold seconds of training."""
SHOWN = 12
"""Differences that are printed of one sweep."""


def record(place: Place) -> dict[str, Any]:
    """What came of a sweep; times, attempts and ids aside."""
    sweep = store.read_document(place.sweep / "sweep.json")
    runs = content(place.database, "faults")
    return {
        "sweep": {name: sweep[name] for name in ("name", "spec", "plan", "studies", "outcome")},
        "trials": {trial["key"]: _trial(trial) for trial in place.documents()},
        "studies": {study["key"]: study for study in place.documents("studies")},
        "checkpoints": _checkpoints(place),
        "status": _status(place.status()),
        "mlflow": {key: _of_mlflow(run) for key, run in without_attempts(runs).items()},
        "mlflow's runs": _ended(runs),
    }


def differences(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """Each leaf that differs, with its path: of the undisturbed run, then of the disturbed one."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one | other:
            place = f"{at}/{name}"
            if name not in one:
                yield f"{place}: was not there undisturbed"
            elif name not in other:
                yield f"{place}: is missing"
            else:
                yield from differences(one[name], other[name], place)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{at}: {len(one)} undisturbed, {len(other)} now"
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from differences(*pair, f"{at}[{number}]")
    elif type(one) is not type(other) or one != other:
        yield f"{at}: {one!r} undisturbed, {other!r} now"


def _trial(trial: dict[str, Any]) -> dict[str, Any]:
    return {
        "config": trial["config"],
        "state": trial["state"],
        "epochs": {str(epoch["epoch"]): epoch["metrics"] for epoch in trial["epochs"]},
        "steps": [epoch["epoch"] for epoch in trial["epochs"]],
        "decisions": trial["decisions"],
        "evaluations": {
            entry: {name: value for name, value in part.items() if name not in OF_EVALUATION}
            for entry, part in trial["evaluations"].items()
        },
        "error": trial["error"],
        "notes": trial["notes"],
    }


def _checkpoints(place: Place) -> dict[str, Any]:
    """By trial and epoch, each tensor by its bytes; and the files that no document names."""
    found: dict[str, Any] = {}
    named = _named_before(place.sweep)
    for trial in place.documents():
        for ref in trial["checkpoints"]:
            path = place.sweep / ref["path"]
            content = path.read_bytes()
            found[f"{trial['key']} epoch {ref['epoch']}"] = {
                "as noted": hashlib.sha256(content).hexdigest() == ref["sha256"],
                "content": _plain(torch.load(path, weights_only=True, map_location="cpu")),
            }
    named |= {ref["path"] for trial in place.documents() for ref in trial["checkpoints"]}
    found["unnamed"] = sorted(_files(place.sweep / "checkpoints", place.sweep) - named)
    return found


def _named_before(sweep: Path) -> set[str]:
    """Checkpoints that the documents' previous versions name; the newest of each may stay."""
    paths = [store.previous(path) for path in (sweep / "trials").glob("*.json")]
    documents = [store.read_document(path) for path in paths if path.exists()]
    return {ref["path"] for trial in documents for ref in trial["checkpoints"]}


def _files(folder: Path, above: Path) -> set[str]:
    return {p.relative_to(above).as_posix() for p in folder.rglob("*") if p.is_file()}


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        digest = hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()[:16]
        return f"{value.dtype} {list(value.shape)} {digest}"
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _of_mlflow(run: Any) -> Any:
    if isinstance(run, list):  # several of one trial; _ended says so
        return [_of_mlflow(one) for one in run]
    return {
        **run,
        "tags": {name: text for name, text in run["tags"].items() if name not in OF_TAGS},
        "artifacts": {path: sha for path, sha in run["artifacts"].items() if path not in TIMED},
    }


def _ended(runs: dict[str, Any]) -> str:
    try:
        check_ended(runs)
    except AssertionError as error:
        return str(error)
    return "one a trial, all at their end, no step doubled or missing"


def _status(document: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in document.items() if name not in OF_STATUS}
    kept["trials"] = {
        trial["key"]: {n: v for n, v in trial.items() if n not in OF_STATUS_TRIAL}
        for trial in document["trials"]
    }
    kept["order"] = [trial["key"] for trial in document["trials"]]
    return kept
