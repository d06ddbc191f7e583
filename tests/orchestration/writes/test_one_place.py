"""``store.py`` alone writes below a sweep's folder; what else writes anywhere is on these lists."""

from __future__ import annotations

import ast
import re

import pytest

from orchestration.ledger import paths
from tests.orchestration.writes.sources import ROOT, calls, changes_files, steps_of_paths

ELSEWHERE = {
    "orchestration": {
        "caches._of_this_user": "a temporary folder for caches",
        "terminal.console._appended": "appends what Ray prints to the sweep's log",
        "terminal.console.Console.others_to": "writes to the terminal that there was",
        "cli.export.command": "a temporary folder for a model to be registered",
        "doctor.cluster.check_cluster": "temporary folders, to see whether nodes share a folder",
        "engine.node_checks._look_here.look": "on a node: a word that is taken away again",
        "doctor.filesystem.check_storage": "a temporary folder, to see whether the storage works",
        "tracking.database.make_database": "a temporary folder for a new database",
        "tracking.grid_images.write_image": "into the folder of the next",
        "tracking.run_writer.RunWriter._show": "a temporary folder for pictures to be sent",
        "tracking.rehearsal.would_upgrade": "a temporary folder for a copy of a database",
        "ledger.processes._temporary_folder": "a temporary folder for Ray",
        "tracking.model.save_model": "a model, under another name until it is whole",
        "engine.ray_environment.prepare_local": "Ray's token, in that folder",
        "store._link": "the store itself",
        "store._write": "the store itself",
        "store._write_part": "the store itself",
        "store.remove": "the store itself",
        "store.remove_empty": "the store itself",
        "store.remove_folder": "the store itself",
        "store.write_new": "the store itself",
        "terminal.streams._reopen_closed": "opens the null device",
        "terminal.streams.let_go": "opens the null device",
    },
    # It knows of no sweeps: what it writes is the cache's, which may be lost at any time.
    "cvae_core": {
        "data.sources.content._write_index": "the cache of hashes",
        "data.sources.decoded_cache._write": "the cache of images",
        "data.sources.decoded_cache.write_decoded": "the cache of images",
        "data.sources.download._fetch": "data sets, unpacked",
        "data.sources.transfer._no_empty_folders": "data sets and weights, checked by their hashes",
        "data.sources.transfer.fetch": "data sets and weights, checked by their hashes",
        "evaluation.distances.classifier.Classifier.to_bytes": "into memory",
        "evaluation.figures.png": "into memory",
        "evaluation.distances.real_side._to_bytes": "into memory",
        "evaluation.distances.shared_files.write_shared": "the cache of evaluations",
        "training.checkpoint.Checkpoint.to_bytes": "into memory",
    },
}


@pytest.mark.parametrize("package", ELSEWHERE)
def test_who_writes_without_the_store_is_known(package: str) -> None:
    assert calls(changes_files, package) == set(ELSEWHERE[package])


def test_the_store_is_called_by_its_name() -> None:
    """So that the tests of every write find who calls it; constants may be imported."""
    for path in (ROOT / "orchestration").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"import store as|orchestration\.store import .*[a-z]", text), path


SPELLED = {
    *(paths.SWEEP, paths.HOLDER, paths.STOP, paths.PROCESSES, paths.TRACKING),
    *(paths.TRIALS, paths.STUDIES, paths.CHECKPOINTS, paths.ARTIFACTS, paths.LOGS),
    *(paths.EXTRACTORS, paths.CHECKPOINT_NOW),
}
"""What a sweep's folder holds; the lock's own name is too common a word."""
OTHER_FOLDERS = {"engine/job_searcher.py": {"logs"}}
"""Names of the same spelling in folders that are no sweep's: Ray's."""


def test_what_a_sweep_s_folder_holds_is_spelled_in_one_module() -> None:
    spelled = {}
    for path in (ROOT / "orchestration").rglob("*.py"):
        module = path.relative_to(ROOT / "orchestration").as_posix()
        if module != "ledger/paths.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            spelled[module] = set(steps_of_paths(tree)) & SPELLED
    assert {module: names for module, names in spelled.items() if names} == OTHER_FOLDERS


def test_a_path_that_is_spelled_is_seen() -> None:
    for text in ('folder / "logs" / name', 'f"logs/{name}"', '"logs/ray.log"', '"logs/*.txt"'):
        assert "logs" in set(steps_of_paths(ast.parse(text))), text
    for text in ('row["logs"]', '"the logs"', 'def f():\n    """Of logs/ray.log."""'):
        assert "logs" not in set(steps_of_paths(ast.parse(text))), text
