"""The installed command in containers and notebooks, behind closed streams, in deleted folders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.request import urlopen

import pytest

from .conftest import COMMAND, Family, Place

CHECKOUT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("container.sh")
USER = 12345
OURS = ("MLFLOW", "RAY", "CVAE", "HOME", "XDG", "MPL", "USER", "LOGNAME", "TORCH")
BASE = """\
base:
  data: {name: digits}
  architecture: {channels: [8, 16]}
  epochs: 1
  batch_size: 256
"""
ALL = f"""\
name: digits
baselines: false
{BASE}  model: cvae
evaluation: {{probe: true, diagnostics: true, pictures: true, umap: {{n: 100}}, fd: true}}
"""
SEARCH = f"""\
name: digits
baselines: false
{BASE}grid: {{model: [vae, cvae]}}
search:
  sampler: random
  trials: 1
  space: {{beta: {{log: [1.0e-4, 1.0e-2]}}}}
  objectives: [{{metric: val/probe_accuracy, direction: maximize}}]
evaluation: {{diagnostics: true, umap: {{n: 100, shared: true}}, fd: true}}
"""
PICTURES = {
    *("reconstructions.png", "samples.png", "curves.png", "umap.png"),
    *("kl_per_dimension.png", "confusion_matrix.png", "fd_sources.png"),
}
STYLE = "text.usetex: True\nbackend: qtagg\nfont.size: 40\n"


def in_container(*command: str) -> list[str]:
    """The command line of a command as a user that nobody knows, in something like a container."""
    begin = ["unshare", "--mount", "--propagation", "private", "sh", str(SCRIPT)]
    return [*begin, str(CHECKOUT), sys.base_prefix, *command]


@pytest.fixture(scope="module")
def containers() -> None:
    """Skip where there can be none."""
    try:
        tried = [*in_container(sys.executable, "-c", "import orchestration")]
        done = subprocess.run(tried, cwd="/", capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"there is no unshare here ({error})")
    if done.returncode:
        pytest.skip(f"no container can be had here ({done.stderr.strip()})")


@pytest.fixture
def place() -> Iterator[Callable[..., Place]]:
    """``place(text)``: a place that belongs to the unknown user, with this sweep file."""
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:
        Path(short).chmod(0o755)
        made = Place(Path(short) / "w", Path(short) / "t")

        def make(text: str) -> Place:
            for folder in (made.folder, made.temporary):
                folder.mkdir()
                os.chown(folder, USER, USER)
            (made.folder / "sweep.yaml").write_text(text)
            return made

        yield make
        made.kill_all()


def start(place: Place, command: Sequence[str], **variables: str) -> subprocess.Popen[str]:
    """Start a command with nothing of this user's in its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    driver = subprocess.Popen(
        command,
        cwd=place.folder,
        env=kept | {"TMPDIR": str(place.temporary)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    place.drivers.append(driver)
    return driver


def run(place: Place, *arguments: str, **variables: str) -> str:
    """What a command says in a container; it is to end well, and nobody is to outlive it."""
    driver = start(place, in_container(str(COMMAND), *arguments), **variables)
    family = Family(driver.pid)
    out, err = family.communicate(driver)
    assert (driver.returncode, err) == (0, ""), out + err
    assert family.alive() == []
    return out


def pictures(place: Place) -> set[str]:
    return {path.name for path in (place.sweep / "artifacts").rglob("*.png")}


@pytest.mark.usefixtures("containers")
def test_a_container_without_a_home(place: Callable[..., Place]) -> None:
    here = place(SEARCH)
    out = run(here, "run", "sweep.yaml", HOME="/")
    assert "failed" not in out
    caches = here.temporary / f"cvae-sweep-{USER}"
    moved = "warning: /.cache cannot be written to: what is downloaded or cached is kept in"
    assert [line for line in out.splitlines() if "cached" in line] == [f"{moved} {caches}"]
    assert pictures(here) > PICTURES | {"shared_umap.png", "budget.png"}
    assert here.left_behind() == [caches]
    assert {path.name for path in caches.iterdir()} >= {"caches", "matplotlib"}
    status = json.loads(run(here, "status", "digits", "--json", HOME="/"))
    assert status["state"] == "finished"
    assert "side by side" in run(here, "compare", "digits", HOME="/")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pages = start(here, in_container(str(COMMAND), "ui", "--port", str(port)), HOME="/")
    family = Family(pages.pid)
    assert pages.stdout is not None
    while "Ctrl-C" not in (line := pages.stdout.readline()):
        assert line, pages.communicate()[1]
    with urlopen(f"http://127.0.0.1:{port}/") as page:
        assert b"MLflow" in page.read()
    time.sleep(0.2)
    pages.terminate()
    _, err = family.communicate(pages)
    assert (pages.returncode, err) == (0, "")
    assert family.alive() == []


@pytest.mark.usefixtures("containers")
def test_no_home_at_all_and_the_environment_of_a_notebook(place: Callable[..., Place]) -> None:
    drawn = "evaluation: {umap: false, fd: false, diagnostics: false}\n"
    here = place(ALL.partition("evaluation")[0] + drawn)
    style = here.folder / "matplotlibrc"
    style.write_text(STYLE)
    backend = "module://matplotlib_inline.backend_inline"
    out = run(here, "run", "sweep.yaml", MPLBACKEND=backend, MATPLOTLIBRC=str(style))
    assert "warning: HOME is not set" in out
    assert "failed" not in out
    assert pictures(here) >= {"reconstructions.png", "samples.png", "confusion_matrix.png"}


def test_closed_streams_in_a_deleted_folder(place: Callable[..., Place]) -> None:
    none = (
        "evaluation: {probe: false, probe_every: 0, umap: false, fd: false, pictures: false, "
        "diagnostics: false}\n"
    )
    here = place(ALL.partition("evaluation")[0] + none)
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@" <&- >&- 2>&-'
    paths = [f"{here.folder}/sweep.yaml", "--storage", f"{here.folder}/runs"]
    home = {"HOME": str(here.temporary)}
    driver = start(here, ["sh", "-c", script, "sh", str(COMMAND), "run", *paths], **home)
    family = Family(driver.pid)
    assert family.communicate(driver) == ("", "")
    assert driver.returncode == 0
    assert family.alive() == []
    (trial,) = here.documents()
    assert (trial["state"], len(trial["epochs"])) == ("finished", 1)
    for path in here.sweep.rglob("*.json"):
        json.loads(path.read_text())
