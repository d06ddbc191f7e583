"""What is said and refused once the data is loaded, before anything is trained."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestration.errors import UserError
from orchestration.ledger.documents import Attempt, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import make_plan
from orchestration.run.preparation import plan_of, prepare
from orchestration.run.request import Flags, Request
from orchestration.spec.sweep import SweepSpec
from orchestration.terminal.console import Console

Load = Callable[..., SweepSpec]


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVAE_SWEEP_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "album" / place).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "album" / place / f"{number}.png")
    return tmp_path / "album"


FOLDER = (
    "name: mine\nbaselines: false\nevaluation: {fd_every: 1, probe_every: 0}\nbase: {epochs: 4, "
    "data: {name: folder, path: album, image_size: 8, validation_fraction: 0.5}}\n"
)


def prepared(spec: SweepSpec, folder: Path) -> str:
    """What is said meanwhile."""
    output = io.StringIO()
    request = Request(spec, folder / "runs", "", Flags(directory=folder))
    console = Console(output)
    plan = plan_of(request, console)
    prepare(request, plan, Ledger.open_or_empty(request.folder), console)
    return output.getvalue()


@pytest.mark.parametrize("pool", ["fast", "zone=b"])
def test_a_pool_takes_a_cluster(load: Load, tmp_path: Path, pool: str) -> None:
    text = (
        f"name: a\nbaselines: false\nbase: {{data: {{name: digits}}}}\nresources: {{pool: {pool}}}"
    )
    with pytest.raises(UserError, match=f"resources.pool: {pool} names nodes of a cluster"):
        prepared(load(text), tmp_path)
    prepared(load(text, "resources.pool=null"), tmp_path)


HUGE = (
    "name: huge\nbaselines: false\nbase: {data: {name: digits}, model: cvae}\n"
    "grid: {architecture.latent_dim: [4, 1000000000000]}\n"
)


def test_what_no_memory_here_holds_is_refused(load: Load, tmp_path: Path) -> None:
    spec = load(HUGE)
    with pytest.raises(UserError) as caught:
        prepared(spec, tmp_path)
    (line,) = caught.value.lines
    assert "1 of 2 trials cannot be trained on this machine: the parameters of a cvae" in line
    assert "need at least 75.4 PB of memory in training" in line
    assert "lower architecture.latent_dim (now 1000000000000)" in line
    assert not (tmp_path / "runs").exists()


def test_other_machines_may_hold_it(load: Load, tmp_path: Path) -> None:
    """A trial that has failed of it before does not keep the others from going on."""
    spec = load(HUGE)
    plan = make_plan(spec)
    sweep = Sweep(name="huge", sweep_id="1", created=0.0, spec={}, plan=list(plan.trials))
    ledger = Ledger.create(tmp_path / "runs" / "huge", sweep)
    for key, config in plan.trials.items():
        ledger.save(Trial(key=key, config=config.to_settings(), state="failed"))
    assert prepared(spec, tmp_path) == ""


def test_too_few_images_to_split_are_refused(album: Path, load: Load, tmp_path: Path) -> None:
    spec = load("name: mine\nbase: {data: {name: folder, path: album, image_size: 8}}")
    with pytest.raises(UserError) as caught:
        prepared(spec, tmp_path)
    (line,) = caught.value.lines
    assert line == (
        "5 of 5 trials cannot be trained: 4 training images cannot be split with "
        "validation_fraction 0.1: one of the two parts would be empty; add images, or choose a "
        "data.validation_fraction that leaves each part one"
    )
    assert not (tmp_path / "runs").exists()


def test_what_batch_norm_cannot_bear_is_refused(album: Path, load: Load, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        shutil.copy(album / f"train/{name}/0.png", album / f"train/{name}/2.png")
    data = "{name: folder, path: album, image_size: 8, validation_fraction: 0.5}"
    shape = "{norm: batch, channels: [2, 2, 2]}"
    spec = load(
        f"name: mine\nbaselines: false\nbase: {{data: {data}, architecture: {shape}}}\n"
        "grid: {batch_size: [2, 64]}"
    )
    with pytest.raises(UserError) as caught:
        prepared(spec, tmp_path)
    (line,) = caught.value.lines
    said = "1 of 2 trials cannot be trained: batch_size: with 2 the last batch of an epoch of 3"
    assert line.startswith(said)


def test_a_distance_that_is_not_measured_decides_nothing(
    album: Path, load: Load, tmp_path: Path
) -> None:
    """How many images are held out, which is in its name, is not known before they are there."""
    plan = plan_of(Request(load(FOLDER), tmp_path, "", Flags(directory=tmp_path)), Console())
    (config,) = plan.trials.values()
    asked = f"val/fd_{config.data.dataset}-cnn"
    search = (
        f"{{trials: 1, space: {{beta: {{log: [1e-3, 1]}}}}, objectives: [{{metric: {asked}_n9}}]}}"
    )
    for more, setting in (
        (f"base: {{selection: {{metric: {asked}_n9}}}}", "selection.metric"),
        (f"scheduler: {{name: asha, metric: {asked}_n9, grace_epochs: 1}}", "scheduler.metric"),
        (f"search: {search}", "search.objectives"),
    ):
        text = FOLDER.replace("base: {", more[:-1] + ", ") if more[0] == "b" else FOLDER + more
        with pytest.raises(UserError) as caught:
            prepared(load(text), tmp_path)
        (line,) = caught.value.lines
        assert line == f"{setting}: {asked}_n9 is not measured here; what is, is {asked}_n2"
    text = FOLDER.replace("base: {", f"base: {{selection: {{metric: {asked}_n2}}, ")
    assert prepared(load(text), tmp_path) == ""


def test_nor_is_a_sweep_ended_by_it_that_has_begun(album: Path, load: Load, tmp_path: Path) -> None:
    """Its metric's name is part of its trials' keys: another one would train all of them again."""
    plan = plan_of(Request(load(FOLDER), tmp_path, "", Flags(directory=tmp_path)), Console())
    (config,) = plan.trials.values()
    asked = f"val/fd_{config.data.dataset}-cnn_n9"
    spec = load(FOLDER.replace("base: {", f"base: {{selection: {{metric: {asked}}}, "))
    request = Request(spec, tmp_path / "runs", "", Flags(directory=tmp_path))
    plan = plan_of(request, Console())
    sweep = Sweep(name="mine", sweep_id="1", created=0.0, spec={}, plan=list(plan.trials))
    ledger = Ledger.create(request.folder, sweep)
    begun = Attempt(number=1, from_epoch=0, began=0.0)
    for key, own in plan.trials.items():
        ledger.save(Trial(key=key, config=own.to_settings(), attempts=[begun]))
    said = prepared(spec, tmp_path)
    assert said.startswith(f"warning: selection.metric: {asked} is not measured here")


def test_a_file_of_weights_that_is_not_there(load: Load, tmp_path: Path) -> None:
    spec = load("name: a\nbase: {data: {name: digits}}\nevaluation: {fid: {weights: /no/such.pth}}")
    with pytest.raises(UserError, match=r"evaluation.fid.weights: /no/such.pth is not a file"):
        prepared(spec, tmp_path)


def test_files_that_are_there_twice(album: Path, load: Load, tmp_path: Path) -> None:
    shutil.copy(album / "train/cat/0.png", album / "train/dog/z.png")
    said = prepared(load(FOLDER), tmp_path)
    assert said.startswith(
        "warning: album: 1 of 5 training images are there already, the same file "
        "(train/dog/z.png): where one is held out and the other trained on, what is measured on "
        "validation is too good; keep one of each"
    )


def test_what_is_left_out_of_a_folder_is_said_once(album: Path, load: Load, tmp_path: Path) -> None:
    (album / "train/cat/Thumbs.db").write_bytes(b"\xd0\xcf")
    for name in "abcdef":
        shutil.copy(album / "train/cat/0.png", album / f"test/cat/{name}.png")
    Image.new("RGB", (8, 8)).save(album / "test/stray.png")
    spec = load(
        "name: mine\nbase: {data: {name: folder, path: album, validation_fraction: 0.5}}\n"
        "grid: {data.image_size: [8, 12]}\n"
    )
    assert prepared(spec, tmp_path).splitlines() == [
        "warning: left out of album: images that lie in no class folder (1): test/stray.png; "
        "move them into train/CLASS/ or test/CLASS/",
        "left out of album: files and folders of operating systems, thumbnails among them (1): "
        "train/cat/Thumbs.db",
        "warning: album: 6 of 10 test images are training images as well, the same file "
        "(test/cat/a.png, test/cat/b.png, test/cat/c.png, test/cat/d.png, test/cat/e.png and 1 "
        "more): what is measured on test is too good; keep each in one of the two",
    ]
