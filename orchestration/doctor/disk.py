"""Free disk space."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.filesize import decimal

from cvae_core.config import DataConfig
from cvae_core.data.sources import inspect_dataset
from orchestration.caches import default_data_root
from orchestration.doctor.checkpoints import checkpoints_bytes
from orchestration.doctor.datafiles import data_bytes
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject, nearest_existing
from orchestration.errors import UserError
from orchestration.plan.datasets import root_of
from orchestration.tracking.config import load_mlflow_config

SPARE = 10**9
LEAST = 10**8


def check_disk(subject: Subject) -> list[Finding]:
    """Every disk once, with all that is to lie on it."""
    checkpoints = checkpoints_bytes(subject)
    if _artifacts_beside(subject):
        checkpoints *= 2  # MLflow gets a copy of each
    # An archive, and what is unpacked from it.
    downloads = sum(
        2 * data_bytes(config, subject.data_root)
        for config in subject.data
        if config.name != "folder" and _missing(config, subject.data_root)
    )
    places = [
        ("sweeps", subject.storage, checkpoints),
        ("temporary files", Path(tempfile.gettempdir()), 0),
        ("data sets", subject.data_root or default_data_root(), downloads),
    ]
    disks: dict[int, list[tuple[str, Path, int]]] = defaultdict(list)
    for what, path, need in places:
        disks[nearest_existing(path).stat().st_dev].append((what, path, need))
    return [_check(on_it, subject) for on_it in disks.values()]


def _check(places: list[tuple[str, Path, int]], subject: Subject) -> Finding:
    free = shutil.disk_usage(nearest_existing(places[0][1])).free
    need = sum(need for _, _, need in places)
    where = ", ".join(f"{what} ({path})" for what, path, _ in places)
    found = f"{decimal(free)} free for {where}"
    if subject.spec is not None:
        found += f"; {subject.spec.name} needs up to {decimal(need)}"
    if free - need > SPARE:
        return ok("disk", found)
    advice = "Free some space, or choose another disk with --storage, --data-root or TMPDIR" + (
        "; checkpoints.keep or checkpoints.max_gb in the sweep file keeps fewer checkpoints."
        if need
        else "."
    )
    return (problem if free < need + LEAST else warning)("disk", found, advice)


def _missing(config: DataConfig, data_root: Path | None) -> bool:
    return inspect_dataset(config, root_of(config, data_root)).state == "missing"


def _artifacts_beside(subject: Subject) -> bool:
    """Whether MLflow keeps its copies of checkpoints on the disk of the sweeps."""
    try:
        config = load_mlflow_config(subject.tracking_uri)
    except UserError:
        return False  # the tracking check tells of it
    local = (config.tracking_uri or "sqlite:").startswith("sqlite")
    return local and config.artifact_location is None
