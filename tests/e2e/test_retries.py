"""Workers that are lost or have no memory left, with real Ray."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from .conftest import Family, Place

LONG = """\
name: digits
base:
  data: {{name: digits}}
  epochs: {epochs}
  batch_size: 128
  learning_rate: 1e-3
  architecture: {{channels: [4, 8], latent_dim: 4}}
retries: {retries}
checkpoints: {{min_interval_s: 0}}
evaluation: {{probe: false, umap: false, fd: false, pictures: false, diagnostics: false}}
"""


@pytest.fixture(scope="module")
def monitored(make_place: Callable[..., Place]) -> tuple[Place, subprocess.Popen[str], Family]:
    """A sweep whose memory monitor looks rarely, and takes whatever it sees for too much."""
    place = make_place("m", LONG.format(epochs=100_000, retries=0))
    monitor = {"usage_threshold": "0.0001", "monitor_refresh_ms": "20000"}
    variables = {f"RAY_memory_{name}": value for name, value in monitor.items()}
    driver = place.start("run", "sweep.yaml", **variables)
    return place, driver, Family(driver.pid)


@pytest.mark.usefixtures("monitored")  # which waits meanwhile
def test_a_crash_and_a_kill_are_told_and_overcome(make_place: Callable[..., Place]) -> None:
    place = make_place("r", LONG.format(epochs=30, retries=2))
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    for number, end in enumerate((signal.SIGSEGV, signal.SIGKILL), start=1):
        trial = place.training(driver, 4 * number, attempt=number)
        os.kill(trial["attempts"][-1]["worker"]["pid"], end)
    out, _ = family.communicate(driver)
    assert driver.returncode == 0, out
    assert re.search(
        r"worker lost, and goes on from epoch \d+: its process crashed: Segmentation fault", out
    )
    assert out.count("it is tried again in 1 s from epoch ") == 2, "each got some epochs further"
    (trial,) = place.documents()
    assert [a["outcome"] for a in trial["attempts"]] == ["lost", "lost", "finished"]
    crash, kill, _ = (attempt["failure"] for attempt in trial["attempts"])
    assert "Stack (most recent call first)" in (place.sweep / crash["log"]).read_text()
    assert kill["message"].startswith("its process was killed, or ended by itself (Worker ")
    began = [attempt["began"] for attempt in trial["attempts"]]
    ended = [attempt["ended"] for attempt in trial["attempts"]]
    assert all(next_ - end >= 1.0 for end, next_ in zip(ended, began[1:], strict=False))
    assert (trial["state"], trial["error"]) == ("finished", None)


def test_rays_memory_monitor_ends_a_trial_and_not_the_sweep(
    monitored: tuple[Place, subprocess.Popen[str], Family],
) -> None:
    place, driver, family = monitored
    out, err = family.communicate(driver)
    assert driver.returncode == 1, err
    assert "failed: out of memory: Ray ended its process: the node ran low on memory (" in out
    assert "lower batch_size (now 128)" in out
    (trial,) = place.documents()
    assert trial["state"] == "failed"
    assert [a["failure"]["kind"] for a in trial["attempts"]] == ["out of memory"]
    assert "Traceback" not in err
