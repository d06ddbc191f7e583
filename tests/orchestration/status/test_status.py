"""The document that scripts read: fields may be added, never renamed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import orchestration
from orchestration import store
from orchestration.cli.main import cli
from orchestration.compare.loaded import load_sweep
from orchestration.errors import UserError
from orchestration.ledger import paths
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import HOLDER, TRIALS, sweep_names
from orchestration.ledger.processes import ProcessRecord
from orchestration.status.sweeps import list_document
from orchestration.status.view import next_lines
from orchestration.storage import storage_folder

SWEEP = {"name", "state", "tracking_uri", "experiment", "parent_run_id", "counts", "trials"}
TRIAL = {
    *("key", "state", "model", "beta", "lambda", "tau", "seed", "config", "epoch", "attempts"),
    *("run_id", "error", "train_s", "metrics"),
}


def test_the_document_of_a_finished_sweep(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid={"model": ["vae", "cvae"]})
    sweep.run()
    view = orchestration.load_sweep("sweep", sweep.folder.parent)
    document = json.loads(json.dumps(view.document, allow_nan=False))
    assert set(document) >= SWEEP
    assert document["state"] == "finished"
    assert document["counts"]["finished"] == 2
    vae, cvae = document["trials"]
    assert set(vae) >= TRIAL
    assert (vae["model"], vae["lambda"], vae["tau"]) == ("vae", None, None)
    assert (cvae["model"], cvae["lambda"], cvae["tau"]) == ("cvae", 0.1, 0.5)
    assert (vae["epoch"], vae["attempts"], vae["error"]) == (3, 1, None)
    assert vae["train_s"] > 0
    assert {"val/loss", "probe/accuracy"} <= set(vae["metrics"])
    assert vae["config"]["architecture"]["latent_dim"] == 4


@pytest.mark.parametrize(
    ("ago", "copied", "state", "said"),
    [
        (60, False, "running", "at work: `cvae-sweep run x` (process 1 on elsewhere, since "),
        (3600, False, "interrupted", "has noted no end and written nothing for 1 h; whether it"),
        (60, True, "interrupted", "continue with: "),
    ],
)
def test_a_driver_on_another_machine(
    local_sweep: Callable[..., Any], ago: float, copied: bool, state: str, said: str
) -> None:
    """Such as a compute node's, looked at from where its job was queued."""
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    queue.begun(queue.next())
    folder = sweep.folder
    inode = folder.stat().st_ino + copied
    holds = {"host": "elsewhere", "boot": "b", "folder": [1, inode], "since": 0.0}
    holds |= {"process": {"pid": 1, "started": 1}, "command": "cvae-sweep run x"}
    store.write_document(folder / HOLDER, holds)
    then = time.time() - ago
    for path in (folder / paths.SWEEP, folder / TRIALS, folder / HOLDER):
        os.utime(path, (then, then))
    document = load_sweep("sweep", folder.parent).document
    assert document["state"] == state
    assert document["counts"]["running" if state == "running" else "pending"] == 1
    (row,) = list_document(folder.parent)["sweeps"]
    assert row["state"] == state
    lines = "\n".join(next_lines(document, folder))
    assert said in lines
    assert ("resume" in lines) == (state == "interrupted")


def test_what_a_dead_driver_left_running_is_pending(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    queue.begun(queue.next())
    document = load_sweep("sweep", sweep.folder.parent).document
    assert document["state"] == "interrupted"
    assert document["counts"]["pending"] == 1
    record = ProcessRecord(sweep.folder)
    record.update()
    document = load_sweep("sweep", sweep.folder.parent).document
    assert document["state"] == "running"
    assert document["counts"]["running"] == 1
    record.clear()


def test_trials_that_left_the_plan_are_counted_apart(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid={"beta": [1, 2]})
    sweep.queue(sweep.open())
    ledger = Ledger.open(sweep.folder)
    ledger.sweep.plan = sweep.keys[1:]
    ledger.save_sweep()
    document = load_sweep("sweep", sweep.folder.parent).document
    assert [trial["key"] for trial in document["trials"]] == sweep.keys[1:]
    assert document["left_the_plan"] == 1
    for command in ("status", "compare"):
        asked = [command, "sweep", "--storage", str(sweep.folder.parent)]
        shown = CliRunner().invoke(cli, asked, catch_exceptions=False).output
        assert "1 trial of an earlier plan not shown" in shown


def test_a_folder_of_another_name_is_to_be_renamed(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep("small")
    sweep.queue(sweep.open())
    asked = ["status", "--storage", str(sweep.folder.parent)]
    shown = CliRunner().invoke(cli, asked, catch_exceptions=False).output
    assert "resume small" in shown
    assert "not shown" not in shown
    copy = sweep.folder.rename(sweep.folder.with_name("copy"))
    shown = CliRunner().invoke(cli, asked, catch_exceptions=False).output
    assert f"rename {copy} to small before you continue it" in shown.replace("\n", " ")
    assert "resume" not in shown


def test_a_sweep_that_is_not_there(local_sweep: Callable[..., Any], tmp_path: Path) -> None:
    local_sweep("other").open()
    with pytest.raises(UserError, match=r"no sweep 'nothing'.*there are: other$"):
        load_sweep("nothing", tmp_path)
    with pytest.raises(UserError, match="a sweep's name is wanted here, not its file"):
        load_sweep("other.yaml", tmp_path)


def test_where_sweeps_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CVAE_SWEEP_STORAGE", raising=False)
    assert storage_folder() == Path("runs")
    monkeypatch.setenv("CVAE_SWEEP_STORAGE", str(tmp_path))
    assert storage_folder() == tmp_path
    assert storage_folder("given") == Path("given")
    assert sweep_names(tmp_path) == []
