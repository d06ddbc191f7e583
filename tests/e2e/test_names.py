"""A sweep in a folder with the worst of names, from Ray to MLflow's pages."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Callable
from dataclasses import replace

from tests.names import WORST

from .conftest import Place
from .test_ui import Ui, free_port

SPEC = """\
name: digits
baselines: false
base: {data: {name: digits}, epochs: 1, batch_size: 64}
grid: {model: [vae]}
evaluation: {probe: false, umap: false, fd: false, diagnostics: false}
"""


def test_a_folder_with_the_worst_of_names(make_place: Callable[..., Place]) -> None:
    outer = make_place("names", SPEC, new=True)
    folder = outer.folder / WORST
    folder.mkdir()
    (outer.folder / "sweep.yaml").rename(folder / "sweep.yaml")
    place = replace(outer, folder=folder)
    place.finish()
    assert place.status()["state"] == "finished"
    (trial,) = place.documents()
    port = free_port()
    ui = Ui(folder, "--port", str(port))
    try:
        ui.printed("Ctrl-C")
        url = f"http://127.0.0.1:{port}/get-artifact?run_uuid={trial['run_id']}&path="
        with urllib.request.urlopen(f"{url}pictures/curves.png", timeout=60) as answer:
            assert answer.read().startswith(b"\x89PNG")
        ui.process.kill()
        assert ui.end()[0] == -signal.SIGKILL  # nor does the server outlive it
    finally:
        ui.kill()
    assert list(outer.folder.iterdir()) == [folder]
    names = {path.name for path in folder.iterdir()}
    assert names == {"sweep.yaml", "runs", "out.txt", "temporary"}
