"""Trials that are trained at once, with real Ray; on CPUs, which a sweep file does not allow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from .conftest import Family, Place

SWEEP = """\
name: digits
base: {data: {name: digits}, epochs: 12, architecture: {channels: [4, 8], latent_dim: 4}}
grid: {beta: [0.001, 0.01, 0.1]}
baselines: false
checkpoints: {min_interval_s: 0}
evaluation: {probe: false, umap: false, fd: false, pictures: false, diagnostics: false}
"""
SCRIPT = """\
import sys
from pathlib import Path
from orchestration.run.request import Flags, Request
from orchestration.run.runner import run_sweep
from orchestration.signals import ended_by_signals
from orchestration.spec.reading import load_spec
from orchestration.spec.sweep import Resources
from orchestration.terminal.console import Console

spec = load_spec(Path("sweep.yaml"))
spec = spec.model_copy(update={"resources": Resources(cpu=1, pack=3)})
with ended_by_signals() as signals:
    request = Request(spec, Path("runs"), "by hand", flags=Flags(max_concurrent=1))
    sys.exit(run_sweep(request, Console(), signals))
"""


def start(place: Place) -> subprocess.Popen[str]:
    place.temporary.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "RAY"))}
    driver = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=place.folder,
        env={**environment, "TMPDIR": str(place.temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    place.drivers.append(driver)
    return driver


def test_a_pack_whose_worker_is_killed_goes_on_with_all_of_its_trials(
    make_place: Callable[..., Place],
) -> None:
    place = make_place("p", SWEEP)
    driver = start(place)
    family = Family(driver.pid)
    trial = place.training(driver, 2, among=3, before_end=4)
    os.kill(trial["attempts"][-1]["worker"]["pid"], signal.SIGKILL)
    out, _ = family.communicate(driver)
    assert driver.returncode == 0, out
    assert "1 pack of up to 3 trials at a time" in out
    trials = place.documents()
    assert len(trials) == 3
    for trial in trials:
        assert (trial["state"], trial["config"]["packed"]) == ("finished", True)
        assert [a["outcome"] for a in trial["attempts"]] == ["lost", "finished"]
        assert [e["epoch"] for e in trial["epochs"]] == list(range(1, 13))
        # The attempt after it began from the checkpoint of the one before.
        assert trial["attempts"][1]["from_epoch"] >= 2
    pids = {trial["attempts"][0]["worker"]["pid"] for trial in trials}
    assert len(pids) == 1, "one worker had them all"
