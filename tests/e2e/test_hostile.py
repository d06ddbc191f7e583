"""The installed command where Ray dies, the disk is full, or somebody else wants the same sweep."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from .conftest import EPOCHS, ONE, SPEC, Family, Place, check_mlflow, numbers

LEFT_FREE = 16 * 2**10
EDITS = (("name: digits\nbaselines", "name: other\nbaselines"), (f"epochs: {EPOCHS}", "epochs: 99"))
"""Of a sweep file while its sweep is at work."""


def test_ray_dies_then_stopped_from_another_terminal_then_continued_in_a_copy(
    make_place: Callable[..., Place], whole: Place
) -> None:
    place = make_place("stop", SPEC)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver, before_end=8)
    (raylet,) = (p for p in psutil.Process(driver.pid).children() if p.name() == "raylet")
    file = place.folder / "sweep.yaml"
    edited = SPEC
    for before, after in EDITS:
        assert before in SPEC
        edited = edited.replace(before, after)
    file.write_text(edited)
    raylet.kill()
    place.training(driver, attempt=2)
    file.write_text(SPEC)
    assert not (place.sweep.parent / "other").exists()
    assert {trial["config"]["epochs"] for trial in place.documents()} == {EPOCHS}
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
    (copy.folder / "sweep.yaml").unlink()
    code, said = copy.run("resume", "digits")
    assert code == 0, said
    assert not (copy.sweep / "processes.json").exists()
    reached = {t["key"]: len(t["epochs"]) for t in place.documents() if t["state"] == "pending"}
    begun = {t["key"]: t["attempts"][-1]["from_epoch"] for t in copy.documents()}
    assert {key: begun[key] for key in reached} == reached, "something was done again"
    assert any(reached.values())
    assert numbers(copy) == numbers(whole)
    check_mlflow(copy)
    after = {path: path.read_bytes() for path in place.sweep.rglob("*") if path.is_file()}
    assert after == before, "the original is left alone"


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


def test_a_full_disk(
    make_place: Callable[..., Place], whole: Place, empty_database: Path, small_disk: Path
) -> None:
    place = make_place("full", ONE, new=True)
    shutil.copy(empty_database, small_disk / "mlflow.db")
    (place.folder / "runs").symlink_to(small_disk)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver)
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    with suppress(OSError):  # the sweep writes meanwhile, and may fill the rest itself
        filler.write_bytes(bytes(free - LEFT_FREE))
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
    found = numbers(place)
    assert found
    assert found.items() <= numbers(whole).items()
    check_mlflow(place, trials=1)
