"""The installed command, told to end by signals: to all of it, early, late, and while Ray dies."""

from __future__ import annotations

import os
import re
import shlex
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from .conftest import EPOCHS, ONE, Family, Place, check_mlflow


def test_a_signal_to_all_of_its_processes(make_place: Callable[..., Place]) -> None:
    """As a terminal sends it whose window is closed."""
    place = make_place("all", ONE)
    driver = place.start("run", "sweep.yaml")
    family = Family(driver.pid)
    place.training(driver)
    os.killpg(driver.pid, signal.SIGHUP)
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
    place = make_place("early", ONE.replace(f"epochs: {EPOCHS}", "epochs: 2"), new=True)
    for line, seconds in (
        ("starting Ray", 1.5),
        ("connecting MLflow", 0.5),
        ("(1 of 1 trials done)", 0.3),
    ):
        ended_by_sigterm(place, line, seconds)
    place.finish()
    check_mlflow(place, trials=1)


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
    # What Python says of a signal in a callback of its collector; it is heard all the same.
    swallowed = r"Exception ignored in: <function _collection_gced .*\nKeyboardInterrupt: \n"
    assert re.sub(swallowed, "", err, flags=re.DOTALL) == ""
    over = driver.returncode == 0 or (driver.returncode == -signal.SIGTERM and "pictures:" in out)
    if not over or "trials done" not in line:
        assert driver.returncode == 130, out
        assert shlex.split(out.rstrip().splitlines()[-1])[1:] == ["run", "sweep.yaml"]
    assert family.alive() == []
    assert place.left_behind() == []


@pytest.mark.parametrize("order", ["asked first", "asked then"])
def test_asked_to_end_while_ray_dies(make_place: Callable[..., Place], order: str) -> None:
    """Whatever comes first, the request is not lost with the program that is replaced."""
    place = make_place("both", ONE)
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
    assert [t["attempts"][-1]["outcome"] for t in place.documents()] == ["lost"]
