"""The installed command where Ray dies, the disk is full, or somebody else wants the same sweep."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from .conftest import SPEC, Family, Place, check_mlflow, numbers

MIB = 2**20


def test_ray_dies_then_stopped_from_another_terminal_then_continued_in_a_copy(
    make_place: Callable[..., Place], whole: Place
) -> None:
    place = make_place("stop", SPEC)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver, before_end=12)
    (raylet,) = (p for p in psutil.Process(driver.pid).children() if p.name() == "raylet")
    raylet.kill()
    place.training(driver, attempt=2)
    second = place.start("run", "sweep.yaml")
    _, err = second.communicate()
    assert second.returncode == 2
    assert f"cvae-sweep run sweep.yaml` (process {driver.pid} on " in err
    assert "Traceback" not in err
    code, said = place.run("stop", "digits")
    assert code == 0
    assert "digits: stopped" in said
    out, err = family.communicate(driver)
    assert (driver.returncode, err) == (130, ""), out
    assert "Ray is started anew, and the sweep continues" in out
    assert "worker lost" not in out, "that is no trial's fault"
    assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []
    code, said = place.run("stop", "digits")
    assert code == 0
    assert "nothing is at work on this sweep" in said
    before = {path: path.read_bytes() for path in place.sweep.rglob("*") if path.is_file()}

    copy = make_place("copy", SPEC)
    shutil.copytree(place.sweep, copy.sweep)
    status = copy.finish()
    assert any(start > 0 for trial in status["trials"] for start in trial["attempt_epochs"])
    assert numbers(copy) == numbers(whole)
    check_mlflow(copy)
    after = {path: path.read_bytes() for path in place.sweep.rglob("*") if path.is_file()}
    assert after == before, "the original is left alone"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_of_its_processes(
    make_place: Callable[..., Place], number: signal.Signals
) -> None:
    """As a terminal sends it whose window is closed, or a service manager."""
    place = make_place(f"all{number}", SPEC)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver)
    os.killpg(driver.pid, number)
    out, err = family.communicate(driver)
    assert driver.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []
    assert {trial["state"] for trial in place.documents()} <= {"pending", "finished"}


def test_sigterm_before_the_first_trial_and_after_the_last_one(
    make_place: Callable[..., Place],
) -> None:
    """Ray has a handler of its own while it starts, and takes all handlers away when it ends."""
    place = make_place("early", SPEC.replace("epochs: 20", "epochs: 2"))
    for line, seconds in (
        ("starting Ray", 1.5),
        ("connecting MLflow", 0.5),
        ("(2 of 2 trials done)", 0.3),
    ):
        ended_by_sigterm(place, line, seconds)
    place.finish()
    check_mlflow(place)


def ended_by_sigterm(place: Place, line: str, seconds: float) -> None:
    """Run, and send SIGTERM so many seconds after a line that holds this was printed."""
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    assert driver.stdout is not None
    while line not in (said := driver.stdout.readline()):
        assert said, "it ended before"
    time.sleep(seconds)
    driver.send_signal(signal.SIGTERM)
    out, err = family.communicate(driver)
    assert err == ""
    if driver.returncode != 0 or "2 trials done" not in line:  # else it was over already
        assert driver.returncode == 130, out
        assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []


@pytest.mark.parametrize("order", ["asked first", "asked then"])
def test_asked_to_end_while_ray_dies(make_place: Callable[..., Place], order: str) -> None:
    """Whatever comes first, the request is not lost with the program that is replaced."""
    place = make_place("both", SPEC)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver)
    (raylet,) = (p for p in psutil.Process(driver.pid).children() if p.name() == "raylet")
    if order == "asked first":
        driver.send_signal(signal.SIGTERM)
    raylet.kill()
    if order == "asked then":
        driver.send_signal(signal.SIGTERM)
    out, err = family.communicate(driver)
    assert (driver.returncode, err) == (130, ""), out
    assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []
    assert {trial["state"] for trial in place.documents()} == {"pending"}
    assert [t["attempts"][-1]["outcome"] for t in place.documents()] == ["lost", "lost"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"there is no mount here ({error})")
    if done.returncode:
        pytest.skip(f"nothing may be mounted here ({done.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(make_place: Callable[..., Place], whole: Place, small_disk: Path) -> None:
    place = make_place("full", SPEC)
    (place.folder / "runs").symlink_to(small_disk)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver)
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    with suppress(OSError):  # the sweep writes meanwhile, and may fill the rest itself
        filler.write_bytes(bytes(free - MIB // 4))
    began = time.monotonic()
    out, err = family.communicate(driver)
    assert "Traceback" not in out + err
    assert driver.returncode == 130, out + err
    assert time.monotonic() - began < 60
    assert "because the disk is full; free some space" in out
    assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []
    second = place.start("run", "sweep.yaml")
    out, err = second.communicate()
    assert second.returncode in (2, 130), out + err
    assert "Traceback" not in out + err
    filler.unlink()
    place.finish()
    assert numbers(place) == numbers(whole)
    check_mlflow(place)
