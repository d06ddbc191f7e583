"""A sweep that somebody passes on: nothing outside its folder is read, written, sent or removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration import store
from orchestration.cli.main import cli
from orchestration.errors import UserError
from orchestration.ledger.documents import CheckpointRef, Study
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.links import refuse_links_out
from orchestration.ledger.lock import locked
from orchestration.ledger.recovery import recover
from orchestration.run.request import Flags
from orchestration.run.resume import stored_request
from orchestration.status.sweeps import list_document

Make = Callable[..., Any]
OUT = [
    "../../victim.pt",
    "/etc/passwd",
    "checkpoints/../../victim.pt",
    "checkpoints/k/../../../victim.pt",
    "checkpoints//etc/passwd",
    "checkpoints",
    "checkpoints/",
    "checkpoints/.hidden",
    "checkpoints/k\\..\\x",
    "checkpoints/k/x\0",
    "checkpoints/k/x\n",
    "trials/k.json",
    "sweep.json",
    "",
]


def write(folder: Path, document: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a document; its hash is right afterwards."""
    path = folder / document
    content = store.read_document(path)
    change(content)
    store.write_document(path, content)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sweep_in: Make) -> Path:
    """The folder of a sweep that has been run, to be copied."""
    folder: Path = tmp_path_factory.mktemp("trained") / "sweep"
    sweep_in(folder).run()
    return folder


@pytest.fixture
def sweep(local_sweep: Make, trained: Path) -> Any:
    made = local_sweep()
    shutil.copytree(trained, made.folder)
    return made


@pytest.fixture
def trial(sweep: Any) -> str:
    return f"trials/{sweep.keys[0]}.json"


def refused(folder: Path, document: str) -> None:
    with pytest.raises(UserError) as caught:
        Ledger.open(folder)
    assert str(folder / document) in str(caught.value)
    assert "is damaged" in str(caught.value)


@pytest.mark.parametrize("path", OUT)
def test_paths_of_checkpoints(sweep: Any, trial: str, path: str) -> None:
    write(sweep.folder, trial, lambda it: it["checkpoints"][0].update(path=path))
    refused(sweep.folder, trial)


@pytest.mark.parametrize("path", OUT)
def test_paths_of_pictures(sweep: Any, trial: str, path: str) -> None:
    path = path.replace("checkpoints", "artifacts")
    ref = {"path": path, "sha256": "0", "bytes": 1}
    evaluated = {"state": "finished", "artifacts": [ref]}
    write(sweep.folder, trial, lambda it: it["evaluations"].update(pictures=evaluated))
    refused(sweep.folder, trial)
    write(sweep.folder, trial, lambda it: it["evaluations"].pop("pictures"))
    write(sweep.folder, "sweep.json", lambda it: it["evaluations"].update(search=evaluated))
    refused(sweep.folder, "sweep.json")


@pytest.mark.parametrize("path", ["../x.txt", "/etc/passwd", "logs/../../x.txt", "sweep.json"])
def test_paths_of_tracebacks(sweep: Any, trial: str, path: str) -> None:
    error = {"kind": "error", "message": "", "log": path}
    write(sweep.folder, trial, lambda it: it.update(error=error))
    refused(sweep.folder, trial)


@pytest.mark.parametrize(
    "key", ["../../victim", "/tmp/victim", "..", "", "a/b", "a\\b", ".a", "a\n"]
)
def test_keys_name_files_of_the_folder_alone(sweep: Any, trial: str, key: str) -> None:
    write(sweep.folder, trial, lambda it: it.update(key=key))
    refused(sweep.folder, trial)
    write(sweep.folder, trial, lambda it: it.update(key=sweep.keys[0]))
    for where in ("plan", "studies"):
        before = store.read_document(sweep.folder / "sweep.json")[where]
        write(sweep.folder, "sweep.json", lambda it, where=where: it.update({where: [key]}))
        refused(sweep.folder, "sweep.json")
        [row] = list_document(sweep.folder.parent)["sweeps"]
        assert row["state"] == "damaged"
        write(sweep.folder, "sweep.json", lambda it, w=where, old=before: it.update({w: old}))
    study = Study(
        key="s",
        name="",
        fixed={},
        space={},
        objectives=[],
        sampler="tpe",
        seed=0,
        startup=1,
        trials=1,
    ).model_dump(mode="json")
    for bad in (
        {"key": key},
        {"winner": key},
        {"replicates": [key]},
        {"asks": [{"number": 0, "params": {}, "key": key}]},
    ):
        store.write_document(sweep.folder / "studies" / "s.json", study | bad)
        refused(sweep.folder, "studies/s.json")


@pytest.mark.parametrize("entry", ["../x", "a/b", "", "probe@", "probe@x", "a b", "probe@1@2"])
def test_names_of_evaluations(sweep: Any, trial: str, entry: str) -> None:
    write(sweep.folder, trial, lambda it: it["evaluations"].update({entry: {}}))
    refused(sweep.folder, trial)


def test_what_this_program_writes_is_read(sweep: Any) -> None:
    trial = Ledger.open(sweep.folder).trials[sweep.keys[0]]
    assert trial.state == "finished"
    assert CheckpointRef.model_validate(trial.checkpoints[0].model_dump()) == trial.checkpoints[0]


NAMES = ["../victim", "..", ".", "", "sweep/../victim", "ABSOLUTE", "victim/"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["status", "compare", "study", "resume", "retry", "evaluate"])
def test_a_name_is_that_of_a_folder_below_the_storage(
    local_sweep: Make, tmp_path: Path, command: str, name: str
) -> None:
    victim = local_sweep("victim")
    victim.open()
    storage = tmp_path / "runs"
    (storage / "sweep").mkdir(parents=True)
    name = str(victim.folder) if name == "ABSOLUTE" else name
    before = sorted(victim.folder.rglob("*"))
    done = CliRunner().invoke(cli, [command, name, "--storage", str(storage)])
    assert isinstance(done.exception, UserError)
    assert "there is no sweep" in str(done.exception)
    assert sorted(victim.folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["../victim", "other", "/tmp/victim"])
def test_a_stored_plan_cannot_lead_to_another_folder(sweep: Any, name: str) -> None:
    write(sweep.folder, "sweep.json", lambda it: it["spec"].update(name=name))
    write(sweep.folder, "sweep.json", lambda it: it.update(name=name))
    with pytest.raises(UserError, match="holds the sweep"):
        stored_request(sweep.folder.name, sweep.folder.parent, Flags())


@pytest.mark.parametrize("option", ["../../victim", "/etc/passwd", "nosuch"])
def test_a_key_on_the_command_line_is_one_of_the_plan(sweep: Any, option: str) -> None:
    write(sweep.folder, "sweep.json", lambda it: it.update(name="sweep"))
    with pytest.raises(UserError, match="there is no trial"):
        stored_request("sweep", sweep.folder.parent, Flags(), retry=(option,))


@pytest.mark.parametrize(
    "link", ["lock", "checkpoints/more", "artifacts", "trials/x.json", "checkpoints/k/a.pt"]
)
def test_links_out_of_the_folder_are_refused_before_anything_is_touched(
    tmp_path: Path, link: str
) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "sweep"
    victim.mkdir()
    (victim / "weights.pt").write_bytes(b"precious")
    place = folder / link
    place.parent.mkdir(parents=True, exist_ok=True)
    leads_to = victim if "." not in link and link != "lock" else victim / "weights.pt"
    place.symlink_to(leads_to)
    with pytest.raises(UserError, match="leads out of the sweep's folder"), locked(folder):
        raise AssertionError
    assert (victim / "weights.pt").read_bytes() == b"precious"


def test_links_within_and_to_the_folder_are_all_right(tmp_path: Path) -> None:
    folder = tmp_path / "disk" / "sweep"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "a.pt").write_bytes(b"")
    (folder / "checkpoints" / "b.pt").symlink_to("a.pt")
    (folder / "checkpoints" / "round").symlink_to(folder)
    link = tmp_path / "sweep"
    link.symlink_to(folder)
    refuse_links_out(link)
    with locked(link):
        pass


def test_recovering_removes_nothing_elsewhere(sweep: Any, tmp_path: Path) -> None:
    """What no document names is removed, whatever stands in the documents."""
    victim = tmp_path / "victim.pt"
    victim.write_bytes(b"precious")
    os.link(victim, sweep.folder / "checkpoints" / "extra.pt")
    recover(Ledger.open(sweep.folder))
    assert not (sweep.folder / "checkpoints" / "extra.pt").exists()
    assert victim.read_bytes() == b"precious"
