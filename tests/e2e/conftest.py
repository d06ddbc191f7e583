"""A folder for real runs of the installed command, and what a test wants to know of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

COMMAND = Path(sys.executable).with_name("cvae-sweep")
PATIENCE_S = 180.0
EPOCHS = 14
"""A tenth of a second each: a test that looks fifty times a second meets the one it waits for."""
SPEC = f"""\
name: digits
baselines: false
base:
  data: {{name: digits}}
  epochs: {EPOCHS}
  batch_size: 128
  learning_rate: 3e-3
  architecture: {{channels: [4, 8], latent_dim: 4}}
grid:
  model: [vae, cvae]
checkpoints: {{min_interval_s: 0}}
evaluation: {{probe_every: 7, umap: false, fd: false, pictures: false, diagnostics: false}}
"""
ONE = SPEC.replace("[vae, cvae]", "[cvae]")
"""One trial, and so one worker, where a second one would show nothing more."""


@dataclass
class Place:
    """A folder with the sweep file, a storage folder and a folder for temporary files."""

    folder: Path
    temporary: Path
    """Short: Ray's sockets lie below it."""
    name: str = "digits"
    """Of the sweep."""
    drivers: list[subprocess.Popen[str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of the commands besides those of the tests themselves."""
    errors: str = ""
    """Standard error of the command that ``run`` ran last."""

    @property
    def sweep(self) -> Path:
        return self.folder / "runs" / self.name

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """A command in a process group of its own, with variables of its environment."""
        self.temporary.mkdir(exist_ok=True)
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "RAY", "CVAE"))
        }
        driver = subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=self.folder,
            env={
                **environment,
                "TMPDIR": str(self.temporary),
                "CVAE_SWEEP_CACHE": str(self.temporary.parent / "cache"),
                **variables,
                **self.environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.drivers.append(driver)
        return driver

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and standard output; nobody the command started is to outlive it."""
        driver = self.start(*arguments)
        family = Family(driver.pid)
        out, self.errors = family.communicate(driver)
        assert "Traceback" not in self.errors, self.errors
        assert family.alive() == []
        return driver.returncode, out

    def finish(self, *arguments: str) -> str:
        """Run to the end; what was said."""
        code, out = self.run("run", "sweep.yaml", *arguments)
        assert code == 0, out
        assert not (self.sweep / "processes.json").exists()
        return out

    def left_behind(self) -> list[Path]:
        """Temporary files and folders, of this program and of whatever it uses."""
        return list(self.temporary.iterdir())

    def status(self) -> dict[str, Any]:
        code, out = self.run("status", self.name, "--json")
        assert code == 0
        document: dict[str, Any] = json.loads(out)
        return document

    def documents(self) -> list[dict[str, Any]]:
        paths = sorted((self.sweep / "trials").glob("*.json"))
        return [json.loads(path.read_text())["content"] for path in paths]

    def training(
        self,
        driver: subprocess.Popen[str],
        epoch: int = 2,
        *,
        among: int = 0,
        before_end: int = 5,
        attempt: int = 1,
    ) -> dict[str, Any]:
        """Wait for a trial in training that is so far, and so far from its end.

        ``among``: as many trials are to be in the ledger by then. ``attempt``: at least its
        number; the present one has reported.
        """
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and driver.poll() is None:
            documents = self.documents()
            for trial in documents if len(documents) >= among else ():
                last = trial["config"]["epochs"] - before_end
                done = trial["epochs"][-1]["epoch"] if trial["epochs"] else 0
                worker = trial["attempts"][attempt - 1 :] and trial["attempts"][-1]["worker"]
                if trial["state"] == "running" and worker and epoch <= done <= last:
                    return trial
            time.sleep(0.02)
        code = driver.poll()
        said = "" if code is None else "\n".join(driver.communicate())
        raise AssertionError(f"no trial was seen in training; exit code {code}\n{said}")

    def kill_all(self) -> None:
        for driver in self.drivers:
            for process in [*descendants(driver.pid), driver]:
                process.kill()
            driver.communicate()
        file = self.sweep / "processes.json"
        if file.exists():
            from orchestration.ledger.processes import end_left_behind

            end_left_behind(self.sweep)


class Family:
    """All descendants that a process ever had, as far as looking ten times a second shows."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: set[psutil.Process] = set()

    def communicate(self, driver: subprocess.Popen[str]) -> tuple[str, str]:
        until = time.monotonic() + 2 * PATIENCE_S
        while True:
            self._seen.update(descendants(self._pid))
            try:
                return driver.communicate(timeout=0.1)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < until, "the command does not end"

    def alive(self) -> list[psutil.Process]:
        return psutil.wait_procs(list(self._seen), timeout=5)[1]


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def numbers(place: Place) -> dict[str, Any]:
    """Every metric of every trial and epoch, exactly."""
    return {
        trial["key"]: (
            [(epoch["epoch"], epoch["metrics"]) for epoch in trial["epochs"]],
            {name: part["metrics"] for name, part in trial["evaluations"].items()},
        )
        for trial in place.documents()
    }


def check_mlflow(place: Place, trials: int = 2) -> None:
    """One run a trial and one above them, all at their end, every step there exactly once."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{place.folder}/runs/mlflow.db")
    experiment = client.get_experiment_by_name("digits")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * (trials + 1)
    children = {run.data.tags["trial_key"]: run for run in runs if "trial_key" in run.data.tags}
    (parent,) = (run for run in runs if "trial_key" not in run.data.tags)
    for trial in place.documents():
        run = children[trial["key"]]
        assert run.info.run_id == trial["run_id"]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        for name in ("val/loss", "train/reconstruction"):
            history = client.get_metric_history(run.info.run_id, name)
            assert sorted((m.step, m.value) for m in history) == [
                (epoch["epoch"], epoch["metrics"][name]) for epoch in trial["epochs"]
            ]
        accuracy = client.get_metric_history(run.info.run_id, "probe/accuracy")
        assert len(accuracy) == 1
        assert accuracy[0].value == trial["evaluations"]["probe"]["metrics"]["probe/accuracy"]
        names = {Path(item.path).name for item in client.list_artifacts(run.info.run_id)}
        assert {"config.yaml", "checkpoints"} <= names


@pytest.fixture(scope="session")
def whole(make_place: Callable[..., Place]) -> Place:
    """An undisturbed run, and a quiet one."""
    place = make_place("a", SPEC)
    lines = place.finish("--quiet").splitlines()
    assert place.errors == ""
    assert lines[:2] == ["", "VAE and CVAE side by side"]
    assert "digits: 2 finished" in lines
    assert not any("epoch " in line or "starting" in line for line in lines)
    assert place.left_behind() == []
    return place


@pytest.fixture(scope="session")
def make_place(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[Callable[..., Place]]:
    """``make_place("a", text)``: a place with this sweep file, named ``digits`` unless told.

    With ``new=True`` there is no storage folder yet; else it was used before, which saves seconds.
    """
    places: list[Place] = []
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:

        def make(folder: str, text: str, name: str = "digits", *, new: bool = False) -> Place:
            short_name = f"{len(places)}{folder}"  # modules may use the same name
            place = Place(tmp_path_factory.mktemp(folder), Path(short) / short_name, name)
            (place.folder / "sweep.yaml").write_text(text)
            if not new:
                (place.folder / "runs").mkdir()
                shutil.copy(empty_database, place.folder / "runs" / "mlflow.db")
            places.append(place)
            return place

        yield make
        for place in places:
            place.kill_all()
