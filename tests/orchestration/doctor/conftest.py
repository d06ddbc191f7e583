from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.doctor.subject import Subject
from orchestration.spec.sweep import SweepSpec


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, and no MLflow settings in the environment."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HOST", "MLFLOW_PORT"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def subject(tmp_path: Path, load: Callable[..., SweepSpec]) -> Callable[..., Subject]:
    """``subject("epochs=3", data_root=…)``: a sweep on digits, or with ``sweep=False`` none."""

    def make(*overrides: str, sweep: bool = True, **options: object) -> Subject:
        text = "name: small\nbaselines: false\nbase: {data: {name: digits}}\n"
        spec = load(text, *overrides) if sweep else None
        given: dict[str, object] = {"storage": tmp_path / "runs", "spec": spec, **options}
        return Subject(**given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """``mount("ro,size=1m")``: a small file system in memory, where that is allowed."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        folder = tmp_path / f"mount{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
