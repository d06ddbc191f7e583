"""All that MLflow holds of an experiment, as plain values that can be compared field by field.

What no two runs have in common is left out or replaced: times, random ids, and the values (not the
steps) of ``time/…`` metrics. Everything else is there exactly, files by their hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import tempfile
import zlib
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

PARENT = "parent"
SWEEP_TAG = "cvae_sweep.sweep_id"
PARENT_TAG = "mlflow.parentRunId"
TIMED_TAGS = ("mlflow.note.content", "artifacts.report")
TIMED_FILES = re.compile(r"report/(report\.html|note\.md|(comparison(_\d+)?|verdicts)\.json)")
"""They say what trials took: that they are there is all that can be compared."""
TIMED_NAME = re.compile(r"(?<=[+%]timestamp[+%])\d+")
"""In a picture's name: when the epoch that it shows had ended."""
ATTEMPT = re.compile(r"(?<=/)a\d{3}-")
"""In a checkpoint's name: the attempt that wrote it."""


def content(tracking_uri: str, experiment: str, *, deleted: bool = False) -> dict[str, Any]:
    """Runs by trial key (``parent``: the sweep's own); a list of them where a key has several.

    Args:
        tracking_uri: of MLflow.
        experiment: its name.
        deleted: the runs that were deleted, in place of those that were not.

    Returns:
        Of each run ``status``, ``lifecycle_stage``, ``params``, ``tags``, ``metrics`` as sorted
        (step, value) by name, ``artifacts`` as SHA-256 by path, and ``inputs`` as sorted (name,
        digest, profile, context). Nothing where there is no such experiment.
    """
    client = MlflowClient(tracking_uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return {}
    runs: list[Run] = []
    token, view = None, ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    while True:
        page = client.search_runs([found.experiment_id], "", view, page_token=token)
        runs, token = runs + list(page), page.token
        if not token:
            break
    by_key: dict[str, list[Run]] = {}
    for run in runs:
        by_key.setdefault(_key(run), []).append(run)
    parents = {run.info.run_id for run in by_key.get(PARENT, [])}
    values = {
        key: sorted((_values(client, run, parents) for run in same), key=repr)
        for key, same in sorted(by_key.items())
    }
    return {key: same if len(same) > 1 else same[0] for key, same in values.items()}


def without_attempts(runs: dict[str, Any]) -> dict[str, Any]:
    """The content of an undisturbed sweep and of one that was interrupted, made alike.

    How many attempts a trial had, and which of them wrote a checkpoint, is left out.
    """
    return {
        key: run
        if isinstance(run, list)
        else {
            **run,
            "tags": {name: text for name, text in run["tags"].items() if name != "attempts"},
            "artifacts": {ATTEMPT.sub("", path): sha for path, sha in run["artifacts"].items()},
        }
        for key, run in runs.items()
    }


def differences(here: Any, there: Any, path: str = "") -> list[str]:
    """Where two contents differ, a line each; nothing where they are equal."""
    if isinstance(here, dict) and isinstance(there, dict):
        keys = sorted(here.keys() | there.keys())
        return [
            line
            for key in keys
            for line in differences(here.get(key), there.get(key), f"{path}/{key}")
        ]
    return [] if here == there else [f"{path}: {here!r} is not {there!r}"]


def check_ended(runs: dict[str, Any]) -> None:
    """One run a trial and one above them; none of them RUNNING, no step doubled, no gap.

    Args:
        runs: as ``content`` gives them.
    """
    assert PARENT in runs
    for key, run in runs.items():
        assert isinstance(run, dict), f"{key} has {len(run)} runs"
        assert run["status"] in ("FINISHED", "FAILED", "KILLED"), f"{key} is {run['status']}"
        assert key == PARENT or run["tags"][PARENT_TAG] == PARENT, key
        for name, points in run["metrics"].items():
            steps = [step for step, _ in points]
            assert len(set(steps)) == len(steps), f"{name} of {key}: {steps}"
            if name.startswith(("train/", "time/")):
                assert steps == list(range(1, len(steps) + 1)), f"{name} of {key}: {steps}"
        lengths = {len(p) for n, p in run["metrics"].items() if n.startswith(("train/", "time/"))}
        assert len(lengths) <= 1, f"{key}: some metrics are an epoch behind: {lengths}"


def _key(run: Run) -> str:
    if run.data.tags.get(f"{SWEEP_TAG}.parent") == "true":
        return PARENT
    return str(run.data.tags.get("trial_key", f"neither parent nor trial: {run.info.run_id}"))


def _values(client: MlflowClient, run: Run, parents: set[str]) -> dict[str, Any]:
    tags = {name: text for name, text in run.data.tags.items() if name not in TIMED_TAGS}
    if SWEEP_TAG in tags:
        tags[SWEEP_TAG] = "id"
    if tags.get(PARENT_TAG) in parents:
        tags[PARENT_TAG] = PARENT
    return {
        "status": run.info.status,
        "lifecycle_stage": run.info.lifecycle_stage,
        "params": dict(sorted(run.data.params.items())),
        "tags": dict(sorted(tags.items())),
        "metrics": {name: _points(client, run, name) for name in sorted(run.data.metrics)},
        "artifacts": _artifacts(client, run.info.run_id),
        "inputs": sorted(
            (i.dataset.name, i.dataset.digest, i.dataset.profile, *(tag.value for tag in i.tags))
            for i in run.inputs.dataset_inputs
        ),
    }


def _points(client: MlflowClient, run: Run, name: str) -> list[tuple[int, Any]]:
    history = client.get_metric_history(run.info.run_id, name)
    timed = name.startswith("time/")
    points = [(m.step, "a time" if timed else _comparable(m.value)) for m in history]
    return sorted(points, key=lambda point: (point[0], repr(point[1])))


def _comparable(value: float) -> Any:
    # Not a number is not equal to itself.
    return "NaN" if math.isnan(value) else value


def _artifacts(client: MlflowClient, run_id: str) -> dict[str, str]:
    if not client.list_artifacts(run_id):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, "", folder))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        found = {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }
    return {
        TIMED_NAME.sub("time", path): "timed" if TIMED_FILES.fullmatch(path) else sha
        for path, sha in found.items()
    }


def views(tracking_uri: str, experiment: str) -> dict[str, Any]:
    """The states of the saved views of an experiment, by their keys."""
    found = MlflowClient(tracking_uri).get_experiment_by_name(experiment)
    prefix = "mlflow.sharedViewState."
    tags = {} if found is None else found.tags
    return {n.removeprefix(prefix): unpacked(t) for n, t in tags.items() if n.startswith(prefix)}


def unpacked(view: str) -> Any:
    """The state in the tag of a saved view."""
    packed = json.loads(view)["state"].removeprefix("deflate;")
    return json.loads(zlib.decompress(base64.b64decode(packed)))
