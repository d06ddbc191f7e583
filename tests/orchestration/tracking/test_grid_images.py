"""Pictures in MLflow's image grid: as ``log_image`` keeps them, but each only once."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from PIL import Image

from orchestration.ledger.ledger import Ledger
from orchestration.tracking.config import MlflowConfig
from orchestration.tracking.tracker import Tracker
from tests.orchestration.tracking.conftest import grid_sweep, pictures, png

pytestmark = pytest.mark.slow

ENDED_MS = 1_000_000_004_000
"""When the last epoch had."""


class Told:
    """A trial with pictures, and what MLflow has of it."""

    def __init__(self, storage: Path, uri: str, name: str) -> None:
        self.uri, self.storage = uri, storage
        self.ledger = grid_sweep(storage, name, [{"model": "vae"}], 1)
        sweep = self.ledger.sweep
        sweep.experiment, sweep.experiment_id = self.tracker().connect(name)
        self.client = MlflowClient(uri)

    def tracker(self) -> Tracker:
        return Tracker(self.uri, MlflowConfig(), self.storage)

    def measure(self, entry: str, shade: int) -> None:
        made = pictures(self.ledger.folder, "c0s0", entry, shade)
        self.ledger.note_evaluation("c0s0", entry, made)

    def sync(self) -> dict[str, bytes]:
        """As a new driver does it; what is in the run's folder of images afterwards."""
        self.tracker().sync_trial(self.ledger, "c0s0")
        run_id = str(Ledger.open(self.ledger.folder).trials["c0s0"].run_id)
        self.tags: dict[str, Any] = self.client.get_run(run_id).data.tags
        files = [item.path for item in self.client.list_artifacts(run_id, "images")]
        return {p: Path(self.client.download_artifacts(run_id, p)).read_bytes() for p in files}


@pytest.fixture
def told(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Told:
    return Told(tmp_path, database, request.node.name)


def steps(files: dict[str, bytes]) -> dict[tuple[str, int], int]:
    """The grey of each whole picture, by its key and step."""
    found = {}
    for path, content in files.items():
        match = re.fullmatch(r"images/(\w+)\+step.(\d+).timestamp.\d+.[\w-]+\.png", path)
        if match:
            shade = Image.open(io.BytesIO(content)).convert("L").getpixel((0, 0))
            assert isinstance(shade, int)
            assert (match[1], int(match[2])) not in found, "there twice"
            found[match[1], int(match[2])] = shade
    return found


def test_names_are_those_of_log_image(told: Told) -> None:
    """But for the random numbers: MLflow's own call in a run beside it."""
    files = told.sync()
    assert told.tags["mlflow.loggedImages"] == "True"
    run = told.client.create_run(told.ledger.sweep.experiment_id)
    for key in ("reconstructions", "samples"):
        picture = Image.open(io.BytesIO(png(99)))
        told.client.log_image(run.info.run_id, picture, key=key, step=4, timestamp=ENDED_MS)
    own = [item.path for item in told.client.list_artifacts(run.info.run_id, "images")]
    uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert sorted(uuid.sub("?", path) for path in files) == sorted(uuid.sub("?", p) for p in own)
    assert told.client.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"
    quick = [Image.open(io.BytesIO(c)) for path, c in files.items() if path.endswith(".webp")]
    assert [(image.format, image.size[0]) for image in quick] == [("WEBP", 440)] * 2


def test_twice_and_in_pieces_is_as_good_as_once(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = told.sync()
    assert steps(files) == {("reconstructions", 4): 99, ("samples", 4): 99}
    told.client.delete_tag(str(told.ledger.trials["c0s0"].run_id), "artifacts.pictures")
    assert told.sync() == files, "a driver that died before it noted what it had sent"
    sent: list[str] = []
    monkeypatch.setattr(MlflowClient, "log_artifacts", lambda *given: sent.append(str(given)))
    assert told.sync() == files
    assert sent == [], "nothing is sent twice"


def test_each_checkpoint_is_a_step_and_all_are_of_the_same_images(told: Told) -> None:
    """The last one, too: the entry without an epoch is measured on test, the others are not."""
    told.sync()
    for epoch in (2, 4):
        told.measure(f"pictures@{epoch}", epoch)
    for _ in range(2):
        files = told.sync()
        assert steps(files) == {
            (key, epoch): epoch for key in ("reconstructions", "samples") for epoch in (2, 4)
        }
    others = Told(told.storage, told.uri, "anew")
    for epoch in (4, 2):
        others.measure(f"pictures@{epoch}", epoch)
    assert others.sync() == files, "however far MLflow had been told before"


def test_a_picture_that_is_drawn_again_takes_the_place_of_the_former(told: Told) -> None:
    told.sync()
    told.measure("pictures", 7)
    assert steps(told.sync()) == {("reconstructions", 4): 7, ("samples", 4): 7}


def test_a_damaged_picture_keeps_nothing_else_back(told: Told) -> None:
    (told.ledger.folder / "artifacts/c0s0/pictures/samples.png").write_bytes(b"no picture")
    assert steps(told.sync()) == {("reconstructions", 4): 99}
    assert told.tags["state"] == "finished"
