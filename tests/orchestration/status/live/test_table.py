"""Frames at every size, from made-up moments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestration.status.live.row import Row
from orchestration.status.live.table import Moment, frame

NOW = 1000.0


def row(key: str, state: str, **fields: object) -> Row:
    known = Row(f"{key:0>10}", f"cvae β=1e-0{key} λ=0.1 τ=0.5 latent_dim=16", "cvae", 40, state)  # type: ignore[arg-type]
    return replace(known, **fields)  # type: ignore[arg-type]


def training(key: str) -> Row:
    return row(key, "training", epoch=10, loss=0.1234567, probe=0.9, images_per_s=12345.0,
               epoch_s=2.0, at=NOW - 1)  # fmt: skip


def moment(*rows: Row, stopping: bool = False) -> Moment:
    left = {each.key: 59.0 for each in rows if each.state == "training"}
    return Moment("digits_beta", rows, left, 125.0, NOW, 61.0, stopping)


def text(of: Moment, width: int, height: int = 24) -> list[str]:
    return [line.plain for line in frame(of, width, height)]


MANY = moment(
    *(row(f"{n}", "finished", epoch=40, at=0.0) for n in range(30)),
    row("31", "failed", epoch=3, at=NOW - 500),
    row("32", "finished", epoch=40, at=NOW - 5),
    *(training(f"{n}") for n in range(40, 44)),
    row("44", "evaluating", epoch=40, at=NOW - 1),
    *(row(f"{n}", "waiting") for n in range(50, 100)),
)


@pytest.mark.parametrize("height", [1, 3, 5, 6, 10, 24, 50, 200])
@pytest.mark.parametrize("width", [10, 20, 40, 59, 60, 80, 120, 200])
def test_no_frame_is_larger_than_the_terminal(width: int, height: int) -> None:
    lines = frame(MANY, width, height)
    assert 1 <= len(lines) <= max(height - 1, 1)
    assert max(line.cell_len for line in lines) <= width


def test_of_what_learns_nothing_no_speed_is_shown() -> None:
    rows = [replace(training(f"{n}"), model=m, name=m) for n, m in enumerate(("pca", "pixels"))]
    shown = {line.split()[1]: "12,345" in line for line in text(moment(*rows), 120)[1:3]}
    assert shown == {"pca": True, "pixels": False}


def test_columns_by_width() -> None:
    heads = {width: text(MANY, width)[0].split() for width in (40, 60, 80, 120)}
    wide = ["trial", "settings", "state", "epoch", "loss", "val", "probe", "images/s", "left"]
    assert heads[120] == wide
    assert heads[80] == ["trial", "settings", "state", "epoch", "loss", "left"]
    assert heads[60] == ["trial", "settings", "state", "epoch"]
    assert heads[40] == ["trial", "settings", "state", "epoch"]
    assert any("━━━╌╌╌╌╌╌╌╌╌" in line for line in text(MANY, 130)), "10 of 40 epochs"


def test_what_is_shown_of_many_trials() -> None:
    lines = text(MANY, 120)
    states = [line.split("latent_dim=16")[1].split()[0] for line in lines[1:-3]]
    assert states == ["failed", "finished", *["training"] * 4, "evaluating", *["waiting"] * 5]
    assert lines[-3] == "others: 30 finished, 45 waiting"
    assert lines[-2] == "digits_beta: 31/87 finished, 1 failed, 1:01 so far, about 2:05 left"
    assert lines[-1] == "training 4, evaluating 1; Ctrl-C stops, and the same command continues"


def test_a_row() -> None:
    (line,) = [x for x in text(moment(training("7")), 120) if x.startswith("0000000007")]
    assert line.split() == [
        *("0000000007", "cvae", "β=1e-07", "λ=0.1", "τ=0.5", "latent_dim=16", "training"),
        *("10/40", "━━━╌╌╌╌╌╌╌╌╌", "0.12346", "0.900", "12,345", "0:59"),
    ]


def test_trials_under_way_come_before_all_others_where_there_is_little_room() -> None:
    lines = text(MANY, 80, 9)
    assert sum("training" in line for line in lines[1:-3]) == 4
    assert not any("waiting" in line for line in lines[:-3])
    assert lines[-3].startswith("others: 31 finished, 1 failed, 1 under way, 50 waiting")


def test_nodes_have_a_line_where_there_are_several() -> None:
    told = "nodes: host1 (10.0.0.1): 40 trials, 2 running, lost 3 times; host2 (10.0.0.2): 1 trial"
    several = replace(MANY, nodes=told)
    assert text(several, 120)[-3] == told
    assert len(text(several, 120)) <= len(text(MANY, 120))
    assert not any("nodes:" in line for line in text(MANY, 120))
    for height in (1, 3, 5, 6, 10):
        assert len(text(several, 40, height)) <= max(height - 1, 1)


def test_one_that_ended_long_ago_is_only_counted() -> None:
    lines = text(moment(row("1", "finished", at=NOW - 60), training("2")), 80)
    assert not any(line.startswith("0000000001") for line in lines)
    assert "others: 1 finished" in lines


def test_stopped_trials_are_no_failures_and_are_counted_apart() -> None:
    rows = [
        row("1", "stopped", epoch=5, at=NOW - 5),
        row("2", "stopped", epoch=5, at=NOW - 500),
        row("3", "failed", epoch=5, at=NOW - 5),
        training("4"),
    ]
    lines = text(moment(*rows), 120)
    assert [line.split()[6] for line in lines[1:4]] == ["failed", "stopped", "training"]
    assert lines[-3] == "others: 1 stopped early"
    assert lines[-2].startswith("digits_beta: 0/4 finished, 2 stopped early, 1 failed, ")


def test_how_to_stop_is_said_at_every_width() -> None:
    for width in (40, 60, 80, 120):
        last = text(moment(training("1"), stopping=True), width)[-1]
        assert last.startswith("stopping")
        assert last.endswith("Ctrl-C again ends at once")
        assert "Ctrl-C stops" in text(moment(training("1")), width)[-1]


def test_settings_are_cut_only_where_nothing_else_can_go() -> None:
    for width in (100, 120):
        assert "latent_dim=16 " in text(moment(training("7")), width)[1]
    assert "… training" in text(moment(training("7")), 40)[1]
