"""The installed command under what other programs have set: they decide nothing of a sweep."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from .conftest import COMMAND, Place

SPEC = """\
name: digits
baselines: false
base:
  data: {name: digits}
  epochs: 1
grid:
  model: [vae, cvae]
evaluation:
  {probe_every: 0, probe: false, diagnostics: false, pictures: false, umap: false, fd: false}
"""
LIBRARIES = ("click", "mlflow", "numpy", "ray", "torch", "umap")
JOB = {"runtime_env": {"working_dir": "/nowhere", "env_vars": {"OMP_NUM_THREADS": "7"}}}
OUTER = {
    "RAY_ADDRESS": "10.0.0.1:6379",
    "RAY_CLIENT_MODE": "1",
    "RAY_GCS_SERVER_PORT": "1",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(JOB),
    "RAY_OVERRIDE_RESOURCES": '{"CPU": 50}',
    "RAY_REDIS_ADDRESS": "10.0.0.1:6379",
    "RAY_RUNTIME_ENV_HOOK": "no.such.hook",
    "RAY_TUNE_CALLBACKS": "no.such.callback",
    "TUNE_RESULT_BUFFER_LENGTH": "100",
}
PYTHON = {"PYTHONPATH": ":.", "PYTHONOPTIMIZE": "2"}


@pytest.fixture
def hostile(make_place: Callable[..., Place]) -> Place:
    """A working directory with files named like libraries, and a home that nobody has used."""
    place = make_place("env", SPEC)
    for name in LIBRARIES:
        (place.folder / f"{name}.py").write_text("raise ImportError('the one that lies here')")
    (place.folder / "home").mkdir()
    place.environment |= {"HOME": str(place.folder / "home"), **PYTHON}
    return place


def test_a_local_ray_runs_what_is_installed_on_the_processors_that_are_granted(
    hostile: Place,
) -> None:
    """As from `uv run` in a batch job on one processor, within the job of another Ray."""
    hostile.environment |= OUTER
    hostile.temporary.mkdir(exist_ok=True)
    # Ray takes its parent for uv by its command line, which a shell can have as well.
    (hostile.folder / "run").write_text('taskset -c "$CPU" "$@"; exit $?\n')
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "CVAE"))}
    done = subprocess.run(
        ["uv", "run", str(COMMAND), "run", "sweep.yaml"],
        executable="/bin/bash",
        cwd=hostile.folder,
        env=environment
        | {"TMPDIR": str(hostile.temporary), "CPU": str(min(os.sched_getaffinity(0)))}
        | hostile.environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "digits: 2 finished" in done.stdout
    assert "1 trial at a time" in done.stdout
    threads = [trial["attempts"][0]["worker"]["threads"] for trial in hostile.documents()]
    assert all(set(each.values()) == {1} for each in threads)
    assert not (hostile.folder / "home" / ".ray").exists()
    assert hostile.left_behind() == []


@pytest.fixture
def cluster() -> Iterator[tuple[str, Path]]:
    """Address of a person's own cluster, and the token that it asks for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="e2e", dir="/tmp") as short:
        token = Path(short) / "token"
        token.write_text("0123456789abcdef" * 4)
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "HOME": short}
        where = ["--node-ip-address", "127.0.0.1", "--port", str(port), "--temp-dir", short]
        what = ["--head", "--block", "--num-cpus", "2", "--include-dashboard", "false"]
        what += ["--no-monitor", "--include-log-monitor", "false"]
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", *what, *where],
            env={k: v for k, v in os.environ.items() if not k.startswith("RAY")} | own,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert head.stdout is not None
            assert any("Ray runtime started" in line for line in head.stdout)
            yield f"127.0.0.1:{port}", token
        finally:
            family = psutil.Process(head.pid).children(recursive=True)
            for process in [*family, head]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            head.communicate()
            psutil.wait_procs(family, timeout=10)


def test_a_cluster_that_asks_for_a_token_is_joined_with_the_one_that_is_there(
    hostile: Place, cluster: tuple[str, Path]
) -> None:
    """Within a job of that cluster, whose environment says something else of threads."""
    address, token = cluster
    job = {"runtime_env": {"env_vars": {"OMP_NUM_THREADS": "7"}}}
    hostile.environment["RAY_JOB_CONFIG_JSON_ENV_VAR"] = json.dumps(job)
    for found, said in ((None, "there is none here: copy"), ("0" * 64, "does not accept the one")):
        if found is not None:
            hostile.environment["RAY_AUTH_TOKEN"] = found
        code, _ = hostile.run("run", "sweep.yaml", "--address", address)
        assert code == 2
        (line,) = hostile.errors.splitlines()
        assert line.startswith(f"error: the Ray cluster at {address} asks for a token, and {said}")
        assert not hostile.sweep.exists()
    del hostile.environment["RAY_AUTH_TOKEN"]

    home = hostile.folder / "home" / ".ray"
    home.mkdir()
    shutil.copy(token, home / "auth_token")
    code, out = hostile.run("run", "sweep.yaml", "--address", address)
    assert code == 0, out + hostile.errors
    assert f"joining the cluster at {address}" in out
    threads = [trial["attempts"][0]["worker"]["threads"] for trial in hostile.documents()]
    assert [set(each.values()) for each in threads] == [{1}] * 2
