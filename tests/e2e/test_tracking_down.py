"""A real MLflow server that is killed or halted while sweeps run: nothing is lost, nobody waits.

One sweep whose server was up is the reference; the others have to end with what MLflow holds of it,
field by field. The reference has to give a user and a password, which are to be found nowhere.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow_content import check_ended, content, differences, without_attempts
from tests.tracking_server import Guard, TrackingServer

from .conftest import Family, Place

SPEC = """\
name: digits
baselines: false
base:
  data: {name: digits}
  epochs: 14
  batch_size: 128
  learning_rate: 3e-3
  architecture: {channels: [4, 8], latent_dim: 4}
grid:
  model: [vae, cvae]
checkpoints: {min_interval_s: 0}
evaluation:
  {probe_every: 7, probe: {protocols: [standard], neighbours: null}, umap: false, fd: false,
   pictures: false, diagnostics: false}
"""
USER, PASSWORD = "bob-the-user", "s3cret-word"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    server = TrackingServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def make(make_place: Callable[..., Place], server: TrackingServer) -> Callable[[str], Place]:
    """``make("b")``: a place whose sweep is the experiment ``b-digits`` of the server."""

    def place(name: str, uri: str = server.uri) -> Place:
        place = make_place(name, SPEC, new=True)
        (place.folder / "mlflow.yaml").write_text(
            f"tracking_uri: {uri}\nexperiment_prefix: {name}-\n"
        )
        return place

    return place


def holding(folder: Path, text: str) -> list[Path]:
    """Files in which a text stands."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path)
        except OSError:
            continue  # it has gone meanwhile
    return found


@pytest.fixture(scope="module")
def expected(make: Callable[..., Place], server: TrackingServer) -> dict[str, Any]:
    """What MLflow holds of an undisturbed sweep, which had to give a user and a password."""
    guard = Guard(server, USER, PASSWORD)
    place = make("a", guard.uri)
    place.environment = {"MLFLOW_TRACKING_URI": guard.uri_with_password}
    driver = place.start("run", "sweep.yaml", "--max-concurrent", "1")
    family = Family(driver.pid)
    place.training(driver)
    said = {"while it ran": holding(place.temporary, PASSWORD)}
    out, err = family.communicate(driver)
    assert driver.returncode == 0, out + err
    for command in (["status", "digits", "--json"], ["run", "sweep.yaml"], ["sync", "digits"]):
        code, more = place.run(*command)
        assert code == 0, more
        out += more
    for secret in (USER, PASSWORD):
        said |= {f"{secret} {folder}": holding(folder, secret) for folder in (place.folder,)}
        said[f"{secret} in MLflow"] = holding(server.folder, secret)
        assert secret not in out + err
    assert {where for where, files in said.items() if files} == set(), said
    assert guard.refused == []
    place.environment = {}
    code, out = place.run("sync", "digits")
    assert (code, "MLflow cannot be used" in place.errors) == (2, True), "none was asked for"
    guard.close()
    return content(server.uri, "a-digits")


def test_the_reference_is_whole(expected: dict[str, Any]) -> None:
    check_ended(expected)
    assert len(expected) == 3
    assert {run["status"] for run in expected.values()} == {"FINISHED"}
    for key, run in expected.items():
        if key != "parent":
            assert [step for step, _ in run["metrics"]["train/loss"]] == list(range(1, 15))
            assert {"config.yaml", "checkpoints/a001-e00014.pt"} <= run["artifacts"].keys()


@pytest.fixture(scope="module")
def without_server(
    make: Callable[..., Place], server: TrackingServer, expected: dict[str, Any]
) -> Place:
    """A sweep whose server was killed before its first trial ended, and then brought up to date."""
    place = make("b")
    driver = place.start("run", "sweep.yaml", "--max-concurrent", "1")
    family = Family(driver.pid)
    place.training(driver)
    server.kill()
    assert {trial["state"] for trial in place.documents()} <= {"running", "pending"}
    out, err = family.communicate(driver)
    assert driver.returncode == 0, out + err
    assert family.alive() == []
    assert out.count("MLflow is behind") == 1
    command = shlex.split(out.partition("when it answers again: ")[2].splitlines()[0])
    assert Path(command[0]).name == "cvae-sweep"
    assert command[1:] == ["sync", "digits"]
    began = time.monotonic()
    code, _ = place.run(*command[1:])
    assert code == 2
    assert place.errors.count("\n") == 1
    assert f"tracking server {server.uri} does not answer" in place.errors
    assert time.monotonic() - began < 30, "MLflow's client waits for minutes"
    server.start()
    code, out = place.run(*command[1:])
    assert code == 0
    assert "MLflow has been told of 3 runs" in out
    return place


def test_a_server_that_was_killed(
    without_server: Place, server: TrackingServer, expected: dict[str, Any]
) -> None:
    assert differences(content(server.uri, "b-digits"), expected) == []
    assert content(server.uri, "b-digits", deleted=True) == {}


def test_an_empty_mlflow_is_told_everything(
    without_server: Place, expected: dict[str, Any], tmp_path: Path
) -> None:
    place = copied(without_server, tmp_path / "copy", "e")
    uri = f"sqlite:///{tmp_path}/empty/mlflow.db"
    code, out = place.run("sync", "digits", "--tracking-uri", uri)
    assert code == 0, out
    assert differences(content(uri, "e-digits"), expected) == []
    assert place.status()["tracking_uri"] == uri


def test_a_finished_sweep_catches_up_without_ray(
    without_server: Place, server: TrackingServer, expected: dict[str, Any], tmp_path: Path
) -> None:
    """With a server that accepts connections and answers none, and when it answers again."""
    place = copied(without_server, tmp_path / "copy", "f")
    (place.sweep / "tracking.json").unlink()
    server.halt()
    code, out = place.run("run", "sweep.yaml")
    assert code == 0, out
    assert "MLflow is behind" in out
    assert "cvae-sweep sync digits" in out
    server.go_on()
    code, out = place.run("run", "sweep.yaml")
    assert code == 0, out
    assert "nothing left to do" in out
    assert "starting Ray" not in out
    assert differences(content(server.uri, "f-digits"), expected) == []


def test_killed_and_continued_while_the_server_is_halted(
    make: Callable[..., Place], server: TrackingServer, expected: dict[str, Any]
) -> None:
    """It answers again before the continued run ends, which then has told it everything."""
    place = make("c")
    driver = place.start("run", "sweep.yaml")
    place.training(driver)
    server.halt()
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()
    status = place.status()
    assert (status["state"], status["counts"]["running"]) == ("interrupted", 0)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver, attempt=2)
    server.go_on()
    out, err = family.communicate(driver)
    assert driver.returncode == 0, out + err
    assert "sync" not in out
    runs = content(server.uri, "c-digits")
    check_ended(runs)
    assert differences(without_attempts(runs), without_attempts(expected)) == []
    attempts = {run["tags"].get("attempts") for run in runs.values()}
    assert "2" in attempts, "no trial was cut off"
    made = [attempt for trial in place.documents() for attempt in trial["attempts"]]
    assert {attempt["outcome"] for attempt in made} == {"lost", "finished"}
    assert any(attempt["from_epoch"] for attempt in made)
    assert place.left_behind() == [], "what the killed driver left is still there"


def copied(place: Place, folder: Path, prefix: str) -> Place:
    """The sweep in another folder, for another experiment."""
    shutil.copytree(place.folder, folder)
    file = folder / "mlflow.yaml"
    file.write_text(file.read_text().replace("prefix: b-", f"prefix: {prefix}-"))
    return Place(folder, place.temporary, place.name)
