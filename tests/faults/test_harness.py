"""The harness itself: what it kills, what it notices, what it prints."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .disturb import Hit, Outcome
from .kinds import KINDS, kind_of
from .moment import open_writes, what_is_written, written_by_worker
from .place import Place
from .plan import LAST_SHARE, plan_of
from .record import differences
from .report import say_outcome, say_summary


def group(victim: str) -> str:
    return victim if victim in ("driver", "worker") else "ray"


@pytest.mark.parametrize("first", [0, 271828])
def test_twenty_sweeps_kill_each_often_enough(first: int) -> None:
    plans = [plan_of(seed, 5) for seed in range(first, first + 20)]
    kills = [kill for plan in plans for kill in plan]
    victims = Counter(group(kill.victim) for kill in kills)
    assert sum(victims.values()) == 100
    assert min(victims.values()) >= 20
    assert {kill.victim for kill in kills} == {"driver", "worker", "gcs_server", "raylet"}
    assert {kind_of(seed) for seed in range(first, first + 20)} == set(KINDS)
    for plan in plans:
        shares = [kill.share for kill in plan]
        assert shares == sorted(shares)
        assert shares[-1] < LAST_SHARE


def test_a_seed_repeats_its_plan() -> None:
    assert plan_of(7, 5) == plan_of(7, 5)
    assert plan_of(7, 5) != plan_of(8, 5)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"a": {"b": [1.0, math.nextafter(2.0, 3.0)]}}, "/a/b[1]: 2.0 undisturbed"),
        ({"a": {"b": [1.0]}}, "/a/b: 2 undisturbed, 1 now"),
        ({"a": {}}, "/a/b: is missing"),
        ({"a": {"b": [1.0, 2.0]}, "c": 0}, "/c: was not there undisturbed"),
        ({"a": {"b": [1, 2.0]}}, "/a/b[0]: 1.0 undisturbed, 1 now"),
    ],
)
def test_the_least_difference_is_noticed(other: dict[str, Any], said: str) -> None:
    (found,) = differences({"a": {"b": [1.0, 2.0]}}, other)
    assert found.startswith(said)


def test_what_is_the_same_does_not_differ() -> None:
    assert list(differences({"a": [1.0, {"b": None}]}, {"a": [1.0, {"b": None}]})) == []


def test_open_writes_are_told_apart(tmp_path: Path) -> None:
    names = {
        "trials/.k.json.0a.part": ("document write", False),
        ".processes.json.0b.part": ("document write", False),
        "checkpoints/k/.a001-e00001.pt.0c.part": ("checkpoint write", True),
        "artifacts/k/probe/.table.csv.0d.part": ("artifact write", True),
    }
    for name in (*names, "trials/k.json", "checkpoints/k/a001-e00001.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = open_writes(tmp_path)
    assert {
        part.relative_to(tmp_path).as_posix(): (
            what_is_written(tmp_path, part),
            written_by_worker(tmp_path, part),
        )
        for part in found
    } == names


def test_shared_memory_of_other_programs_is_not_left_by_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, KINDS[0], tmp_path / "cache")
    before = place._shared_memory
    place._pids.add(11)
    new = ["joblib_memmapping_folder_11_a", "joblib_memmapping_folder_12_b", "plasma"]
    monkeypatch.setattr("tests.faults.place._shared_memory", lambda: before | set(new))
    assert place._new_shared_memory() == [new[0], new[2]]


def test_the_summary_counts_what_was_survived(capsys: pytest.CaptureFixture[str]) -> None:
    good = Outcome(
        4, "grid", [Hit("driver", "document write", cut_off=True), Hit("raylet", "epoch 2")]
    )
    bad = Outcome(5, "scheduler", [Hit("worker", "epoch 2")], differences=["/a: 1, 2 now"])
    say_outcome(bad, 2, 2)
    say_summary([good, bad])
    said = capsys.readouterr().out
    assert "again: make faults N=1 SEED=5" in said
    assert "/a: 1, 2 now" in said
    assert "survived 2 kills in 1 sweeps" in said
    assert "writes cut off for certain: 1" in said
    assert "FAILED: seed 5" in said
