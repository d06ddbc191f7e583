"""Every write is whole or not at all, and what was damaged is not believed."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from orchestration import store
from orchestration.errors import StorageError, UserError


@pytest.mark.parametrize("step", ["fsync", "rename", "write"])
def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "folder" / "file"
    store.write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif step == "rename":
        monkeypatch.setattr(Path, "replace", fail)
    content = "not bytes" if step == "write" else b"new"
    with pytest.raises(
        TypeError if step == "write" else StorageError,
        match="bytes" if step == "write" else "file: cannot be written, because the disk is full",
    ):
        store.write_bytes(path, content)  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["file"]  # noqa: PTH208


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_folder_need_not_be_forced_to_disk_where_that_is_not_a_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.fsync

    def files_alone(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", files_alone)
    if code == errno.EINVAL:
        store.write_bytes(tmp_path / "file", b"new")
    else:
        with pytest.raises(StorageError, match="Input/output error"):
            store.write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_content_is_on_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill between the two leaves behind: the old content, whole, and a part."""
    path = tmp_path / "file"
    store.write_bytes(path, b"old")
    synced: list[bytes] = []
    real, rename = os.fsync, Path.replace

    def note(descriptor: int) -> None:
        real(descriptor)
        synced.append(b"".join(p.read_bytes() for p in tmp_path.glob(".*.part")))

    def check(self: Path, target: Path) -> Path:
        assert synced == [b"new"]
        assert path.read_bytes() == b"old"
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", check)
    store.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert len(synced) == 2, "the folder is to be forced to disk after the rename"


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_takes_nobodys_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "folder" / "file"
    assert store.write_new(path, b"first")
    assert not store.write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_new_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="because the disk is full"):
        store.write_new(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


def test_parts_of_one_file(tmp_path: Path) -> None:
    for name in ("file", ".file.1a2b.part", ".file.db.1a2b.part.txt", ".other.1a2b.part"):
        (tmp_path / name).touch()
    store.remove_parts_of(tmp_path / "file")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".file.db.1a2b.part.txt", ".other.1a2b.part", "file"]


def test_round_trip_of_a_document(tmp_path: Path) -> None:
    content = {"a": [0.1 + 0.2, 1e-308, 5e-324, -0.0], "β": "λ", "n": None, "big": 2**63}
    store.write_document(tmp_path / "d.json", content)
    read = store.read_document(tmp_path / "d.json")
    assert repr(read) == repr(content)


def test_nan_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.write_document(tmp_path / "d.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_every_flipped_or_missing_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    store.write_document(path, {"metrics": {"val/loss": 0.125}, "state": "finished"})
    whole = path.read_bytes()
    noticed = 0
    for position in range(len(whole) - 1):
        path.write_bytes(whole[:position])
        with pytest.raises(UserError, match="damaged"):
            store.read_document(path)
        flipped = bytearray(whole)
        flipped[position] ^= 1
        path.write_bytes(bytes(flipped))
        try:
            same = store.read_document(path) == {
                "metrics": {"val/loss": 0.125},
                "state": "finished",
            }
            assert same, position
        except UserError:
            noticed += 1
    assert noticed > 0.95 * len(whole)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '"x"', "{}", '{"format": 1}', "\x00"])
def test_what_is_no_document(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(UserError, match=r"d\.json.*damaged"):
        store.read_document(tmp_path / "d.json")


def test_where_both_versions_are_damaged_both_are_named(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    for number in (1, 2):
        store.write_document(path, {"a": number}, keep_previous=True)
    for each in (path, store.previous(path)):
        each.write_bytes(each.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"d\.json: is damaged .*, and so is .* d\.json\.previous"):
        store.read_document(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    store.write_document(path, {"a": 1})
    document = json.loads(path.read_text())
    document["format"] = store.FORMAT + 1
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="update cvae-sweep"):
        store.read_document(path)


def test_a_missing_document(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store.read_document(tmp_path / "d.json")


def test_parts_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in (".a.json.12.part", "deep/.b.pt.34.part", "a.json", "x.part", ".hidden"):
        (tmp_path / name).write_text("")
    store.remove_parts(tmp_path)
    assert {p.name for p in tmp_path.rglob("*")} == {"deep", "a.json", "x.part", ".hidden"}
